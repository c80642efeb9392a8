package tiercache_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tiercache/tiercache"
	"github.com/tiercache/tiercache/backend/redisstore"
	"github.com/tiercache/tiercache/codec"
	"github.com/tiercache/tiercache/internal/redistest"
	"github.com/tiercache/tiercache/invalidate"
	"github.com/tiercache/tiercache/invalidate/redisbus"
	"github.com/tiercache/tiercache/tier"
)

// coherenceServers runs a test over a real Redis and over miniredis. admin is a client for the test itself.
func coherenceServers(t *testing.T, test func(t *testing.T, addr string, admin *redis.Client)) {
	t.Run("Redis", func(t *testing.T) {
		server := redistest.Single(t)
		test(t, server.Addr(), server.Client())
	})
	t.Run("Mini", func(t *testing.T) {
		server, admin := redistest.Mini(t)
		test(t, server.Addr(), admin)
	})
}

// A coherenceNode is an instance as another process would have it: with a client, a store and a bus of its own.
type coherenceNode struct {
	*tiercache.Cache[int64]
	source
}

// newCoherenceNode returns an instance whose subscription is in place.
func newCoherenceNode(t *testing.T, addr string) *coherenceNode {
	t.Helper()
	rdb := faultClient(t, addr)
	store, err := redisstore.New(rdb, redisstore.Config{Timeout: 5 * time.Second})
	if err != nil {
		t.Fatalf("redisstore.New() = %v, want nil", err)
	}
	bus, err := redisbus.New(rdb, redisbus.Config{Timeout: 5 * time.Second})
	if err != nil {
		t.Fatalf("redisbus.New() = %v, want nil", err)
	}
	n := &coherenceNode{}
	n.Cache = newCache(t, tiercache.Config[int64]{
		Tiers:   []tier.Tier[int64]{memoryTier[int64](), tier.Remote[int64](store, codec.MsgPack{})},
		Bus:     bus,
		Profile: tiercache.Profile{TTL: time.Hour, AbsentFor: time.Hour},
	})
	n.awaitDrops(t, 1)
	return n
}

// awaitDrops waits until everything has been dropped so many times: once when the subscription is first in place.
func (n *coherenceNode) awaitDrops(t *testing.T, times uint64) {
	t.Helper()
	faultEventually(t, "the subscription is in place", func() bool {
		return n.Stats().PartitionDrops >= times*invalidate.Partitions
	})
}

// ask reads a key, and loads it if need be.
func (n *coherenceNode) ask(t *testing.T, key string, want int64) {
	t.Helper()
	if got, err := n.GetOrLoad(t.Context(), key, n.load); got != want || err != nil {
		t.Errorf("GetOrLoad(%q) = %v, %v, want %v, nil", key, got, err, want)
	}
}

// hears has another instance write, and waits until the event has come.
func (n *coherenceNode) hears(t *testing.T, write func() error) {
	t.Helper()
	before := n.Stats().Invalidated
	if err := write(); err != nil {
		t.Fatalf("write at another instance = %v, want nil", err)
	}
	faultEventually(t, "the event comes", func() bool { return n.Stats().Invalidated > before })
}

// nearHits returns how often the near tier has answered.
func (n *coherenceNode) nearHits() uint64 { return n.Stats().Tiers[0].Hits }

func TestWritesReachOtherInstancesWithinAHop(t *testing.T) {
	coherenceServers(t, func(t *testing.T, addr string, _ *redis.Client) {
		a, b := newCoherenceNode(t, addr), newCoherenceNode(t, addr)
		for name, write := range map[string]struct {
			do   func(key string) error
			want int64 // at B afterwards; 0 is nothing
		}{
			"Set":    {func(key string) error { return a.Set(t.Context(), key, 2) }, 2},
			"Delete": {func(key string) error { return a.Delete(t.Context(), key) }, 0},
			"Expire": {func(key string) error { return a.Expire(t.Context(), key) }, 0},
			"Clear":  {func(string) error { return a.Clear(t.Context()) }, 0},
		} {
			var slowest time.Duration
			for i := range 20 {
				key := fmt.Sprint(name, i)
				b.hears(t, func() error { return a.Set(t.Context(), key, 1) })
				writeGet(t, b.Cache, key, 1)
				hits := b.nearHits()
				writeGet(t, b.Cache, key, 1)
				if b.nearHits() != hits+1 {
					t.Fatalf("B does not keep %q in memory", key)
				}
				b.hears(t, func() error {
					err := write.do(key)
					began := time.Now()
					faultEventually(t, "B follows "+name, func() bool {
						got, ok, err := b.Get(t.Context(), key)
						// While the event comes in, what was read from Redis is not trusted.
						if err != nil || ok && got != 1 && got != write.want {
							t.Fatalf("Get(%q) at B after %s = %v, %v, want the old value or %v", key, name, got, err, write.want)
						}
						return got == write.want
					})
					slowest = max(slowest, time.Since(began))
					return err
				})
				writeGet(t, b.Cache, key, write.want) // and it stays so
			}
			t.Logf("B followed %s after %v at most", name, slowest)
		}
	})
}

