package tiercache_test

import (
	"context"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tiercache/tiercache"
	"github.com/tiercache/tiercache/backend/redisstore"
	"github.com/tiercache/tiercache/codec"
	"github.com/tiercache/tiercache/internal/redistest"
	"github.com/tiercache/tiercache/invalidate/redisbus"
	"github.com/tiercache/tiercache/tier"
)

// A meter counts requests on the wire: a client writes one, or one pipeline of them, and then waits for the answer.
type meter struct{ writes atomic.Int64 }

func (m *meter) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, addr)
	return &meteredConn{conn, m}, err
}

type meteredConn struct {
	net.Conn
	*meter
}

func (c *meteredConn) Write(p []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(p)
}

// trips returns how many round trips f takes, less what the client does for a connection that is new.
func (m *meter) trips(t *testing.T, f func(i int)) int64 {
	t.Helper()
	least := int64(1 << 62)
	for i := range 5 {
		before := m.writes.Load()
		f(i)
		least = min(least, m.writes.Load()-before)
	}
	return least
}

func meteredCache(t testing.TB, rdb redis.UniversalClient) *tiercache.Cache[string] {
	t.Helper()
	bus := must(redisbus.New(rdb, redisbus.Config{Bound: time.Hour, PingInterval: time.Hour, Timeout: 5 * time.Second}))
	store := must(redisstore.New(rdb, redisstore.Config{Timeout: 5 * time.Second}))
	c, err := tiercache.New(tiercache.Config[string]{
		Name:    "metered",
		Tiers:   []tier.Tier[string]{tier.Memory[string](tier.MemoryConfig{MaxBytes: 1 << 20}), tier.Remote[string](store, codec.MsgPack{})},
		Bus:     bus,
		Profile: tiercache.Profile{TTL: time.Hour},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	for deadline := time.Now().Add(20 * time.Second); !bus.Stats().Connected || bus.Stats().Polls < 2; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the subscription is not in place after 20s")
		}
	}
	return c
}

func TestRoundTrips(t *testing.T) {
	none := func(context.Context, string) (string, error) {
		t.Error("the source is asked")
		return "", nil
	}
	load := func(t *testing.T, c *tiercache.Cache[string], key string, source tiercache.Loader[string]) {
		if _, err := c.GetOrLoad(t.Context(), key, source); err != nil {
			t.Errorf("GetOrLoad(%q) = %v, want nil", key, err)
		}
	}
	source := func(context.Context, string) (string, error) { return "v", nil }
	remove := func(t *testing.T, c *tiercache.Cache[string], key string) {
		if err := c.Delete(t.Context(), key); err != nil {
			t.Errorf("Delete(%q) = %v, want nil", key, err)
		}
	}
	check := func(t *testing.T, m *meter, rdb redis.UniversalClient, invalidation int64) {
		c := meteredCache(t, rdb)
		other := meteredCache(t, rdb) // fills Redis, and not the memory of c
		keys := []string{"a", "b", "c", "d", "e"}
		for what, want := range map[string]struct {
			trips int64
			do    func(i int)
		}{
			"miss":         {3, func(i int) { load(t, c, keys[i]+"1", source) }},
			"invalidation": {invalidation, func(i int) { remove(t, c, keys[i]+"2") }},
		} {
			if got := m.trips(t, want.do); got > want.trips {
				t.Errorf("%s: %d round trips, want at most %d", what, got, want.trips)
			}
		}
		for _, key := range keys {
			load(t, other, key+"3", source)
		}
		if got := m.trips(t, func(i int) { load(t, c, keys[i]+"3", none) }); got != 1 {
			t.Errorf("far hit: %d round trips, want 1", got)
		}
		if got := m.trips(t, func(i int) { load(t, c, keys[0]+"3", none) }); got != 0 {
			t.Errorf("near hit: %d round trips, want none", got)
		}
	}
	t.Run("single", func(t *testing.T) {
		s := redistest.Single(t)
		m := new(meter)
		check(t, m, s.Client(func(o *redis.Options) { o.Dialer, o.ContextTimeoutEnabled = m.dial, true }), 1)
	})
	t.Run("cluster", func(t *testing.T) {
		s := redistest.Cluster(t)
		m := new(meter)
		check(t, m, s.Client(func(o *redis.ClusterOptions) { o.Dialer, o.ContextTimeoutEnabled = m.dial, true }), 2)
	})
}
