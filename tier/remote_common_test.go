package tier_test

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tiercache/tiercache/backend"
	"github.com/tiercache/tiercache/backend/redisstore"
	"github.com/tiercache/tiercache/codec"
	"github.com/tiercache/tiercache/internal/keys"
	"github.com/tiercache/tiercache/internal/redistest"
	"github.com/tiercache/tiercache/tier"
)

// patience is for stores on a busy machine, in tests that are not about deadlines.
const patience = 20 * time.Second

// maxValue is the MaxValueBytes of the tiers under test.
const maxValue = 1000

// A remote is a tier under test, and what it has reported.
type remote[V any] struct {
	*tier.RemoteTier[V]
	t     testing.TB
	store backend.Backend
	epoch atomic.Uint64

	mu       sync.Mutex
	problems []tier.Problem // guarded by mu
}

// openRemote opens a tier of the cache "c".
func openRemote[V any](t testing.TB, b backend.Backend, c codec.Codec) *remote[V] {
	t.Helper()
	r := &remote[V]{RemoteTier: tier.Remote[V](b, c), t: t, store: b}
	err := r.Open(tier.Scope{
		Cache:         "c",
		MaxValueBytes: maxValue,
		Epoch:         r.epoch.Load,
		Report: func(p tier.Problem) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.problems = append(r.problems, p)
		},
	})
	if err != nil {
		t.Fatalf("Open() = %v, want nil", err)
	}
	return r
}

// texts opens a tier of strings.
func texts(t testing.TB, b backend.Backend) *remote[string] {
	t.Helper()
	return openRemote[string](t, b, codec.MsgPack{})
}

// fresh returns an entry that is fresh for a minute and served for an hour.
func fresh[V any](key string, v V) *tier.Entry[V] {
	now := tier.Now()
	return &tier.Entry[V]{Key: key, Value: v, FreshUntil: now.Add(time.Minute), ExpiresAt: now.Add(time.Hour)}
}

// stale returns an entry that became stale a minute ago and is served for an hour.
func stale[V any](key string, v V) *tier.Entry[V] {
	e := fresh(key, v)
	e.FreshUntil = tier.Now().Add(-time.Minute)
	return e
}

func (r *remote[V]) set(e *tier.Entry[V]) {
	r.t.Helper()
	if err := r.Set(context.Background(), e); err != nil {
		r.t.Fatalf("Set(%q) = %v, want nil", e.Key, err)
	}
}

// get returns the entry of key, nil for a miss.
func (r *remote[V]) get(key string) *tier.Entry[V] {
	r.t.Helper()
	e, ok, err := r.Get(context.Background(), key)
	if err != nil || ok != (e != nil) {
		r.t.Fatalf("Get(%q) = %v, %t, %v, want an entry or a miss", key, e, ok, err)
	}
	return e
}

func (r *remote[V]) wantMiss(key string) {
	r.t.Helper()
	if e := r.get(key); e != nil {
		r.t.Errorf("Get(%q) = %v, want a miss", key, e.Value)
	}
}

// wantText checks the value of a key in a tier of strings.
func wantText(r *remote[string], key, want string) *tier.Entry[string] {
	r.t.Helper()
	e := r.get(key)
	if e == nil {
		r.t.Fatalf("Get(%q) is a miss, want %q", key, want)
	}
	if e.Value != want {
		r.t.Errorf("Get(%q) = %q, want %q", key, e.Value, want)
	}
	return e
}

// wantProblems checks and forgets what the tier has reported.
func (r *remote[V]) wantProblems(kinds ...tier.Kind) []tier.Problem {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	reported := r.problems
	r.problems = nil
	var got []tier.Kind
	for _, p := range reported {
		got = append(got, p.Kind)
		if p.Tier != r.Name() || p.Key == "" || p.Err == nil {
			r.t.Errorf("reported %+v, want the tier, the key and an error in it", p)
		}
	}
	if !slices.Equal(got, kinds) {
		r.t.Errorf("reported %v, want %v", reported, kinds)
	}
	return reported
}

