package tiercache_test

import (
	"context"
	"fmt"
	"math/rand/v2"
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

// A writeSlow answers after a random while on the clock of the bubble, so that calls overlap in every order.
type writeSlow struct{ *backend.Memory }

func (w writeSlow) pause() { time.Sleep(rand.N(time.Millisecond)) }

func (w writeSlow) Get(ctx context.Context, key string) ([]byte, bool, error) {
	w.pause()
	defer w.pause()
	return w.Memory.Get(ctx, key)
}

func (w writeSlow) Set(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	w.pause()
	defer w.pause()
	return w.Memory.Set(ctx, key, value, ttl)
}

func (w writeSlow) Delete(ctx context.Context, keys ...string) error {
	w.pause()
	defer w.pause()
	return w.Memory.Delete(ctx, keys...)
}

func (w writeSlow) Add(ctx context.Context, key string, value []byte, ttl time.Duration) ([]byte, bool, error) {
	w.pause()
	defer w.pause()
	return w.Memory.Add(ctx, key, value, ttl)
}

func (w writeSlow) Replace(ctx context.Context, key string, head, value []byte, ttl time.Duration) (bool, error) {
	w.pause()
	defer w.pause()
	return w.Memory.Replace(ctx, key, head, value, ttl)
}

// A near tier may have nothing, but never something else than the far one when everybody has finished: nobody would
// correct it before its TTL ends.
func TestNearTierNeverKeepsWhatTheFarOneDoesNotHave(t *testing.T) {
	for name, opts := range map[string]struct {
		instances int
		expire    bool
	}{
		"OneInstance":  {1, false},
		"WithExpire":   {1, true},
		"TwoInstances": {2, false},
	} {
		t.Run(name, func(t *testing.T) {
			kept := 0
			for range 30 {
				synctest.Test(t, func(t *testing.T) { kept += writeStorm(t, opts.instances, opts.expire) })
			}
			if kept == 0 {
				t.Error("no near tier had kept anything that could have been wrong")
			}
		})
	}
}

// writeStorm has many goroutines read and write four keys of a number of instances, and then compares their tiers. It returns
// how many entries the near tiers had.
func writeStorm(t *testing.T, instances int, expire bool) (kept int) {
	store, bus := backend.NewMemory(), invalidate.NewMemory()
	var caches []*tiercache.Cache[int64]
	for range instances {
		caches = append(caches, newCache(t, tiercache.Config[int64]{
			Tiers: []tier.Tier[int64]{memoryTier[int64](), tier.Remote[int64](writeSlow{store}, codec.MsgPack{})},
			Bus:   bus,
		}))
	}
	synctest.Wait()
	var s source // each load has another value
	load := func(context.Context, string) (int64, error) {
		time.Sleep(rand.N(3 * time.Millisecond))
		return s.value.Add(1), nil
	}
	var wg sync.WaitGroup
	for range 40 {
		wg.Go(func() {
			for range 10 {
				c, key := caches[rand.N(len(caches))], fmt.Sprint("k", rand.N(4))
				var err error
				switch n := rand.N(12); {
				case n < 3:
					err = c.Set(t.Context(), key, s.value.Add(1))
				case n == 3:
					err = c.Delete(t.Context(), key)
				case n == 4 && expire:
					err = c.Expire(t.Context(), key)
				case n == 5:
					_, _, err = c.Get(t.Context(), key)
				default:
					_, err = c.GetOrLoad(t.Context(), key, load)
				}
				if err != nil {
					t.Errorf("call on %q: %v", key, err)
				}
				time.Sleep(rand.N(time.Millisecond))
			}
		})
	}
	wg.Wait()
	synctest.Wait()
	far := newCache(t, tiercache.Config[int64]{Tiers: []tier.Tier[int64]{tier.Remote[int64](store, codec.MsgPack{})}})
	for key := range 4 {
		key := fmt.Sprint("k", key)
		want, _, err := far.Get(t.Context(), key) // 0 if absent
		if err != nil {
			t.Fatalf("Get(%q) of the far tier = %v, want nil", key, err)
		}
		for i, c := range caches {
			before := c.Stats().Tiers[0].Hits
			got, _, err := c.Get(t.Context(), key)
			if err != nil || got != want {
				t.Errorf("Get(%q) of instance %d = %d, %v, want the %d of the far tier", key, i, got, err, want)
			}
			kept += int(c.Stats().Tiers[0].Hits - before)
		}
	}
	return kept
}

// Without a far tier the last Set wins, whatever is going on.
func TestLastSetWinsWithoutAFarTier(t *testing.T) {
	c := newCache(t, tiercache.Config[int64]{})
	for round := range int64(200) {
		var wg sync.WaitGroup
		for i := range int64(8) {
			wg.Go(func() {
				if err := c.Set(t.Context(), "k", -1-i); err != nil {
					t.Errorf("Set(k) = %v, want nil", err)
				}
			})
		}
		wg.Wait()
		if got, ok, err := c.Get(t.Context(), "k"); got >= 0 || !ok || err != nil {
			t.Fatalf("Get(k) after 8 Sets at once = %v, %v, %v, want one of them", got, ok, err)
		}
		writeSet(t, c, "k", round)
		if got, ok, err := c.Get(t.Context(), "k"); got != round || !ok || err != nil {
			t.Fatalf("Get(k) after the last Set = %v, %v, %v, want %d", got, ok, err, round)
		}
	}
}

// Values only grow here, so a read that returns less than was acknowledged before it began has been given an old one.
func TestNobodyReadsWhatWasReplacedBeforeTheReadBegan(t *testing.T) {
	writeShapes(t, func(t *testing.T, tiers []tier.Tier[int64]) {
		c := newCache(t, tiercache.Config[int64]{Tiers: tiers})
		var inSource, inCache atomic.Int64
		var mu sync.Mutex // one writer at a time, so that the order of values is that of the writes
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range 100 {
					mu.Lock()
					v := inSource.Add(1)
					if err := c.Set(t.Context(), "k", v); err != nil {
						t.Errorf("Set(k) = %v, want nil", err)
					}
					inCache.Store(v)
					mu.Unlock()
					time.Sleep(rand.N(time.Millisecond))
				}
			})
		}
		for range 8 {
			wg.Go(func() {
				for range 200 {
					set := inCache.Load()
					got, err := c.GetOrLoad(t.Context(), "k", func(context.Context, string) (int64, error) {
						v := inSource.Load()
						time.Sleep(rand.N(time.Millisecond))
						return v, nil
					})
					if err != nil || got < set {
						t.Errorf("GetOrLoad(k) = %d, %v after Set(k, %d) had returned", got, err, set)
					}
					time.Sleep(rand.N(time.Millisecond))
				}
			})
		}
		wg.Wait()
	})
}
