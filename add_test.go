package tiercache_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
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

// addWants checks what Add returns.
func addWants(t *testing.T, c *tiercache.Cache[int64], key string, v int64, want bool) {
	t.Helper()
	if added, err := c.Add(t.Context(), key, v); added != want || err != nil {
		t.Errorf("Add(%q, %d) = %v, %v, want %v, nil", key, v, added, err, want)
	}
}

// addFleet returns n caches over one store and one bus.
func addFleet(t *testing.T, n int, store backend.Backend, profile tiercache.Profile) []*tiercache.Cache[int64] {
	t.Helper()
	bus := invalidate.NewMemory()
	var caches []*tiercache.Cache[int64]
	for range n {
		caches = append(caches, newCache(t, tiercache.Config[int64]{
			Tiers:   []tier.Tier[int64]{memoryTier[int64](), tier.Remote[int64](store, codec.MsgPack{})},
			Bus:     bus,
			Profile: profile,
		}))
	}
	synctest.Wait() // until all are subscribed
	return caches
}

func TestAddStoresOnlyWhereNothingFreshIs(t *testing.T) {
	writeShapes(t, func(t *testing.T, tiers []tier.Tier[int64]) {
		c := newCache(t, tiercache.Config[int64]{
			Tiers:   tiers,
			Profile: tiercache.Profile{TTL: time.Minute, StaleFor: time.Hour, AbsentFor: time.Hour},
		})
		addWants(t, c, "k", 1, true)
		writeGet(t, c, "k", 1)
		addWants(t, c, "k", 2, false)
		writeGet(t, c, "k", 1)

		time.Sleep(time.Minute + time.Second) // on the clock of the bubble: it is stale
		addWants(t, c, "k", 3, true)
		writeGet(t, c, "k", 3)
		if err := c.Expire(t.Context(), "k"); err != nil {
			t.Fatalf("Expire(k) = %v, want nil", err)
		}
		addWants(t, c, "k", 4, true)
		writeGet(t, c, "k", 4)
		if err := c.Delete(t.Context(), "k"); err != nil {
			t.Fatalf("Delete(k) = %v, want nil", err)
		}
		addWants(t, c, "k", 5, true)
		writeGet(t, c, "k", 5)

		none := func(context.Context, string) (int64, error) { return 0, tiercache.ErrNotFound }
		if _, err := c.GetOrLoad(t.Context(), "absent", none); !errors.Is(err, tiercache.ErrNotFound) {
			t.Fatalf("GetOrLoad(absent) = %v, want ErrNotFound", err)
		}
		if _, _, err := c.Get(t.Context(), "absent"); !errors.Is(err, tiercache.ErrNotFound) {
			t.Fatalf("Get(absent) = %v, want a remembered ErrNotFound", err)
		}
		addWants(t, c, "absent", 6, true)
		writeGet(t, c, "absent", 6)
	})
}

func TestAddedValueLivesAsTheOptionsSay(t *testing.T) {
	writeShapes(t, func(t *testing.T, tiers []tier.Tier[int64]) {
		c := newCache(t, tiercache.Config[int64]{Tiers: tiers, Profile: tiercache.Profile{TTL: time.Minute}})
		if added, err := c.Add(t.Context(), "k", 1, tiercache.WithTTL(time.Hour)); !added || err != nil {
			t.Fatalf("Add(k) = %v, %v, want true, nil", added, err)
		}
		time.Sleep(time.Hour - time.Second) // on the clock of the bubble
		writeGet(t, c, "k", 1)
		time.Sleep(2 * time.Second)
		writeGet(t, c, "k", 0)
	})
}

func TestOneOfManyAddsWins(t *testing.T) {
	writeShapes(t, func(t *testing.T, tiers []tier.Tier[int64]) {
		c := newCache(t, tiercache.Config[int64]{Tiers: tiers})
		for round := range 20 {
			addRace(t, []*tiercache.Cache[int64]{c}, fmt.Sprint(round))
		}
	})
}

// Not in a bubble: one Add at a time asks the store, and the others wait for it at a lock.
func TestOneOfManyAddsWinsWhereTheStoreHasNoLeases(t *testing.T) {
	slow := struct{ backend.Backend }{writeSlow{backend.NewMemory()}}
	c := newCache(t, tiercache.Config[int64]{
		Tiers: []tier.Tier[int64]{memoryTier[int64](), tier.Remote[int64](slow, codec.MsgPack{})},
	})
	for round := range 5 {
		addRace(t, []*tiercache.Cache[int64]{c}, fmt.Sprint(round))
	}
}

