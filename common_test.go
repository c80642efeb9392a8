package tiercache_test

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/tiercache/tiercache"
	"github.com/tiercache/tiercache/tier"
)

// newCache builds a cache and closes it when the test ends. Name, Tiers and Profile have defaults.
func newCache[V any](tb testing.TB, cfg tiercache.Config[V]) *tiercache.Cache[V] {
	tb.Helper()
	if cfg.Name == "" {
		cfg.Name = "test"
	}
	if cfg.Tiers == nil {
		cfg.Tiers = []tier.Tier[V]{memoryTier[V]()}
	}
	if cfg.Profile == (tiercache.Profile{}) {
		cfg.Profile = tiercache.Standard()
	}
	c, err := tiercache.New(cfg)
	if err != nil {
		tb.Fatalf("New() = %v, want nil", err)
	}
	tb.Cleanup(func() {
		if err := c.Close(); err != nil {
			tb.Errorf("Close() = %v, want nil", err)
		}
	})
	return c
}

// memoryTier returns a near tier that is large enough for any test.
func memoryTier[V any]() tier.Tier[V] {
	return tier.Memory[V](tier.MemoryConfig{MaxEntries: 10_000})
}

// A source is what the cache is for: it has a value for each key, and counts how often it is asked.
type source struct {
	calls atomic.Int64
	value atomic.Int64 // what load returns
}

// load is a tiercache.Loader.
func (s *source) load(context.Context, string) (int64, error) {
	s.calls.Add(1)
	return s.value.Load(), nil
}
