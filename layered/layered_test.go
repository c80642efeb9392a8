package layered_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tiercache/tiercache"
	"github.com/tiercache/tiercache/internal/redistest"
	"github.com/tiercache/tiercache/layered"
)

// patience is how long a test waits for what happens soon.
const patience = 20 * time.Second

// A user is what the caches of these tests hold.
type user struct {
	ID   string
	Name string
}

// onRedis runs test over miniredis, over a Redis server and over a cluster, with a function that makes clients.
func onRedis(t *testing.T, test func(t *testing.T, client func() redis.UniversalClient)) {
	t.Run("Miniredis", func(t *testing.T) {
		m, _ := redistest.Mini(t)
		test(t, func() redis.UniversalClient { return newClient(t, m.Addr()) })
	})
	t.Run("Redis", func(t *testing.T) {
		s := redistest.Single(t)
		test(t, func() redis.UniversalClient { return s.Client() })
	})
	t.Run("Cluster", func(t *testing.T) {
		c := redistest.Cluster(t)
		test(t, func() redis.UniversalClient { return c.Client() })
	})
}

func newClient(t *testing.T, addr string) *redis.Client {
	rdb := redis.NewClient(&redis.Options{Addr: addr})
	t.Cleanup(func() { _ = rdb.Close() })
	return rdb
}

// newLayers returns layers that are closed with the test.
func newLayers(t *testing.T, rdb redis.UniversalClient) *layered.Layers {
	l := layered.New(rdb)
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Errorf("Close() = %v, want nil", err)
		}
	})
	return l
}

func newCache(t *testing.T, l *layered.Layers) *tiercache.Cache[user] {
	t.Helper()
	c, err := layered.Cache[user](l, "users", tiercache.Standard())
	if err != nil {
		t.Fatalf("Cache() = %v, want nil", err)
	}
	return c
}

// A source is asked for what no tier has, and counts how often.
type source struct{ calls atomic.Int64 }

func (s *source) load(_ context.Context, id string) (user, error) {
	s.calls.Add(1)
	return user{id, "from the source"}, nil
}

// eventually polls until what is true.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// name returns the name of user "42" in c, "" if there is none.
func name(t *testing.T, c *tiercache.Cache[user]) string {
	t.Helper()
	u, _, err := c.Get(t.Context(), "42")
	if err != nil {
		t.Fatalf("Get() = %v, want no error", err)
	}
	return u.Name
}

// A busy machine may take longer than the timeout of the store, above all to meet a cluster. So writes are repeated, and
// the other instance is asked until it answers as it should.
func TestInstancesShareWhatIsInRedis(t *testing.T) {
	onRedis(t, func(t *testing.T, client func() redis.UniversalClient) {
		a, b := newCache(t, newLayers(t, client())), newCache(t, newLayers(t, client()))
		ctx := t.Context()
		set := func(value string) {
			t.Helper()
			eventually(t, "Set succeeds", func() bool { return a.Set(ctx, "42", user{"42", value}) == nil })
			eventually(t, "the other instance has "+value, func() bool { return name(t, b) == value })
		}
		set("Ada")
		var s source
		if u, err := b.GetOrLoad(ctx, "42", s.load); err != nil || u.Name != "Ada" || s.calls.Load() != 0 {
			t.Errorf("GetOrLoad() = %v, %v, after %d loads, want Ada and no load", u, err, s.calls.Load())
		}
		set("Grace")
		eventually(t, "Delete succeeds", func() bool { return a.Delete(ctx, "42") == nil })
		eventually(t, "the other instance has no value", func() bool { return name(t, b) == "" })
		set("Edsger")
		eventually(t, "Clear succeeds", func() bool { return a.Clear(ctx) == nil })
		eventually(t, "the other instance is clear", func() bool { return name(t, b) == "" })
		if u, err := b.GetOrLoad(ctx, "42", s.load); err != nil || u.Name != "from the source" || s.calls.Load() != 1 {
			t.Errorf("GetOrLoad() = %v, %v, after %d loads, want one load", u, err, s.calls.Load())
		}
	})
}

func TestInstancesShareOneLoad(t *testing.T) {
	onRedis(t, func(t *testing.T, client func() redis.UniversalClient) {
		caches := make([]*tiercache.Cache[user], 4)
		for i := range caches {
			caches[i] = newCache(t, newLayers(t, client()))
		}
		failures := func() (n uint64) {
			for _, c := range caches {
				n += c.Stats().Tiers[1].Errors
			}
			return n
		}
		// An instance that Redis does not answer in time loads by itself, so only a round without errors counts.
		round := 0
		eventually(t, "there is a round without errors", func() bool {
			before := failures()
			round++
			loads := loadEverywhere(t, caches, fmt.Sprint(round))
			if failures() > before {
				return false
			}
			if loads != 1 {
				t.Errorf("%d instances have loaded %d times, want once", len(caches), loads)
			}
			return true
		})
	})
}

// loadEverywhere asks all caches for a key at the same time, and returns how often it was loaded.
func loadEverywhere(t *testing.T, caches []*tiercache.Cache[user], key string) int64 {
	var s source
	var wg sync.WaitGroup
	for _, c := range caches {
		wg.Go(func() {
			_, err := c.GetOrLoad(t.Context(), key, func(ctx context.Context, id string) (user, error) {
				time.Sleep(20 * time.Millisecond) // the source takes its time
				return s.load(ctx, id)
			})
			if err != nil {
				t.Errorf("GetOrLoad() = %v, want nil", err)
			}
		})
	}
	wg.Wait()
	return s.calls.Load()
}

