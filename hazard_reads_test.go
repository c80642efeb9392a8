package tiercache_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiercache/tiercache"
	"github.com/tiercache/tiercache/backend"
	"github.com/tiercache/tiercache/invalidate"
	"github.com/tiercache/tiercache/tier"
)

// Each test is one way in which a read could be given an old value, in the order of events that it takes. A hazard has the same number wherever
// it is tested.

// hazardPair returns two processes that share a store and a bus. What here reads from the store passes far, and near is its memory.
func hazardPair(t *testing.T, near tier.Tier[int64]) (here, there *tiercache.Cache[int64], far *afterGet, store *backend.Memory) {
	t.Helper()
	store, bus := backend.NewMemory(), invalidate.NewMemory()
	far = &afterGet{RemoteTier: flightFar(store)}
	profile := tiercache.Profile{TTL: time.Hour, AbsentFor: time.Hour}
	here = newCache(t, tiercache.Config[int64]{Bus: bus, Tiers: []tier.Tier[int64]{near, far}, Profile: profile})
	there = newCache(t, tiercache.Config[int64]{Bus: bus, Tiers: []tier.Tier[int64]{memoryTier[int64](), flightFar(store)}, Profile: profile})
	synctest.Wait() // both have subscribed
	return here, there, far, store
}

// hazardDelete deletes k, as the process that has changed the source does.
func hazardDelete(t *testing.T, c *tiercache.Cache[int64]) {
	t.Helper()
	if err := c.Delete(t.Context(), "k"); err != nil {
		t.Error(err)
	}
}

// A load reads the source; the source changes and the key is deleted elsewhere; the load ends and fills memory.
func TestH1FillThatADeleteHasOvertaken(t *testing.T) {
	flightEngine(t, func(t *testing.T, near tier.Tier[int64]) {
		here, there, _, _ := hazardPair(t, near)
		statsLoad(t, here, func(context.Context, string) (int64, error) {
			hazardDelete(t, there)
			return 1, nil
		})
		staleGet(t, here, 0)
		staleGet(t, there, 0)
	})
}

// The store answers with the old value; it is deleted elsewhere, and the event is here before the answer; the answer is promoted.
func TestH3FarReadThatADeleteHasOvertaken(t *testing.T) {
	flightEngine(t, func(t *testing.T, near tier.Tier[int64]) {
		here, there, far, _ := hazardPair(t, near)
		statsSet(t, there)
		far.do = func() { hazardDelete(t, there) }
		staleGet(t, here, 0)
		staleGet(t, here, 0)
		if n := here.Stats().Tiers[0].Promotes; n != 0 {
			t.Errorf("Promotes = %d, want 0", n)
		}
	})
}

// An engine applies a write in the background, and so brings back what was deleted meanwhile.
func TestH4EntryThatComesBackAfterItsDelete(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near := &hazardUndead{outageDeafTier{Tier: memoryTier[int64]()}}
		here, there, _, _ := hazardPair(t, near)
		for name, c := range map[string]*tiercache.Cache[int64]{"here": here, "there": there} {
			near.deaf.Store(false)
			statsSet(t, here)
			near.deaf.Store(true)
			hazardDelete(t, c)
			if _, ok, _ := near.Get(t.Context(), "k"); !ok {
				t.Fatal("the engine has lost the entry, which it should keep")
			}
			before := here.Stats().Tiers[0].Fenced
			staleGet(t, here, 0)
			if n := here.Stats().Tiers[0].Fenced - before; n == 0 {
				t.Errorf("after a Delete %s the entry was not refused", name)
			}
		}
	})
}

// A hazardUndead keeps what it is told to forget while it is deaf.
type hazardUndead struct{ outageDeafTier }

func (u *hazardUndead) Delete(ctx context.Context, keys ...string) error {
	if u.deaf.Load() {
		return nil
	}
	return u.Tier.Delete(ctx, keys...)
}

// A load is under way; the key is deleted; a reader that comes after that joins the load.
func TestH5FlightFromBeforeADelete(t *testing.T) {
	flightEngine(t, func(t *testing.T, near tier.Tier[int64]) {
		here, there, _, _ := hazardPair(t, near)
		old := newFlightLoad(1)
		slow := flightGo(func() (int64, error) { return here.GetOrLoad(t.Context(), "k", old.load) })
		synctest.Wait()
		hazardDelete(t, there)
		var s source
		s.value.Store(2)
		if v, err := here.GetOrLoad(t.Context(), "k", s.load); v != 2 || err != nil {
			t.Errorf("GetOrLoad(k) = %v, %v after the Delete, want 2, nil", v, err)
		}
		close(old.release)
		slow.wants(t, 1, nil) // it asked before
		staleGet(t, here, 2)
	})
}