func TestOneOfManyAddsWinsInAFleet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		caches := addFleet(t, 4, writeSlow{backend.NewMemory()}, tiercache.Standard())
		for round := range 20 {
			addRace(t, caches, fmt.Sprint(round))
		}
	})
}

// addRace has many goroutines add key at once, and checks that one of them did, and that all instances have its value.
func addRace(t *testing.T, caches []*tiercache.Cache[int64], key string) {
	t.Helper()
	var wins, winner atomic.Int64
	var wg sync.WaitGroup
	for i := range int64(20) {
		wg.Go(func() {
			added, err := caches[int(i)%len(caches)].Add(t.Context(), key, i+1)
			if err != nil {
				t.Errorf("Add(%q) = %v, want nil", key, err)
			}
			if added {
				wins.Add(1)
				winner.Store(i + 1)
			}
		})
	}
	wg.Wait()
	if n := wins.Load(); n != 1 {
		t.Fatalf("%d of 20 Adds of %q at once succeeded, want one", n, key)
	}
	for _, c := range caches {
		writeGet(t, c, key, winner.Load())
	}
}

func TestAddIsSeenByOtherInstances(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		caches := addFleet(t, 2, backend.NewMemory(), tiercache.Profile{TTL: time.Minute, AbsentFor: time.Minute})
		a, b := caches[0], caches[1]
		none := func(context.Context, string) (int64, error) { return 0, tiercache.ErrNotFound }
		if _, err := b.GetOrLoad(t.Context(), "k", none); !errors.Is(err, tiercache.ErrNotFound) {
			t.Fatalf("GetOrLoad(k) = %v, want ErrNotFound", err)
		}
		addWants(t, a, "k", 1, true)
		writeGet(t, b, "k", 1)
		addWants(t, b, "k", 2, false)
		writeGet(t, a, "k", 1)
	})
}

// While a load is under way Add cannot know whether there will be a value.
func TestAddWaitsForALoadElsewhere(t *testing.T) {
	for name, test := range map[string]struct {
		loadErr error
		added   bool
		want    int64
	}{
		"ThatSucceeds": {nil, false, 1},
		"ThatFails":    {errors.New("source is down"), true, 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				caches := addFleet(t, 2, backend.NewMemory(), tiercache.Standard())
				release := make(chan struct{})
				done := make(chan error)
				go func() {
					_, err := caches[0].GetOrLoad(t.Context(), "k", func(context.Context, string) (int64, error) {
						<-release
						return 1, test.loadErr
					})
					done <- err
				}()
				synctest.Wait()
				go func() {
					time.Sleep(time.Second)
					close(release)
				}()
				began := time.Now()
				addWants(t, caches[1], "k", 2, test.added)
				if took := time.Since(began); took < time.Second || took > 1200*time.Millisecond {
					t.Errorf("Add took %v, want the second until the load had ended", took)
				}
				if err := <-done; !errors.Is(err, test.loadErr) {
					t.Errorf("GetOrLoad(k) = %v, want %v", err, test.loadErr)
				}
				writeGet(t, caches[1], "k", test.want)
			})
		})
	}
}

func TestAddGivesUpOnALoadThatIsLongerThanLeases(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		profile := tiercache.Profile{TTL: time.Minute, LeaseFor: 10 * time.Second}
		caches := addFleet(t, 2, backend.NewMemory(), profile)
		go func() {
			_, _ = caches[0].GetOrLoad(t.Context(), "k", func(ctx context.Context, _ string) (int64, error) {
				<-ctx.Done()
				return 0, ctx.Err()
			})
		}()
		synctest.Wait()
		began := time.Now()
		profile.LeaseFor = 2 * time.Second // less than the other process has asked for
		_, err := caches[1].Add(t.Context(), "k", 2, tiercache.WithProfile(profile))
		if !errors.Is(err, tiercache.ErrLeased) || !strings.Contains(err.Error(), `cache "test": add`) {
			t.Errorf("Add(k) = %v, want ErrLeased", err)
		}
		if took := time.Since(began); took < 2*time.Second || took > 3*time.Second {
			t.Errorf("Add took %v, want about 2s", took)
		}
	})
}

func TestAddLeavesWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		caches := addFleet(t, 2, backend.NewMemory(), tiercache.Standard())
		release := make(chan struct{})
		defer close(release)
		go func() {
			_, _ = caches[0].GetOrLoad(t.Context(), "k", func(context.Context, string) (int64, error) {
				<-release
				return 1, nil
			})
		}()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := caches[1].Add(ctx, "k", 2); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Add(k) = %v, want context.DeadlineExceeded", err)
		}
	})
}
