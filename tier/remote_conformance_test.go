package tier_test

import (
	"context"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/tiercache/tiercache/backend"
	"github.com/tiercache/tiercache/codec"
	"github.com/tiercache/tiercache/internal/keys"
	"github.com/tiercache/tiercache/internal/redistest"
	"github.com/tiercache/tiercache/tier"
	"github.com/tiercache/tiercache/tier/tiertest"
)

// conform runs the conformance test on tiers over what empty returns.
func conform(t *testing.T, empty func(t *testing.T) backend.Backend) {
	tiertest.Test(t, func(t *testing.T) tier.Tier[string] {
		return tier.Remote[string](empty(t), codec.MsgPack{})
	})
}

func TestRemoteConformsOnMemory(t *testing.T) {
	conform(t, func(*testing.T) backend.Backend { return backend.NewMemory() })
}

func TestRemoteConformsWithAPrefix(t *testing.T) {
	conform(t, func(*testing.T) backend.Backend { return backend.Prefix(backend.NewMemory(), "p:") })
}

// The store has a generation to begin with. Without conditional writes, entries that are set while several make the first one
// may be lost.
func TestRemoteConformsWithoutOptionalPowers(t *testing.T) {
	conform(t, func(t *testing.T) backend.Backend {
		b := basic{backend.NewMemory()}
		if err := b.Set(t.Context(), keys.Meta("tiertest", "generation"), []byte("whatever"), 0); err != nil {
			t.Fatal(err)
		}
		return b
	})
}

func TestRemoteConformsOnMiniredis(t *testing.T) {
	m, rdb := redistest.Mini(t)
	conform(t, func(t *testing.T) backend.Backend {
		m.FlushAll()
		return onRedis(t, rdb)
	})
}

func TestRemoteConformsOnRedis(t *testing.T) {
	rdb := redistest.Single(t).Client()
	conform(t, func(t *testing.T) backend.Backend {
		flush(t, rdb)
		return onRedis(t, rdb)
	})
}

func TestRemoteConformsOnACluster(t *testing.T) {
	c := redistest.Cluster(t)
	rdb := c.Client()
	conform(t, func(t *testing.T) backend.Backend {
		for _, n := range c.Nodes() {
			flush(t, n.Client())
		}
		return onRedis(t, rdb)
	})
}

func TestRemoteConformsWithCompression(t *testing.T) {
	compressed, err := codec.Compress(codec.MsgPack{}, codec.Compression{Threshold: 1})
	if err != nil {
		t.Fatalf("Compress() = %v, want nil", err)
	}
	tiertest.Test(t, func(*testing.T) tier.Tier[string] { return tier.Remote[string](backend.NewMemory(), compressed) })
}

func flush(t *testing.T, rdb *redis.Client) {
	t.Helper()
	if err := rdb.FlushAll(context.Background()).Err(); err != nil {
		t.Fatalf("FlushAll() = %v, want nil", err)
	}
}
