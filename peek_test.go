package tiercache_test

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/tiercache/tiercache"
	"github.com/tiercache/tiercache/tier"
	"github.com/tiercache/tiercache/tier/ottertier"
)

// An askedTier counts its reads.
type askedTier struct {
	tier.Tier[int64]
	gets atomic.Int64
}

func (a *askedTier) Get(ctx context.Context, key string) (*tier.Entry[int64], bool, error) {
	a.gets.Add(1)
	return a.Tier.Get(ctx, key)
}

func (a *askedTier) Open(s tier.Scope) error { return a.Tier.(tier.Opener).Open(s) }
func (a *askedTier) Close() error            { return a.Tier.(tier.Closer).Close() }
func (a *askedTier) Has(key string) bool     { return a.Tier.(tier.Peeker).Has(key) }

// The policy of an engine takes each read for a request. A load that asked more than once would make keys that are missed look
// more popular than those that are kept.
func TestMissAsksTheNearestTierOnce(t *testing.T) {
	for name, engine := range map[string]tier.Tier[int64]{
		"ristretto": memoryTier[int64](),
		"otter":     ottertier.New[int64](ottertier.Config{MaxEntries: 1000}),
	} {
		t.Run(name, func(t *testing.T) {
			near := &askedTier{Tier: engine}
			c := newCache(t, tiercache.Config[int64]{Tiers: []tier.Tier[int64]{near}})
			var src source
			if _, err := c.GetOrLoad(t.Context(), "k", src.load); err != nil {
				t.Fatalf("GetOrLoad(k) = %v, want nil", err)
			}
			if _, _, err := c.Get(t.Context(), "absent"); err != nil {
				t.Fatalf("Get(absent) = %v, want nil", err)
			}
			if n := near.gets.Load(); n != 2 {
				t.Errorf("a load and a miss have asked the tier %d times, want once each", n)
			}
		})
	}
}
