package tiercache_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/tiercache/tiercache"
	"github.com/tiercache/tiercache/backend"
	"github.com/tiercache/tiercache/invalidate"
	"github.com/tiercache/tiercache/tier"
)

// stepCache returns an instance with a near tier, over store and bus.
func stepCache(t *testing.T, store backend.Backend, bus invalidate.Bus) *tiercache.Cache[int64] {
	t.Helper()
	c := newCache(t, tiercache.Config[int64]{Tiers: []tier.Tier[int64]{memoryTier[int64](), flightFar(store)}, Bus: bus})
	synctest.Wait() // it has subscribed
	return c
}

func TestDeleteIsOneStepWhereTheBusCanDelete(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 1100
		store, bus := newStepStore(), newStepBus(0)
		a, b := stepCache(t, backend.Prefix(store, "p:"), bus), stepCache(t, backend.Prefix(store, "p:"), bus)
		var keys []string
		for i := range n {
			keys = append(keys, fmt.Sprint(i))
			writeSet(t, a, keys[i], 1)
			writeGet(t, b, keys[i], 1)
		}
		before := a.Stats()
		if err := a.Delete(t.Context(), keys...); err != nil {
			t.Fatalf("Delete() = %v, want nil", err)
		}
		if calls, _ := bus.asked(); !slices.Equal(calls, []int{512, 512, n - 1024}) {
			t.Errorf("steps had %v keys, want 512, 512 and %d", calls, n-1024)
		}
		if store.deletes != 0 {
			t.Errorf("the store was asked to delete %d times besides, want 0", store.deletes)
		}
		if got := a.Stats().Published - before.Published; got != 3 {
			t.Errorf("Published has grown by %d, want 3", got)
		}
		for _, key := range keys {
			writeGet(t, a, key, 0)
			writeGet(t, b, key, 0)
		}
	})
}

// A reader stores the old value in memory after the write has begun and before the server gets to it.
func TestNothingThatIsReadBeforeTheStepSurvivesIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := newStepBus(0)
		c := stepCache(t, newStepStore(), bus)
		writeSet(t, c, "k", 1)
		bus.step = func(_ context.Context, do func() error) error {
			writeGet(t, c, "k", 1)
			return do()
		}
		if err := c.Delete(t.Context(), "k"); err != nil {
			t.Fatalf("Delete(k) = %v, want nil", err)
		}
		writeGet(t, c, "k", 0)
		if n := c.Stats().Echoes; n != 2 { // of Set and of Delete
			t.Errorf("Echoes = %d, want 2", n)
		}
	})
}

func TestFailedStepIsReportedAndEndsTheDelete(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, bus := newStepStore(), newStepBus(0)
		c := stepCache(t, store, bus)
		writeSet(t, c, "k", 1)
		broken := errors.New("broken")
		bus.step = func(context.Context, func() error) error { return broken }
		keys := []string{"k"}
		for i := range 600 {
			keys = append(keys, fmt.Sprint(i))
		}
		err := c.Delete(t.Context(), keys...)
		if !errors.Is(err, broken) || !strings.Contains(err.Error(), "tier remote") {
			t.Errorf("Delete() = %v, want %v of tier remote", err, broken)
		}
		if calls, _ := bus.asked(); len(calls) != 1 || store.deletes != 0 {
			t.Errorf("%d steps and %d other deletes, want 1 and 0", len(calls), store.deletes)
		}
		if s := c.Stats(); s.PublishErrors != 1 || s.Tiers[1].Errors != 1 || s.Published != 1 {
			t.Errorf("Stats() = %+v, want 1 error of publishing and 1 of the far tier, after 1 event", s)
		}
	})
}

func TestBusThatCannotDeleteInTheStoreIsAskedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, bus := newStepStore(), newStepBus(0)
		a, b := stepCache(t, store, bus), stepCache(t, store, bus)
		bus.step = func(context.Context, func() error) error {
			return fmt.Errorf("another store: %w", errors.ErrUnsupported)
		}
		for range 3 {
			writeSet(t, a, "k", 1)
			writeGet(t, b, "k", 1)
			if err := a.Delete(t.Context(), "k"); err != nil {
				t.Fatalf("Delete(k) = %v, want nil", err)
			}
			writeGet(t, a, "k", 0)
			writeGet(t, b, "k", 0)
		}
		if calls, _ := bus.asked(); len(calls) != 1 || store.deletes != 3 {
			t.Errorf("%d steps and %d other deletes, want 1 and 3", len(calls), store.deletes)
		}
		if s := a.Stats(); s.PublishErrors != 0 || s.Tiers[1].Errors != 0 || s.Published != 6 || s.Echoes != 6 {
			t.Errorf("Stats() = %+v, want 6 events, all of them ignored when they came back, and no errors", s)
		}
	})
}

// The bus can do it, but the tiers are not one that says where it stores.
func TestDeleteIsTwoStepsWhereTheTiersDoNotAllowOne(t *testing.T) {
	for name, far := range map[string]func() []tier.Tier[int64]{
		"a store without a place": func() []tier.Tier[int64] { return []tier.Tier[int64]{flightFar(backend.NewMemory())} },
		"two shared tiers": func() []tier.Tier[int64] {
			return []tier.Tier[int64]{flightFar(newStepStore()), flightFar(newStepStore()).Named("farther")}
		},
		"none": func() []tier.Tier[int64] { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				bus := newStepBus(0)
				c := newCache(t, tiercache.Config[int64]{Tiers: append([]tier.Tier[int64]{memoryTier[int64]()}, far()...), Bus: bus})
				synctest.Wait()
				writeSet(t, c, "k", 1)
				if err := c.Delete(t.Context(), "k"); err != nil {
					t.Fatalf("Delete(k) = %v, want nil", err)
				}
				writeGet(t, c, "k", 0)
				calls, _ := bus.asked()
				if s := c.Stats(); len(calls) != 0 || s.Published != 2 {
					t.Errorf("%d steps and %d events, want 0 and 2", len(calls), s.Published)
				}
			})
		})
	}
}

func TestCallerThatLeavesDoesNotCutTheStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := newStepBus(0)
		c := stepCache(t, newStepStore(), bus)
		writeSet(t, c, "k", 1)
		ctx, cancel := context.WithCancel(t.Context())
		bus.step = func(ctx context.Context, do func() error) error {
			cancel()
			return errors.Join(ctx.Err(), do())
		}
		if err := c.Delete(ctx, "k"); err != nil {
			t.Errorf("Delete(k) = %v, want nil", err)
		}
		writeGet(t, c, "k", 0)
	})
}
