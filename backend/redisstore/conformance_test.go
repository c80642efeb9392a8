package redisstore_test

import (
	"strconv"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/tiercache/tiercache/backend"
	"github.com/tiercache/tiercache/backend/backendtest"
	"github.com/tiercache/tiercache/backend/redisstore"
	"github.com/tiercache/tiercache/internal/redistest"
)

// patient is for tests on a busy machine that are not about deadlines.
var patient = redisstore.Config{Timeout: patience}

func open(t testing.TB, rdb redis.UniversalClient, cfg redisstore.Config) *redisstore.Store {
	t.Helper()
	s, err := redisstore.New(rdb, cfg)
	if err != nil {
		t.Fatalf("New(%T) = %v, want nil", rdb, err)
	}
	return s
}

func conformance(t *testing.T, rdb redis.UniversalClient, opts backendtest.Options) {
	t.Helper()
	backendtest.Test(t, func(t *testing.T) backend.Backend { return open(t, rdb, patient) }, opts)
}

func TestConformanceOnMiniredis(t *testing.T) {
	m, rdb := redistest.Mini(t)
	conformance(t, rdb, backendtest.Options{Advance: m.FastForward})
}

func TestConformanceOnOneServer(t *testing.T) {
	conformance(t, redistest.Single(t).Client(), backendtest.Options{})
}

func TestConformanceWithContextTimeouts(t *testing.T) {
	conformance(t, redistest.Single(t).Client(redistest.WithContextTimeout), backendtest.Options{})
}

func TestConformanceOnACluster(t *testing.T) {
	conformance(t, redistest.Cluster(t).Client(), backendtest.Options{})
}

func TestConformanceOnARing(t *testing.T) {
	conformance(t, ring(t, redistest.Single(t), redistest.Single(t)), backendtest.Options{})
}

func TestConformanceBehindASentinel(t *testing.T) {
	conformance(t, redistest.Sentinel(t).Client(), backendtest.Options{})
}

func TestConformanceWithAPrefix(t *testing.T) {
	m, rdb := redistest.Mini(t)
	backendtest.Test(t, func(t *testing.T) backend.Backend {
		return backend.Prefix(open(t, rdb, patient), "p:")
	}, backendtest.Options{Advance: m.FastForward})
}

func ring(t *testing.T, servers ...*redistest.Server) *redis.Ring {
	o := &redis.RingOptions{Addrs: make(map[string]string)}
	for i, s := range servers {
		o.Addrs["shard"+strconv.Itoa(i)] = s.Addr()
	}
	rdb := redis.NewRing(o)
	t.Cleanup(func() { _ = rdb.Close() })
	return rdb
}