func TestCachesOfDifferentTypesShareTheLayers(t *testing.T) {
	_, rdb := redistest.Mini(t)
	l := newLayers(t, rdb)
	users := newCache(t, l)
	counts, err := layered.Cache[int](l, "counts", tiercache.Standard())
	if err != nil {
		t.Fatalf("Cache() = %v, want nil", err)
	}
	if err := errors.Join(users.Set(t.Context(), "42", user{"42", "Ada"}), counts.Set(t.Context(), "42", 7)); err != nil {
		t.Fatalf("Set() = %v, want nil", err)
	}
	if n, ok, err := counts.Get(t.Context(), "42"); n != 7 || !ok || err != nil || name(t, users) != "Ada" {
		t.Errorf("Get() = %d, %t, %v and %q, want 7 and Ada", n, ok, err, name(t, users))
	}
}

func TestClientsThatCannotBeUsedAreReportedByCache(t *testing.T) {
	ring := redis.NewRing(&redis.RingOptions{Addrs: map[string]string{"a": "127.0.0.1:1"}})
	defer ring.Close()
	replicas := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{"127.0.0.1:1"}, ReadOnly: true})
	defer replicas.Close()
	nearest := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{"127.0.0.1:1"}, RouteByLatency: true})
	defer nearest.Close()
	for name, rdb := range map[string]redis.UniversalClient{
		"nil":                     nil,
		"nil client":              (*redis.Client)(nil),
		"nil cluster client":      (*redis.ClusterClient)(nil),
		"ring":                    ring,
		"client of replicas":      replicas,
		"client of nearest nodes": nearest,
	} {
		l := newLayers(t, rdb)
		if c, err := layered.Cache[user](l, "users", tiercache.Standard()); c != nil || err == nil {
			t.Errorf("%s: Cache() = %v, %v, want an error", name, c, err)
		}
	}
}

func TestConfigurationsThatCannotBeUsedAreReportedByCache(t *testing.T) {
	_, rdb := redistest.Mini(t)
	l := newLayers(t, rdb)
	if _, err := layered.Cache[user](l, "a:b", tiercache.Standard()); err == nil {
		t.Error("Cache() of a bad name = nil, want an error")
	}
	if _, err := layered.Cache[user](l, "users", tiercache.Profile{}); err == nil {
		t.Error("Cache() of an empty profile = nil, want an error")
	}
}

func TestCloseEndsTheCachesButNotTheClient(t *testing.T) {
	m, rdb := redistest.Mini(t)
	l := layered.New(rdb)
	c, alone := newCache(t, l), newCache(t, l)
	eventually(t, "there is a subscription", func() bool { return m.PubSubNumSub("tiercache:events")["tiercache:events"] == 1 })
	if err := alone.Close(); err != nil {
		t.Errorf("Close() of one cache = %v, want nil", err)
	}
	if got := m.PubSubNumSub("tiercache:events")["tiercache:events"]; got != 1 {
		t.Errorf("%d subscriptions after one of two caches was closed, want 1", got)
	}
	for range 2 {
		if err := l.Close(); err != nil {
			t.Errorf("Close() = %v, want nil", err)
		}
	}
	eventually(t, "there is no subscription", func() bool { return m.PubSubNumSub("tiercache:events")["tiercache:events"] == 0 })
	if err := c.Set(t.Context(), "42", user{}); !errors.Is(err, tiercache.ErrClosed) {
		t.Errorf("Set() after Close = %v, want ErrClosed", err)
	}
	if c, err := layered.Cache[user](l, "users", tiercache.Standard()); c != nil || !errors.Is(err, tiercache.ErrClosed) {
		t.Errorf("Cache() after Close = %v, %v, want ErrClosed", c, err)
	}
	if err := rdb.Ping(t.Context()).Err(); err != nil {
		t.Errorf("Ping() after Close = %v, want nil: the client is the caller's", err)
	}
}

// nobody returns an address at which nobody listens.
func nobody(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func TestWithoutRedisValuesComeFromTheSourceAndFromMemory(t *testing.T) {
	c := newCache(t, newLayers(t, newClient(t, nobody(t))))
	var s source
	for range 100 {
		if u, err := c.GetOrLoad(t.Context(), "42", s.load); err != nil || u.Name != "from the source" {
			t.Fatalf("GetOrLoad() = %v, %v, want the value of the source", u, err)
		}
	}
	if got := s.calls.Load(); got != 1 {
		t.Errorf("the source was asked %d times, want once", got)
	}
	if err := c.Set(t.Context(), "42", user{"42", "Ada"}); err == nil {
		t.Error("Set() = nil, want an error: other instances do not get the value")
	}
}

func TestRedisIsUsedAgainWhenItIsBack(t *testing.T) {
	s := redistest.Single(t)
	a, b := newCache(t, newLayers(t, s.Client())), newCache(t, newLayers(t, s.Client()))
	if err := a.Set(t.Context(), "42", user{"42", "Ada"}); err != nil {
		t.Fatalf("Set() = %v, want nil", err)
	}
	s.Stop()
	if err := a.Set(t.Context(), "42", user{"42", "Grace"}); err == nil {
		t.Error("Set() without Redis = nil, want an error")
	}
	s.Restart()
	// Redis is empty now. What is set before the instance has noticed counts as older than that.
	eventually(t, "the other instance has what is set", func() bool {
		return a.Set(t.Context(), "42", user{"42", "Edsger"}) == nil && name(t, b) == "Edsger"
	})
}
