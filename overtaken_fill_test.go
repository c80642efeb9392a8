package tiercache_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiercache/tiercache"
	"github.com/tiercache/tiercache/backend"
	"github.com/tiercache/tiercache/invalidate"
	"github.com/tiercache/tiercache/tier"
)

// The slow reader is the only one: nobody has put anything newer into the tiers that could hide what it leaves there.
func TestAnOvertakenFillIsNotFound(t *testing.T) {
	for _, point := range []string{stopInLoad, stopBeforeFill} {
		for _, way := range stopInvalidations {
			if strings.HasPrefix(way.name, "Set") {
				continue // leaves a value itself
			}
			t.Run(point+", "+way.name, func(t *testing.T) {
				flightEngine(t, func(t *testing.T, near tier.Tier[int64]) {
					f := newStopFleet(t, near, memoryTier[int64](), true)
					s := newStop(point, 1)
					slow := flightGo(func() (int64, error) { return f.read(s.in(t.Context())) })
					synctest.Wait()
					if err := way.do(t.Context(), f); err != nil {
						t.Fatal(err)
					}
					close(s.release)
					slow.wants(t, 1, nil)
					for name, c := range map[string]*tiercache.Cache[int64]{"here": f.here, "there": f.there} {
						if v, ok, _ := c.Get(t.Context(), "k"); ok {
							t.Errorf("Get(k) = %v, true %s, want nothing", v, name)
						}
					}
					if n := f.here.Stats().FillsRefused; n != 1 {
						t.Errorf("FillsRefused = %d, want 1", n)
					}
					began := time.Now()
					if _, err := f.there.GetOrLoad(t.Context(), "k", f.load); err != nil || time.Since(began) > 0 {
						t.Errorf("GetOrLoad() elsewhere = %v after %v, want nil, at once", err, time.Since(began))
					}
				})
			})
		}
	}
}

// The other process has deleted the key from the store, and its event is still on its way.
func TestAFillThatTheStoreRefusesIsNotKeptNearEither(t *testing.T) {
	flightEngine(t, func(t *testing.T, near tier.Tier[int64]) {
		store := backend.NewMemory()
		here := newCache(t, tiercache.Config[int64]{Tiers: []tier.Tier[int64]{near, flightFar(store)}, Bus: invalidate.NewMemory()})
		there := newCache(t, tiercache.Config[int64]{Tiers: []tier.Tier[int64]{memoryTier[int64](), flightFar(store)}})
		synctest.Wait()
		l := newFlightLoad(1)
		slow := flightGo(func() (int64, error) { return here.GetOrLoad(t.Context(), "k", l.load) })
		synctest.Wait()
		if err := there.Delete(t.Context(), "k"); err != nil {
			t.Fatal(err)
		}
		close(l.release)
		slow.wants(t, 1, nil)
		staleGet(t, here, 0)
		if n := here.Stats().FillsRefused; n != 1 {
			t.Errorf("FillsRefused = %d, want 1", n)
		}
	})
}

// What another process has loaded comes with the answer to the question for a lease.
func TestAnotherProcessesFillIsNotKeptOnceItIsOvertaken(t *testing.T) {
	flightEngine(t, func(t *testing.T, near tier.Tier[int64]) {
		f := newStopFleet(t, near, memoryTier[int64](), true)
		l := newFlightLoad(1)
		there := flightGo(func() (int64, error) { return f.there.GetOrLoad(t.Context(), "k", l.load) })
		synctest.Wait()
		s := newStop(stopAfterLease, 2) // the first time there is none
		slow := flightGo(func() (int64, error) { return f.read(s.in(t.Context())) })
		synctest.Wait()
		close(l.release)
		there.wants(t, 1, nil)
		time.Sleep(time.Second)
		if !slow.running() {
			t.Fatal("the reader was not held up")
		}
		f.value.Store(2)
		if err := f.there.Delete(t.Context(), "k"); err != nil {
			t.Fatal(err)
		}
		close(s.release)
		slow.wants(t, 1, nil)
		staleGet(t, f.here, 0)
		if v, err := f.read(t.Context()); v != 2 || err != nil {
			t.Errorf("GetOrLoad() = %v, %v, want 2, nil", v, err)
		}
	})
}

