//go:build !race

// The race detector makes pools drop some of what they are given, so allocations are counted without it.

package tiercache_test

import (
	"context"
	"testing"
	"time"

	"github.com/tiercache/tiercache"
	"github.com/tiercache/tiercache/invalidate"
	"github.com/tiercache/tiercache/tier"
)

// hitCache returns a cache on a bus that has 7 under "k".
func hitCache(t *testing.T, near tier.Tier[int64]) *tiercache.Cache[int64] {
	t.Helper()
	subscribed := make(chan int, invalidate.Partitions)
	c := newCache(t, tiercache.Config[int64]{
		Tiers:    []tier.Tier[int64]{near},
		Bus:      invalidate.NewMemory(),
		Profile:  tiercache.Static(),
		Observer: tiercache.Observer{Dropped: func(partition int) { subscribed <- partition }},
	})
	for range invalidate.Partitions { // what is stored before that is dropped
		select {
		case <-subscribed:
		case <-time.After(10 * time.Second):
			t.Fatal("the cache has not subscribed")
		}
	}
	if err := c.Set(t.Context(), "k", 7); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAHitDoesNotAllocate(t *testing.T) {
	for _, engine := range flightEngines {
		c := hitCache(t, engine.near())
		ctx := context.Background()
		load := func(context.Context, string) (int64, error) {
			t.Error("a load")
			return 0, nil
		}
		var none []tiercache.CallOption
		memo := tiercache.Memoize(c, func(int64) string { return "k" }, func(context.Context, int64) (int64, error) { return load(ctx, "") })
		before := c.Stats().Tiers[0].Hits
		const runs = 1000
		for _, test := range []struct {
			name string
			read func() (int64, error)
		}{
			{"GetOrLoad", func() (int64, error) { return c.GetOrLoad(ctx, "k", load) }},
			{"GetOrLoad with a nil slice of options", func() (int64, error) { return c.GetOrLoad(ctx, "k", load, none...) }},
			{"Get", func() (int64, error) { v, _, err := c.Get(ctx, "k"); return v, err }},
			{"Lookup", func() (int64, error) { r, err := c.Lookup(ctx, "k", load); return r.Value, err }},
			{"Lookup without a Loader", func() (int64, error) { r, err := c.Lookup(ctx, "k", nil); return r.Value, err }},
			{"Memo.Call", func() (int64, error) { return memo.Call(ctx, 1<<40) }},
		} {
			got := testing.AllocsPerRun(runs, func() {
				if v, err := test.read(); v != 7 || err != nil {
					t.Fatalf("%s = %v, %v, want 7, nil", test.name, v, err)
				}
			})
			if got > 0 {
				t.Errorf("%s: %s makes %v allocations, want none", engine.name, test.name, got)
			}
		}
		if n := c.Stats().Tiers[0].Hits - before; n != 6*(runs+1) {
			t.Errorf("%s: Hits = %d, want %d", engine.name, n, 6*(runs+1))
		}
	}
}

// An observer is told of a hit without a copy of anything.
func TestAnObservedHitDoesNotAllocate(t *testing.T) {
	for _, engine := range flightEngines {
		hits := 0
		c := newCache(t, tiercache.Config[int64]{
			Tiers:    []tier.Tier[int64]{engine.near()},
			Observer: tiercache.Observer{Hit: func(string, string, bool) { hits++ }},
		})
		ctx := context.Background()
		if err := c.Set(ctx, "k", 7); err != nil {
			t.Fatal(err)
		}
		if got := testing.AllocsPerRun(1000, func() { _, _, _ = c.Get(ctx, "k") }); got > 0 {
			t.Errorf("%s: Get makes %v allocations, want none", engine.name, got)
		}
		if hits != 1001 {
			t.Errorf("%s: the observer was told of %d hits, want 1001", engine.name, hits)
		}
	}
}
