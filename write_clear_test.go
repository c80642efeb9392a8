package tiercache_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiercache/tiercache"
	"github.com/tiercache/tiercache/backend"
	"github.com/tiercache/tiercache/codec"
	"github.com/tiercache/tiercache/invalidate"
	"github.com/tiercache/tiercache/tier"
)

func TestClearForgetsEverything(t *testing.T) {
	writeShapes(t, func(t *testing.T, tiers []tier.Tier[int64]) {
		c := newCache(t, tiercache.Config[int64]{Tiers: tiers, Profile: tiercache.Profile{TTL: time.Hour, StaleFor: time.Hour}})
		for round := range int64(3) {
			for i := range 100 {
				writeSet(t, c, fmt.Sprint(i), round+1)
			}
			if err := c.Clear(t.Context()); err != nil {
				t.Fatalf("Clear() = %v, want nil", err)
			}
			for i := range 100 {
				writeGet(t, c, fmt.Sprint(i), 0)
			}
			writeSet(t, c, "k", round+1)
			writeGet(t, c, "k", round+1)
		}
	})
}

// A writeCounter is a store that counts the calls of a writer.
type writeCounter struct {
	*backend.Memory
	calls atomic.Int64
}

func (w *writeCounter) Set(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	w.calls.Add(1)
	return w.Memory.Set(ctx, key, value, ttl)
}

func (w *writeCounter) Delete(ctx context.Context, keys ...string) error {
	w.calls.Add(1)
	return w.Memory.Delete(ctx, keys...)
}

func TestClearIsOneWriteAndOneEventWhateverTheNumberOfEntries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &writeCounter{Memory: backend.NewMemory()}
		c := newCache(t, tiercache.Config[int64]{
			Tiers: []tier.Tier[int64]{memoryTier[int64](), tier.Remote[int64](store, codec.MsgPack{})},
			Bus:   invalidate.NewMemory(),
		})
		synctest.Wait()
		for i := range 1000 {
			writeSet(t, c, fmt.Sprint(i), 1)
		}
		calls, published := store.calls.Load(), c.Stats().Published
		if err := c.Clear(t.Context()); err != nil {
			t.Fatalf("Clear() = %v, want nil", err)
		}
		if n := store.calls.Load() - calls; n != 1 {
			t.Errorf("Clear() of 1000 entries made %d writes, want 1", n)
		}
		if n := c.Stats().Published - published; n != 1 {
			t.Errorf("Clear() of 1000 entries published %d events, want 1", n)
		}
	})
}

func TestClearLeavesOtherCachesOfTheStoreAndTheBusAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, bus := backend.NewMemory(), invalidate.NewMemory()
		open := func(name string) *tiercache.Cache[int64] {
			return newCache(t, tiercache.Config[int64]{
				Name:  name,
				Tiers: []tier.Tier[int64]{memoryTier[int64](), tier.Remote[int64](store, codec.MsgPack{})},
				Bus:   bus,
			})
		}
		users, orders, second := open("users"), open("orders"), open("users")
		synctest.Wait()
		writeSet(t, users, "k", 1)
		writeSet(t, orders, "k", 2)
		writeGet(t, second, "k", 1)
		if err := users.Clear(t.Context()); err != nil {
			t.Fatalf("Clear() = %v, want nil", err)
		}
		writeGet(t, users, "k", 0)
		writeGet(t, second, "k", 0)
		writeGet(t, orders, "k", 2)
		if s := orders.Stats(); s.Invalidated != 0 || s.Tiers[0].Hits != 1 || s.Tiers[0].Fenced != 0 {
			t.Errorf("Stats() of the other cache = %+v, want no invalidation and a hit of the near tier", s)
		}
	})
}

// A load that began before a Clear must not bring back what was cleared.
func TestClearOvertakesRunningLoads(t *testing.T) {
	writeShapes(t, func(t *testing.T, tiers []tier.Tier[int64]) {
		var refused atomic.Int64
		c := newCache(t, tiercache.Config[int64]{
			Tiers:    tiers,
			Observer: tiercache.Observer{FillRefused: func(string) { refused.Add(1) }},
		})
		loading, release := make(chan struct{}), make(chan struct{})
		done := make(chan struct{})
		go func() {
			defer close(done)
			v, err := c.GetOrLoad(t.Context(), "k", func(context.Context, string) (int64, error) {
				close(loading)
				<-release
				return 1, nil
			})
			if v != 1 || err != nil { // it asked before the Clear
				t.Errorf("GetOrLoad(k) = %v, %v, want 1, nil", v, err)
			}
		}()
		<-loading
		if err := c.Clear(t.Context()); err != nil {
			t.Fatalf("Clear() = %v, want nil", err)
		}
		close(release)
		<-done
		writeGet(t, c, "k", 0)
		if n := refused.Load(); n != 1 {
			t.Errorf("Observer.FillRefused was called %d times, want once", n)
		}
	})
}

