package tiercache_test

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/tiercache/tiercache"
	"github.com/tiercache/tiercache/backend/redisstore"
	"github.com/tiercache/tiercache/codec"
	"github.com/tiercache/tiercache/internal/redistest"
	"github.com/tiercache/tiercache/tier"
)

const (
	faultTimeout = 100 * time.Millisecond // of the store
	// Calls of the store that one GetOrLoad makes: get, lease, and after the load a look at the generation, fill and release.
	faultCalls = 5
	// faultSlack is for a machine that is busy.
	faultSlack = 500 * time.Millisecond
	// faultPatience is for what takes as long as it takes.
	faultPatience = 20 * time.Second
)

// faultEventually polls ok with a deadline.
func faultEventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(faultPatience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not after %v", what, faultPatience)
		}
	}
}

// faultClient returns a client with few connections, which is closed with the test.
func faultClient(t *testing.T, addr string) *redis.Client {
	t.Helper()
	rdb := redis.NewClient(&redis.Options{
		Addr:                     addr,
		ContextTimeoutEnabled:    true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
	t.Cleanup(func() { _ = rdb.Close() })
	return rdb
}

// A faultRig is a cache over a Redis that has faults.
type faultRig struct {
	*tiercache.Cache[int64]
	source
	told atomic.Int64 // errors that the observer was told
}

// newFaultRig builds a cache over the Redis at addr, with memory above it if near is set.
func newFaultRig(t *testing.T, addr string, near bool) *faultRig {
	t.Helper()
	store, err := redisstore.New(faultClient(t, addr), redisstore.Config{Timeout: faultTimeout})
	if err != nil {
		t.Fatalf("redisstore.New() = %v, want nil", err)
	}
	r := new(faultRig)
	tiers := []tier.Tier[int64]{tier.Remote[int64](store, codec.MsgPack{})}
	if near {
		tiers = append([]tier.Tier[int64]{memoryTier[int64]()}, tiers...)
	}
	r.Cache = newCache(t, tiercache.Config[int64]{
		Tiers:    tiers,
		Profile:  tiercache.Profile{TTL: time.Hour, LeaseFor: 2 * time.Second},
		Observer: tiercache.Observer{Error: func(error) { r.told.Add(1) }},
	})
	return r
}

// ask reads a key, and checks that the answer comes in time and is that of the source.
func (r *faultRig) ask(t *testing.T, key string) {
	t.Helper()
	began := time.Now()
	got, err := r.GetOrLoad(t.Context(), key, r.load)
	if want := r.value.Load(); got != want || err != nil {
		t.Errorf("GetOrLoad(%q) = %v, %v, want %v, nil", key, got, err, want)
	}
	if took := time.Since(began); took > faultCalls*faultTimeout+faultSlack {
		t.Errorf("GetOrLoad(%q) took %v with a store whose timeout is %v", key, took, faultTimeout)
	}
}

// far returns the counters of the far tier.
func (r *faultRig) far() tiercache.TierStats { t := r.Stats().Tiers; return t[len(t)-1] }

// inRedis reports whether a value that is loaded now arrives in the far tier.
func (r *faultRig) inRedis(t *testing.T) bool {
	fills := r.far().Fills
	key := rand.Text()
	r.ask(t, key)
	return r.far().Fills > fills
}

func TestRedisThatIsDownWhenTheCacheIsBuilt(t *testing.T) {
	server := redistest.Single(t)
	server.Stop()
	r := newFaultRig(t, server.Addr(), true)
	for range 3 {
		r.ask(t, "a")
		r.ask(t, "b")
	}
	if n := r.calls.Load(); n != 2 {
		t.Errorf("%d loads, want 2: the near tier works", n)
	}
	if n := r.far().Errors; n == 0 || int64(n) != r.told.Load() {
		t.Errorf("%d errors counted and %d told, want the same number, not 0", n, r.told.Load())
	}
	server.Restart()
	faultEventually(t, "Redis is used once it is up", func() bool { return r.inRedis(t) })
	other := newFaultRig(t, server.Addr(), true)
	writeSet(t, r.Cache, "k", 5)
	other.value.Store(6)
	writeGet(t, other.Cache, "k", 5)
}

func TestRedisThatDiesUnderTrafficAndComesBack(t *testing.T) {
	server := redistest.Single(t)
	r := newFaultRig(t, server.Addr(), false)
	if !r.inRedis(t) {
		t.Fatal("Redis is not used")
	}
	stop, stopped := make(chan struct{}), make(chan struct{}, 4)
	for range cap(stopped) {
		go func() {
			defer func() { stopped <- struct{}{} }()
			for {
				select {
				case <-stop:
					return
				default:
					r.ask(t, rand.Text()[:1]) // 32 keys
				}
			}
		}()
	}
	server.Stop()
	before := r.far().Errors
	faultEventually(t, "errors are counted", func() bool { return r.far().Errors > before+10 })
	server.Restart()
	faultEventually(t, "Redis is used again", func() bool { return r.inRedis(t) })
	close(stop)
	for range cap(stopped) {
		<-stopped
	}
	if n := r.far().Errors; int64(n) != r.told.Load() {
		t.Errorf("%d errors counted and %d told, want the same number", n, r.told.Load())
	}
	hits := r.far().Hits
	r.ask(t, "again")
	r.ask(t, "again")
	if n := r.far().Hits - hits; n != 1 {
		t.Errorf("%d hits in Redis after it has come back, want 1", n)
	}
}

func TestRedisThatStallsDelaysAnswersByItsTimeoutOnly(t *testing.T) {
	server := redistest.Single(t)
	r := newFaultRig(t, server.Addr(), true)
	r.ask(t, "near")
	if !r.inRedis(t) {
		t.Fatal("Redis is not used")
	}
	server.Pause()
	for _, key := range []string{"a", "b", "c"} {
		began := time.Now()
		r.ask(t, key)
		t.Logf("GetOrLoad(%q) took %v, with a timeout of %v", key, time.Since(began), faultTimeout)
	}
	began := time.Now()
	r.ask(t, "near")
	if took := time.Since(began); took > faultTimeout/2 {
		t.Errorf("a hit of the near tier took %v with a store that stalls", took)
	}
	server.Resume()
	faultEventually(t, "Redis is used again", func() bool { return r.inRedis(t) })
	if n := r.far().Errors; n < 3 || int64(n) != r.told.Load() {
		t.Errorf("%d errors counted and %d told, want the same number, 3 at least", n, r.told.Load())
	}
}

func TestWritesWithoutRedisFailAndForgetTheOldValue(t *testing.T) {
	for name, stop := range map[string]func(*redistest.Server){
		"Down":    (*redistest.Server).Stop,
		"Stalled": (*redistest.Server).Pause,
	} {
		t.Run(name, func(t *testing.T) {
			server := redistest.Single(t)
			r := newFaultRig(t, server.Addr(), true)
			writes := map[string]func(key string) error{
				"set":    func(key string) error { return r.Set(t.Context(), key, 2) },
				"delete": func(key string) error { return r.Delete(t.Context(), key) },
				"expire": func(key string) error { return r.Expire(t.Context(), key) },
				"clear":  func(string) error { return r.Clear(t.Context()) },
			}
			for op := range writes {
				writeSet(t, r.Cache, op, 1)
				writeGet(t, r.Cache, op, 1)
			}
			stop(server)
			for _, op := range []string{"set", "delete", "expire", "clear"} {
				errs := r.far().Errors
				began := time.Now()
				err := writes[op](op)
				if err == nil || !strings.Contains(err.Error(), `cache "test": tier remote: `+op+": ") {
					t.Errorf("%s = %v, want an error that names cache, tier and operation", op, err)
				}
				if name == "Stalled" && !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%s = %v, want context.DeadlineExceeded", op, err)
				}
				if took := time.Since(began); took > faultCalls*faultTimeout+faultSlack {
					t.Errorf("%s took %v with a store whose timeout is %v", op, took, faultTimeout)
				}
				if n := r.far().Errors - errs; n != 1 {
					t.Errorf("%s counted %d errors, want 1", op, n)
				}
				writeGet(t, r.Cache, op, 0)
			}
			if added, err := r.Add(t.Context(), "added", 1); added || err == nil || !strings.Contains(err.Error(), "tier remote: ") {
				t.Errorf("Add() = %v, %v, want an error that names the tier", added, err)
			}
			writeGet(t, r.Cache, "added", 0)
		})
	}
}
