package tiercache_test

import (
	"context"
	"testing"

	"github.com/tiercache/tiercache"
	"github.com/tiercache/tiercache/tier"
)

// An unstamped tier is one in this process that does not keep the stamps of its entries.
type unstamped struct{ tier.Tier[int64] }

func (u unstamped) Open(s tier.Scope) error { return u.Tier.(tier.Opener).Open(s) }
func (u unstamped) Close() error            { return u.Tier.(tier.Closer).Close() }

func (u unstamped) Get(ctx context.Context, key string) (*tier.Entry[int64], bool, error) {
	e, ok, err := u.Tier.Get(ctx, key)
	if !ok {
		return nil, false, err
	}
	bare := *e
	bare.Stamp = tier.Stamp{}
	return &bare, true, nil
}

func TestNearEntryWithoutAStampIsNotServed(t *testing.T) {
	c := newCache(t, tiercache.Config[int64]{Tiers: []tier.Tier[int64]{unstamped{memoryTier[int64]()}}})
	if err := c.Set(t.Context(), "k", 1); err != nil {
		t.Fatalf("Set(k, 1) = %v, want nil", err)
	}
	if v, ok, err := c.Get(t.Context(), "k"); ok || err != nil {
		t.Errorf("Get(k) = %v, %v, %v, want a miss: it may have been invalidated", v, ok, err)
	}
	if n := c.Stats().Tiers[0].Fenced; n != 1 {
		t.Errorf("Fenced = %d, want 1", n)
	}
}
