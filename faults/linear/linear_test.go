package linear

import (
	"context"
	"flag"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/anishathalye/porcupine"
	"github.com/redis/go-redis/v9"

	"github.com/tiercache/tiercache"
	"github.com/tiercache/tiercache/backend"
	"github.com/tiercache/tiercache/backend/redisstore"
	"github.com/tiercache/tiercache/codec"
	"github.com/tiercache/tiercache/invalidate"
	"github.com/tiercache/tiercache/tier"
)

var (
	histories = flag.Int("histories", 200, "how many histories of each kind are made")
	firstSeed = flag.Uint64("seed", 1, "the seed of the first history")
)

// open makes a cache of a memory and, unless b is nil, a shared tier with a bus.
func open(t *testing.T, b backend.Backend) *tiercache.Cache[int64] {
	t.Helper()
	cfg := tiercache.Config[int64]{
		Name:    "c",
		Tiers:   []tier.Tier[int64]{tier.Memory[int64](tier.MemoryConfig{MaxBytes: 64 << 20})},
		Profile: tiercache.Profile{TTL: time.Hour, LoadTimeout: time.Minute},
	}
	if b != nil {
		cfg.Tiers = append(cfg.Tiers, tier.Remote[int64](b, codec.MsgPack{}))
		cfg.Bus = invalidate.NewMemory()
	}
	c, err := tiercache.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func miniredisStore(t *testing.T) backend.Backend {
	t.Helper()
	rdb := redis.NewClient(&redis.Options{Addr: miniredis.RunT(t).Addr()})
	t.Cleanup(func() { _ = rdb.Close() })
	s, err := redisstore.New(rdb, redisstore.Config{Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// legal reports whether the model explains the history.
func legal(t *testing.T, model porcupine.Model, ops []porcupine.Operation, err error) bool {
	t.Helper()
	if err != nil {
		t.Fatalf("a call failed: %v", err)
	}
	result := porcupine.CheckOperationsTimeout(model, ops, time.Minute)
	if result == porcupine.Unknown {
		t.Fatalf("no answer within a minute about a history of %d operations", len(ops))
	}
	return result == porcupine.Ok
}

// check makes histories, a tenth of them in short tests, all of which the model must explain.
func check(t *testing.T, share int, model porcupine.Model, history func(seed uint64) ([]porcupine.Operation, error)) {
	t.Helper()
	n := max(*histories/share, 3)
	if testing.Short() {
		n = max(n/10, 3)
	}
	for i := range n {
		seed := *firstSeed + uint64(i)
		ops, err := history(seed)
		if !legal(t, model, ops, err) {
			t.Fatalf("the history of seed %d, the %d. of this run, has no explanation", seed, i+1)
		}
	}
}

func TestAMemoryIsARegisterThatMayForget(t *testing.T) {
	c := open(t, nil)
	check(t, 1, registerModel, func(seed uint64) ([]porcupine.Operation, error) { return stores(c, seed) })
}

func TestAMemoryServesNothingFromBeforeADelete(t *testing.T) {
	c := open(t, nil)
	check(t, 1, loadingModel, func(seed uint64) ([]porcupine.Operation, error) { return loads(c, seed, true) })
}

func TestTwoTiersServeNothingFromBeforeADelete(t *testing.T) {
	t.Run("Memory", func(t *testing.T) {
		c := open(t, backend.NewMemory())
		check(t, 1, loadingModel, func(seed uint64) ([]porcupine.Operation, error) { return loads(c, seed, false) })
	})
	t.Run("Miniredis", func(t *testing.T) {
		c := open(t, miniredisStore(t))
		check(t, 10, loadingModel, func(seed uint64) ([]porcupine.Operation, error) { return loads(c, seed, false) })
	})
}

// A relapsing cache serves, now and then, what it has served before.
type relapsing struct {
	cache
	mu   sync.Mutex
	last map[string]int64 // guarded by mu
}

func (r *relapsing) relapse(key string, v int64) int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	old, ok := r.last[key]
	if ok && rand.N(50) == 0 {
		return old
	}
	if !ok || rand.N(10) == 0 {
		r.last[key] = v
	}
	return v
}

func (r *relapsing) Get(ctx context.Context, key string) (int64, bool, error) {
	v, ok, err := r.cache.Get(ctx, key)
	if ok {
		v = r.relapse(key, v)
	}
	return v, ok, err
}

func (r *relapsing) GetOrLoad(ctx context.Context, key string, load tiercache.Loader[int64], opts ...tiercache.CallOption) (int64, error) {
	v, err := r.cache.GetOrLoad(ctx, key, load, opts...)
	return r.relapse(key, v), err
}

// A deaf cache forgets to delete now and then.
type deaf struct{ cache }

func (d deaf) Delete(ctx context.Context, keys ...string) error {
	if rand.N(10) == 0 {
		return nil
	}
	return d.cache.Delete(ctx, keys...)
}

// A checker that lets these pass proves nothing.
func TestBrokenCachesAreFound(t *testing.T) {
	shared := open(t, backend.NewMemory())
	memory := open(t, nil)
	for name, broken := range map[string]func(cache) cache{
		"relapsing": func(c cache) cache { return &relapsing{cache: c, last: make(map[string]int64)} },
		"deaf":      func(c cache) cache { return deaf{c} },
	} {
		for kind, h := range map[string]struct {
			model   porcupine.Model
			history func(seed uint64) ([]porcupine.Operation, error)
		}{
			"register":  {registerModel, func(seed uint64) ([]porcupine.Operation, error) { return stores(broken(memory), seed) }},
			"memory":    {loadingModel, func(seed uint64) ([]porcupine.Operation, error) { return loads(broken(memory), seed, true) }},
			"two tiers": {loadingModel, func(seed uint64) ([]porcupine.Operation, error) { return loads(broken(shared), seed, false) }},
		} {
			found := 0
			const tries = 5
			for i := range uint64(tries) {
				ops, err := h.history(1<<40 + rand.Uint64N(1<<40) + i)
				if !legal(t, h.model, ops, err) {
					found++
				}
			}
			if found == 0 {
				t.Errorf("%d histories of a cache that is %s, as a %s, have been explained", tries, name, kind)
			}
		}
	}
}
