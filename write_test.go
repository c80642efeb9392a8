package tiercache_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiercache/tiercache"
	"github.com/tiercache/tiercache/backend"
	"github.com/tiercache/tiercache/codec"
	"github.com/tiercache/tiercache/invalidate"
	"github.com/tiercache/tiercache/tier"
)

// writeShapes are the arrangements of tiers that writes have to work with.
func writeShapes(t *testing.T, test func(t *testing.T, tiers []tier.Tier[int64])) {
	remote := func(b backend.Backend) tier.Tier[int64] { return tier.Remote[int64](b, codec.MsgPack{}) }
	for name, tiers := range map[string]func() []tier.Tier[int64]{
		"Near":    func() []tier.Tier[int64] { return []tier.Tier[int64]{memoryTier[int64]()} },
		"Far":     func() []tier.Tier[int64] { return []tier.Tier[int64]{remote(backend.NewMemory())} },
		"NearFar": func() []tier.Tier[int64] { return []tier.Tier[int64]{memoryTier[int64](), remote(backend.NewMemory())} },
		"NearFarWithoutLeases": func() []tier.Tier[int64] {
			return []tier.Tier[int64]{memoryTier[int64](), remote(struct{ backend.Backend }{backend.NewMemory()})}
		},
		"NearNearFar": func() []tier.Tier[int64] {
			return []tier.Tier[int64]{
				tier.Memory[int64](tier.MemoryConfig{Name: "hot", MaxEntries: 1000}), memoryTier[int64](), remote(backend.NewMemory()),
			}
		},
	} {
		t.Run(name, func(t *testing.T) { synctest.Test(t, func(t *testing.T) { test(t, tiers()) }) })
	}
}

// writeGet checks what Get returns. A want of 0 is nothing.
func writeGet(t *testing.T, c *tiercache.Cache[int64], key string, want int64) {
	t.Helper()
	if got, ok, err := c.Get(t.Context(), key); got != want || ok != (want != 0) || err != nil {
		t.Errorf("Get(%q) = %v, %v, %v, want %v, %v, nil", key, got, ok, err, want, want != 0)
	}
}

func writeSet(t *testing.T, c *tiercache.Cache[int64], key string, v int64) {
	t.Helper()
	if err := c.Set(t.Context(), key, v); err != nil {
		t.Fatalf("Set(%q, %d) = %v, want nil", key, v, err)
	}
}

func TestWhatWasSetIsReadAtOnce(t *testing.T) {
	writeShapes(t, func(t *testing.T, tiers []tier.Tier[int64]) {
		c := newCache(t, tiercache.Config[int64]{Tiers: tiers})
		for i := range int64(300) { // new keys, and new values of old ones
			key := fmt.Sprint(i % 100)
			writeSet(t, c, key, i+1)
			writeGet(t, c, key, i+1)
		}
	})
}

func TestWhatWasDeletedIsGoneAtOnce(t *testing.T) {
	writeShapes(t, func(t *testing.T, tiers []tier.Tier[int64]) {
		c := newCache(t, tiercache.Config[int64]{Tiers: tiers})
		for i := range int64(100) {
			writeSet(t, c, "k", i+1)
			if err := c.Delete(t.Context(), "k"); err != nil {
				t.Fatalf("Delete(k) = %v, want nil", err)
			}
			writeGet(t, c, "k", 0)
		}
	})
}

// There are more keys than one event carries.
func TestDeleteOfManyKeysReachesEveryTierAndInstance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 3000
		store, bus := backend.NewMemory(), invalidate.NewMemory()
		var events []int
		cfg := func() tiercache.Config[int64] {
			return tiercache.Config[int64]{
				Tiers: []tier.Tier[int64]{memoryTier[int64](), tier.Remote[int64](store, codec.MsgPack{})},
				Bus:   bus,
			}
		}
		a := newCache(t, cfg())
		told := cfg()
		told.Observer.Invalidated = func(e invalidate.Event) { events = append(events, len(e.Keys)) }
		b := newCache(t, told)
		synctest.Wait() // until both are subscribed

		var keys []string
		for i := range n {
			keys = append(keys, fmt.Sprint(i))
		}
		var s source
		s.value.Store(1)
		for _, key := range keys {
			if _, err := b.GetOrLoad(t.Context(), key, s.load); err != nil {
				t.Fatalf("GetOrLoad(%q) = %v, want nil", key, err)
			}
		}
		if err := a.Delete(t.Context(), keys...); err != nil {
			t.Fatalf("Delete() = %v, want nil", err)
		}
		for _, key := range keys {
			writeGet(t, a, key, 0)
			writeGet(t, b, key, 0)
		}
		synctest.Wait()
		total := 0
		for _, n := range events {
			total += n
		}
		if total != n || slices.Max(events) > 1024 {
			t.Errorf("events had %v keys, want %d in all and 1024 at most", events, n)
		}
	})
}

func TestDeleteOfNothing(t *testing.T) {
	writeShapes(t, func(t *testing.T, tiers []tier.Tier[int64]) {
		bus := invalidate.NewMemory()
		c := newCache(t, tiercache.Config[int64]{Tiers: tiers, Bus: bus})
		synctest.Wait()
		writeSet(t, c, "k", 1)
		for _, keys := range [][]string{nil, {}, {"absent"}, {"absent", "absent"}} {
			if err := c.Delete(t.Context(), keys...); err != nil {
				t.Errorf("Delete(%q) = %v, want nil", keys, err)
			}
			if err := c.Expire(t.Context(), keys...); err != nil {
				t.Errorf("Expire(%q) = %v, want nil", keys, err)
			}
		}
		writeGet(t, c, "k", 1)
	})
}