func TestAddReplacesARememberedAbsenceEverywhere(t *testing.T) {
	coherenceServers(t, func(t *testing.T, addr string, _ *redis.Client) {
		a, b := newCoherenceNode(t, addr), newCoherenceNode(t, addr)
		none := func(context.Context, string) (int64, error) { return 0, tiercache.ErrNotFound }
		for _, n := range []*coherenceNode{a, b} {
			if _, err := n.GetOrLoad(t.Context(), "k", none); !errors.Is(err, tiercache.ErrNotFound) {
				t.Fatalf("GetOrLoad(k) = %v, want ErrNotFound", err)
			}
		}
		addWants(t, a.Cache, "k", 1, true)
		faultEventually(t, "B has the value", func() bool {
			got, _, _ := b.Get(t.Context(), "k")
			return got == 1
		})
		addWants(t, b.Cache, "k", 2, false)
	})
}

func TestWhatOneInstanceStoresOthersNeedNotLoad(t *testing.T) {
	coherenceServers(t, func(t *testing.T, addr string, _ *redis.Client) {
		a, b := newCoherenceNode(t, addr), newCoherenceNode(t, addr)
		b.hears(t, func() error { return a.Set(t.Context(), "set", 1) })
		b.ask(t, "set", 1)
		a.value.Store(2)
		a.ask(t, "loaded", 2)
		b.ask(t, "loaded", 2)
		if n := b.calls.Load(); n != 0 {
			t.Errorf("B has loaded %d times, want 0", n)
		}
		if s := b.Stats(); s.Tiers[1].Hits != 2 || s.Tiers[0].Promotes == 0 {
			t.Errorf("Stats() of B = %+v, want two hits in Redis, copied to memory", s)
		}
	})
}

// A slow load at B has read the source before it changed and A deleted the key.
func TestLoadThatAnInvalidationOvertookPoisonsNobody(t *testing.T) {
	for name, write := range map[string]struct {
		do   func(t *testing.T, a *coherenceNode) error
		want int64 // 0 is nothing
	}{
		"Delete": {func(t *testing.T, a *coherenceNode) error { return a.Delete(t.Context(), "k") }, 0},
		"Expire": {func(t *testing.T, a *coherenceNode) error { return a.Expire(t.Context(), "k") }, 0},
		"Set":    {func(t *testing.T, a *coherenceNode) error { return a.Set(t.Context(), "k", 2) }, 2},
		"Clear":  {func(t *testing.T, a *coherenceNode) error { return a.Clear(t.Context()) }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			coherenceServers(t, func(t *testing.T, addr string, _ *redis.Client) {
				a, b := newCoherenceNode(t, addr), newCoherenceNode(t, addr)
				loading, release, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
				go func() {
					defer close(done)
					_, _ = b.GetOrLoad(t.Context(), "k", func(context.Context, string) (int64, error) {
						close(loading)
						<-release
						return 1, nil
					})
				}()
				<-loading
				b.hears(t, func() error { return write.do(t, a) })
				close(release)
				<-done
				for _, n := range []*coherenceNode{b, a, newCoherenceNode(t, addr)} {
					writeGet(t, n.Cache, "k", write.want)
				}
				if s := b.Stats(); s.FillsRefused != 1 || s.Tiers[0].Fills != 0 || s.Tiers[1].Fills != 0 {
					t.Errorf("Stats() of B = %+v, want its fill refused", s)
				}
			})
		})
	}
}

// The same when B never hears of it: then it is the lease in Redis that refuses the fill.
func TestLoadIsOvertakenInRedisEvenWhereTheEventIsLost(t *testing.T) {
	coherenceServers(t, func(t *testing.T, addr string, _ *redis.Client) {
		a := newCoherenceNode(t, addr)
		b := newCache(t, tiercache.Config[int64]{
			Tiers: []tier.Tier[int64]{memoryTier[int64](), faultTier[int64](t, addr, codec.MsgPack{})},
		})
		for _, write := range []func() error{
			func() error { return a.Delete(t.Context(), "k") },
			func() error { return a.Expire(t.Context(), "k") },
			func() error { return a.Set(t.Context(), "k", 2) },
		} {
			if err := a.Delete(t.Context(), "k"); err != nil {
				t.Fatalf("Delete(k) = %v, want nil", err)
			}
			refused := b.Stats().FillsRefused
			got, err := b.GetOrLoad(t.Context(), "k", func(context.Context, string) (int64, error) {
				return 1, write()
			})
			if got != 1 || err != nil {
				t.Errorf("GetOrLoad(k) = %v, %v, want 1, nil", got, err)
			}
			if n := b.Stats().FillsRefused - refused; n != 1 {
				t.Errorf("%d fills refused, want 1", n)
			}
			if got, _, _ := a.Get(t.Context(), "k"); got == 1 {
				t.Error("Redis has the value that was overtaken")
			}
			if got, _, _ := b.Get(t.Context(), "k"); got == 1 {
				t.Error("B serves the value that was overtaken")
			}
			if err := b.Delete(t.Context(), "k"); err != nil { // it has no bus
				t.Fatalf("Delete(k) = %v, want nil", err)
			}
		}
	})
}