// A writeReader is a store from which somebody reads while it is being cleared: after the cache has forgotten what it had in
// memory, and before the store has.
type writeReader struct {
	*backend.Memory
	read func()
}

func (w *writeReader) Set(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	if w.read != nil {
		w.read()
	}
	return w.Memory.Set(ctx, key, value, ttl)
}

func TestClearForgetsWhatWasReadMeanwhile(t *testing.T) {
	store := &writeReader{Memory: backend.NewMemory()}
	c := newCache(t, tiercache.Config[int64]{
		Tiers: []tier.Tier[int64]{memoryTier[int64](), tier.Remote[int64](store, codec.MsgPack{})},
	})
	writeSet(t, c, "k", 1)
	store.read = func() { writeGet(t, c, "k", 1) }
	if err := c.Clear(t.Context()); err != nil {
		t.Fatalf("Clear() = %v, want nil", err)
	}
	writeGet(t, c, "k", 0)
}

// writeClone copies the slice that the tests below write to.
func writeClone(v []int) []int { return append([]int(nil), v...) }

func TestCloneKeepsCallersFromChangingWhatOthersRead(t *testing.T) {
	near := []tier.Tier[[]int]{memoryTier[[]int]()}
	t.Run("Near", func(t *testing.T) { writeChange(t, near) })
	both := []tier.Tier[[]int]{memoryTier[[]int](), tier.Remote[[]int](backend.NewMemory(), codec.MsgPack{})}
	t.Run("NearFar", func(t *testing.T) { writeChange(t, both) })
}

// writeChange changes whatever it gives to a cache and gets from it.
func writeChange(t *testing.T, tiers []tier.Tier[[]int]) {
	c := newCache(t, tiercache.Config[[]int]{Tiers: tiers, Clone: writeClone})
	ctx := t.Context()
	set, added := []int{1}, []int{2}
	if err := c.Set(ctx, "set", set); err != nil {
		t.Fatalf("Set() = %v, want nil", err)
	}
	if ok, err := c.Add(ctx, "added", added); !ok || err != nil {
		t.Fatalf("Add() = %v, %v, want true, nil", ok, err)
	}
	set[0], added[0] = 10, 20 // the callers go on to use what they gave

	load := func(context.Context, string) ([]int, error) { return []int{3}, nil }
	memo := tiercache.Memoize(c, func(string) string { return "memo" }, load)
	reads := map[string]func() ([]int, error){
		"Get(set)": func() ([]int, error) { v, _, err := c.Get(ctx, "set"); return v, err },
		"Get(added)": func() ([]int, error) {
			v, _, err := c.Get(ctx, "added")
			return v, err
		},
		"GetOrLoad(loaded)": func() ([]int, error) { return c.GetOrLoad(ctx, "loaded", load) },
		"GetOrLoad(set)":    func() ([]int, error) { return c.GetOrLoad(ctx, "set", load) },
		"Call":              func() ([]int, error) { return memo.Call(ctx, "") },
	}
	want := map[string]int{"Get(set)": 1, "GetOrLoad(set)": 1, "Get(added)": 2, "GetOrLoad(loaded)": 3, "Call": 3}
	for round := range 3 {
		for name, read := range reads {
			got, err := read()
			if err != nil || len(got) != 1 || got[0] != want[name] {
				t.Fatalf("%s = %v, %v in round %d, want [%d]", name, got, err, round, want[name])
			}
			got[0] = -1
		}
	}
}

// Callers that share a load must not share its value.
func TestCloneGivesEachWaiterItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, tiercache.Config[[]int]{Clone: writeClone})
		release := make(chan struct{})
		load := func(context.Context, string) ([]int, error) {
			<-release
			return []int{0}, nil
		}
		for range 10 {
			go func() {
				v, err := c.GetOrLoad(t.Context(), "k", load)
				if err != nil || v[0] != 0 {
					t.Errorf("GetOrLoad(k) = %v, %v, want [0]", v, err)
					return
				}
				v[0]++ // a race, were it shared
			}()
		}
		synctest.Wait()
		close(release)
		synctest.Wait()
		if got := c.Stats().Joined; got != 9 {
			t.Errorf("Stats().Joined = %d, want 9", got)
		}
	})
}

func TestWithoutCloneTheValueItselfIsShared(t *testing.T) {
	c := newCache(t, tiercache.Config[*int]{})
	v := new(int)
	if err := c.Set(t.Context(), "k", v); err != nil {
		t.Fatalf("Set() = %v, want nil", err)
	}
	if got, ok, err := c.Get(t.Context(), "k"); got != v || !ok || err != nil {
		t.Errorf("Get(k) = %p, %v, %v, want %p", got, ok, err, v)
	}
}