// A record has a second left when it is promoted, and memory keeps it for the whole TTL of its own profile.
func TestH15PromotedEntryThatOutlivesItsRecord(t *testing.T) {
	flightEngine(t, func(t *testing.T, near tier.Tier[int64]) {
		here, there, _, _ := hazardPair(t, near)
		if err := there.Set(t.Context(), "k", 1, tiercache.WithTTL(10*time.Second)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(9 * time.Second)
		staleGet(t, here, 1)
		time.Sleep(time.Second - time.Nanosecond)
		staleGet(t, here, 1)
		if n := here.Stats().Tiers[0].Hits; n != 1 {
			t.Errorf("Hits in memory = %d, want 1", n)
		}
		time.Sleep(time.Nanosecond)
		staleGet(t, here, 0)
	})
}

// Absence is remembered; the row is inserted, and set or deleted elsewhere, since inserts invalidate too.
func TestH23AbsenceThatAnInsertHasEnded(t *testing.T) {
	flightEngine(t, func(t *testing.T, near tier.Tier[int64]) {
		here, there, _, _ := hazardPair(t, near)
		for want, insert := range map[int64]func(){0: func() { hazardDelete(t, there) }, 1: func() { statsSet(t, there) }} {
			hazardDelete(t, there)
			statsLoad(t, here, new(absentSource).load)
			if _, _, err := here.Get(t.Context(), "k"); !errors.Is(err, tiercache.ErrNotFound) {
				t.Fatalf("Get(k) = %v, want ErrNotFound", err)
			}
			insert()
			staleGet(t, here, want)
		}
	})
}

// A record is damaged in the store. Nobody gets an error or a wrong value, one load repairs it for all.
func TestH26RecordThatCannotBeRead(t *testing.T) {
	flightEngine(t, func(t *testing.T, near tier.Tier[int64]) {
		here, there, _, store := hazardPair(t, near)
		statsSet(t, there)
		record, _, err := store.Get(t.Context(), "test:k")
		if err != nil || len(record) == 0 {
			t.Fatalf("the store has %q, %v, want a record", record, err)
		}
		record[len(record)-1] ^= 1
		if err := store.Set(t.Context(), "test:k", record, time.Hour); err != nil {
			t.Fatal(err)
		}
		staleGet(t, here, 0)
		if n := here.Stats().Tiers[1].Unreadable; n != 1 {
			t.Errorf("Unreadable = %d, want 1", n)
		}
		var s source
		s.value.Store(2)
		if v, err := here.GetOrLoad(t.Context(), "k", s.load); v != 2 || err != nil {
			t.Errorf("GetOrLoad(k) = %v, %v, want 2, nil", v, err)
		}
		third := newCache(t, tiercache.Config[int64]{Tiers: []tier.Tier[int64]{flightFar(store)}})
		staleGet(t, third, 2)
	})
}

// The process stops for longer than the bound when it has the entry in hand, and goes on. The check comes last, and refuses it.
func TestH34EntryThatWasInHandDuringAPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near := &hazardPause{Tier: memoryTier[int64]()}
		c := newCache(t, tiercache.Config[int64]{Bus: &statsBus{bound: outageBound}, Tiers: []tier.Tier[int64]{near}})
		statsSet(t, c)
		staleGet(t, c, 1)
		near.pause = outageBound + time.Nanosecond
		staleGet(t, c, 0)
		if n := c.Stats().Tiers[0].Untrusted; n != 1 {
			t.Errorf("Untrusted = %d, want 1", n)
		}
	})
}

// A hazardPause stops the process after each read.
type hazardPause struct {
	tier.Tier[int64]
	pause time.Duration
}

func (p *hazardPause) Get(ctx context.Context, key string) (*tier.Entry[int64], bool, error) {
	e, ok, err := p.Tier.Get(ctx, key)
	time.Sleep(p.pause)
	return e, ok, err
}

func (p *hazardPause) Open(s tier.Scope) error { return p.Tier.(tier.Opener).Open(s) }
func (p *hazardPause) Close() error            { return p.Tier.(tier.Closer).Close() }

// A pause between the check and the use cannot be noticed here: what a caller holds was right when it was checked. The hook stands for it.
func TestExcludedH34PauseAfterTheCheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, tiercache.Config[int64]{
			Bus:      &statsBus{bound: outageBound},
			Observer: tiercache.Observer{Hit: func(string, string, bool) { time.Sleep(time.Hour) }},
		})
		statsSet(t, c)
		began := time.Now()
		staleGet(t, c, 1)
		if held := time.Since(began); held != time.Hour {
			t.Errorf("the value was held for %v, want an hour", held)
		}
	})
}

// An engine that is given two writes of a new key keeps the older one.
func TestH36EngineThatKeepsTheOlderOfTwoSets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near := &hazardUndead{outageDeafTier{Tier: memoryTier[int64]()}}
		c := newCache(t, tiercache.Config[int64]{Tiers: []tier.Tier[int64]{near}})
		statsSet(t, c)
		near.deaf.Store(true)
		if err := c.Set(t.Context(), "k", 2); err != nil {
			t.Fatal(err)
		}
		if e, ok, _ := near.Get(t.Context(), "k"); !ok || e.Value != 1 {
			t.Fatal("the engine has lost the older entry, which it should keep")
		}
		staleGet(t, c, 0)
	})
}