func TestDeleteLeavesTheKeysOfTheCallerAlone(t *testing.T) {
	c := newCache(t, tiercache.Config[int64]{})
	keys := []string{"b", "a", "b"}
	if err := c.Delete(t.Context(), keys...); err != nil || !slices.Equal(keys, []string{"b", "a", "b"}) {
		t.Errorf("Delete() = %v and made %q of its argument", err, keys)
	}
}

// An expired entry is served while it is loaded again, and also when that fails.
func TestExpiredEntryIsStaleInEveryTier(t *testing.T) {
	writeShapes(t, func(t *testing.T, tiers []tier.Tier[int64]) {
		c := newCache(t, tiercache.Config[int64]{Tiers: tiers, Profile: tiercache.Profile{TTL: time.Minute, StaleFor: time.Hour}})
		writeSet(t, c, "k", 1)
		if err := c.Expire(t.Context(), "k"); err != nil {
			t.Fatalf("Expire(k) = %v, want nil", err)
		}
		fail := func(context.Context, string) (int64, error) { return 0, errors.New("source is down") }
		var s source
		s.value.Store(2)
		for _, load := range []tiercache.Loader[int64]{fail, s.load} {
			if got, err := c.GetOrLoad(t.Context(), "k", load); got != 1 || err != nil {
				t.Errorf("GetOrLoad(k) after Expire = %v, %v, want the stale 1, nil", got, err)
			}
			synctest.Wait() // for the load in the background
		}
		writeGet(t, c, "k", 2)
		if n := s.calls.Load(); n != 1 {
			t.Errorf("%d loads after Expire, want 1", n)
		}
		if got := c.Stats().StaleServed; got != 2 {
			t.Errorf("Stats().StaleServed = %d, want 2", got)
		}
	})
}

func TestExpiredEntryIsAMissWhereNothingStaleIsServed(t *testing.T) {
	writeShapes(t, func(t *testing.T, tiers []tier.Tier[int64]) {
		c := newCache(t, tiercache.Config[int64]{Tiers: tiers, Profile: tiercache.Profile{TTL: time.Minute}})
		writeSet(t, c, "k", 1)
		if err := c.Expire(t.Context(), "k"); err != nil {
			t.Fatalf("Expire(k) = %v, want nil", err)
		}
		writeGet(t, c, "k", 0)
	})
}

// Expire does not make an entry live longer.
func TestExpireKeepsTheEndOfStaleFor(t *testing.T) {
	writeShapes(t, func(t *testing.T, tiers []tier.Tier[int64]) {
		c := newCache(t, tiercache.Config[int64]{Tiers: tiers, Profile: tiercache.Profile{TTL: time.Minute, StaleFor: time.Hour}})
		writeSet(t, c, "k", 1)
		time.Sleep(30 * time.Minute) // on the clock of the bubble, here and below
		if err := c.Expire(t.Context(), "k"); err != nil {
			t.Fatalf("Expire(k) = %v, want nil", err)
		}
		writeGet(t, c, "k", 1)
		time.Sleep(31*time.Minute + time.Millisecond)
		writeGet(t, c, "k", 0)
	})
}

// An entry that has been stale for longer than it may is not made younger.
func TestExpireOfAStaleEntryChangesNothing(t *testing.T) {
	writeShapes(t, func(t *testing.T, tiers []tier.Tier[int64]) {
		c := newCache(t, tiercache.Config[int64]{Tiers: tiers, Profile: tiercache.Profile{TTL: time.Minute, StaleFor: 10 * time.Minute}})
		if err := c.Set(t.Context(), "k", 1, tiercache.WithStaleFor(time.Hour)); err != nil {
			t.Fatalf("Set(k) = %v, want nil", err)
		}
		time.Sleep(5 * time.Minute) // on the clock of the bubble, here and below
		writeGet(t, c, "k", 1)
		if err := c.Expire(t.Context(), "k"); err != nil {
			t.Fatalf("Expire(k) = %v, want nil", err)
		}
		writeGet(t, c, "k", 1)
		time.Sleep(7 * time.Minute)
		writeGet(t, c, "k", 0)
	})
}

func TestWritesGoOnToTheOthersWhenTheCallerLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, bus := backend.NewMemory(), invalidate.NewMemory()
		cfg := func() tiercache.Config[int64] {
			return tiercache.Config[int64]{
				Tiers: []tier.Tier[int64]{memoryTier[int64](), tier.Remote[int64](writeLeaver{store}, codec.MsgPack{})},
				Bus:   bus,
			}
		}
		a, b := newCache(t, cfg()), newCache(t, cfg())
		synctest.Wait()
		writeSet(t, a, "k", 1)
		writeGet(t, b, "k", 1)
		ctx, cancel := context.WithCancel(t.Context())
		if err := a.Delete(context.WithValue(ctx, writeLeave{}, cancel), "k"); err != nil {
			t.Errorf("Delete(k) = %v, want nil", err)
		}
		writeGet(t, a, "k", 0)
		writeGet(t, b, "k", 0)
	})
}

// A writeLeaver is a store during whose Delete the caller leaves: it cancels the context that has its cancel function.
type writeLeaver struct{ *backend.Memory }

type writeLeave struct{} // the key of the function in a context

func (w writeLeaver) Delete(ctx context.Context, keys ...string) error {
	err := w.Memory.Delete(ctx, keys...)
	if cancel, ok := ctx.Value(writeLeave{}).(context.CancelFunc); ok {
		cancel()
	}
	return err
}