// raw returns the record of a key as it lies in b, nil if there is none.
func raw(t testing.TB, b backend.Backend, key string) []byte {
	t.Helper()
	data, ok, err := b.Get(context.Background(), keys.Physical("c", key))
	if err != nil {
		t.Fatalf("Get of the record of %q = %v", key, err)
	}
	if ok && data == nil {
		data = []byte{}
	}
	return data
}

// plant puts data in the place of the record of a key.
func plant(t testing.TB, b backend.Backend, key string, data []byte) {
	t.Helper()
	if err := b.Set(context.Background(), keys.Physical("c", key), data, time.Hour); err != nil {
		t.Fatalf("Set of the record of %q = %v", key, err)
	}
}

// A basic is a backend with three methods, whatever it wraps.
type basic struct{ backend.Backend }

// A watched is a backend that calls before with each operation, and fails with the error that it returns.
type watched struct {
	*backend.Memory
	before func(op string) error
}

// failing returns an empty backend on which the operation op fails with err.
func failing(op string, err error) watched {
	return watched{backend.NewMemory(), func(now string) error {
		if now == op {
			return err
		}
		return nil
	}}
}

func (w watched) Get(ctx context.Context, key string) ([]byte, bool, error) {
	if err := w.before("Get"); err != nil {
		return nil, false, err
	}
	return w.Memory.Get(ctx, key)
}

func (w watched) Set(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	if err := w.before("Set"); err != nil {
		return err
	}
	return w.Memory.Set(ctx, key, value, ttl)
}

func (w watched) Delete(ctx context.Context, keys ...string) error {
	if err := w.before("Delete"); err != nil {
		return err
	}
	return w.Memory.Delete(ctx, keys...)
}

func (w watched) GetMany(ctx context.Context, keys []string) ([][]byte, error) {
	if err := w.before("GetMany"); err != nil {
		return nil, err
	}
	return w.Memory.GetMany(ctx, keys)
}

func (w watched) Add(ctx context.Context, key string, value []byte, ttl time.Duration) ([]byte, bool, error) {
	if err := w.before("Add"); err != nil {
		return nil, false, err
	}
	return w.Memory.Add(ctx, key, value, ttl)
}

func (w watched) Replace(ctx context.Context, key string, head, value []byte, ttl time.Duration) (bool, error) {
	if err := w.before("Replace"); err != nil {
		return false, err
	}
	return w.Memory.Replace(ctx, key, head, value, ttl)
}

func (w watched) Patch(ctx context.Context, key string, head, newHead []byte) (bool, error) {
	if err := w.before("Patch"); err != nil {
		return false, err
	}
	return w.Memory.Patch(ctx, key, head, newHead)
}

func (w watched) DeleteIf(ctx context.Context, key string, head []byte) (bool, error) {
	if err := w.before("DeleteIf"); err != nil {
		return false, err
	}
	return w.Memory.DeleteIf(ctx, key, head)
}

// onRedis returns a store on a client.
func onRedis(t testing.TB, rdb redis.UniversalClient) *redisstore.Store {
	t.Helper()
	s, err := redisstore.New(rdb, redisstore.Config{Timeout: patience})
	if err != nil {
		t.Fatalf("New(%T) = %v, want nil", rdb, err)
	}
	return s
}

// onEveryStore runs test on the reference, on miniredis and on a Redis server, each empty.
func onEveryStore(t *testing.T, test func(t *testing.T, b backend.Backend)) {
	t.Run("Memory", func(t *testing.T) { test(t, backend.NewMemory()) })
	t.Run("Miniredis", func(t *testing.T) {
		_, rdb := redistest.Mini(t)
		test(t, onRedis(t, rdb))
	})
	t.Run("Redis", func(t *testing.T) { test(t, onRedis(t, redistest.Single(t).Client())) })
}