// An overtaken load is not the one that others join, and its end must not be taken for that of the one they do.
func TestTheCallersOfAnOvertakenLoadLeaveTheNewOneAlone(t *testing.T) {
	flightEngine(t, func(t *testing.T, near tier.Tier[int64]) {
		c := newCache(t, tiercache.Config[int64]{Tiers: []tier.Tier[int64]{near}})
		l := newFlightLoad(1)
		ask := func(ctx context.Context) *flightCall {
			call := flightGo(func() (int64, error) { return c.GetOrLoad(ctx, "k", l.load) })
			synctest.Wait()
			return call
		}
		ctx, leave := context.WithCancel(t.Context())
		overtaken := ask(ctx)
		if err := c.Delete(t.Context(), "k"); err != nil {
			t.Fatal(err)
		}
		second := ask(t.Context())
		leave()
		overtaken.wants(t, 0, context.Canceled)
		third := ask(t.Context())
		close(l.release)
		second.wants(t, 1, nil)
		third.wants(t, 1, nil)
		if n := l.calls.Load(); n != 2 {
			t.Errorf("the Loader was called %d times, want 2", n)
		}
	})
}

// A late event costs the fill of a load that began after what it tells of. It must not cost more than that.
func TestARefusedFillGivesTheLeaseBack(t *testing.T) {
	flightEngine(t, func(t *testing.T, near tier.Tier[int64]) {
		store, bus := backend.NewMemory(), invalidate.NewMemory()
		here := newCache(t, tiercache.Config[int64]{Tiers: []tier.Tier[int64]{near, flightFar(store)}, Bus: bus})
		there := newCache(t, tiercache.Config[int64]{Tiers: []tier.Tier[int64]{memoryTier[int64](), flightFar(store)}})
		synctest.Wait()
		l := newFlightLoad(1)
		slow := flightGo(func() (int64, error) { return here.GetOrLoad(t.Context(), "k", l.load) })
		synctest.Wait()
		late := invalidate.Event{Op: invalidate.Delete, Cache: "test", Origin: "elsewhere", Keys: []string{"k"}}
		if err := bus.Publish(t.Context(), late); err != nil {
			t.Fatal(err)
		}
		close(l.release)
		slow.wants(t, 1, nil)
		if n := here.Stats().FillsRefused; n != 1 {
			t.Errorf("FillsRefused = %d, want 1", n)
		}
		began := time.Now()
		if v, err := there.GetOrLoad(t.Context(), "k", l.load); v != 1 || err != nil || time.Since(began) > 0 {
			t.Errorf("GetOrLoad() elsewhere = %v, %v after %v, want 1, nil, at once", v, err, time.Since(began))
		}
	})
}

func TestALateFillDoesNotDisplaceWhatWasSetMeanwhile(t *testing.T) {
	flightEngine(t, func(t *testing.T, near tier.Tier[int64]) {
		f := newStopFleet(t, near, memoryTier[int64](), true)
		s := newStop(stopAfterFill, 1) // the near tier is next
		slow := flightGo(func() (int64, error) { return f.read(s.in(t.Context())) })
		if !slow.running() {
			t.Fatal("the reader was not held up")
		}
		if err := f.here.Set(t.Context(), "k", 2); err != nil {
			t.Fatal(err)
		}
		close(s.release)
		slow.wants(t, 1, nil)
		staleGet(t, f.here, 2)
		if s := f.here.Stats(); s.Tiers[0].Hits != 1 {
			t.Errorf("the near tier has %d hits, want 1", s.Tiers[0].Hits)
		}
	})
}
