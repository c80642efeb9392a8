package tiercache_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiercache/tiercache"
	"github.com/tiercache/tiercache/backend"
	"github.com/tiercache/tiercache/codec"
	"github.com/tiercache/tiercache/invalidate"
	"github.com/tiercache/tiercache/tier"
)

// A lateBus takes a while to subscribe, as a bus does that has to connect first.
type lateBus struct{ *invalidate.Memory }

func (b lateBus) Subscribe(ctx context.Context, h invalidate.Handler) error {
	time.Sleep(10 * time.Millisecond) // of the bubble
	return b.Memory.Subscribe(ctx, h)
}

// What is dropped when the subscription begins are copies that this process may not trust. The value of a load that is under way
// is good for the other processes, and for this one when it is read from the shared tier.
func TestLoadDuringADropFillsTheSharedTier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, tiercache.Config[int64]{
			Tiers: []tier.Tier[int64]{memoryTier[int64](), tier.Remote[int64](backend.NewMemory(), codec.MsgPack{})},
			Bus:   lateBus{invalidate.NewMemory()},
		})
		src := source{}
		for range 2 {
			if _, err := c.GetOrLoad(t.Context(), "k", func(ctx context.Context, key string) (int64, error) {
				time.Sleep(100 * time.Millisecond)
				return src.load(ctx, key)
			}); err != nil {
				t.Fatalf("GetOrLoad() = %v, want nil", err)
			}
		}
		if n := src.calls.Load(); n != 1 {
			t.Errorf("%d loads, want 1", n)
		}
		if s := c.Stats(); s.FillsRefused != 0 || s.Tiers[0].Fills != 0 || s.Tiers[1].Fills != 1 || s.Tiers[1].Hits != 1 {
			t.Errorf("Stats() = %+v, want a fill of the shared tier alone, and a hit there", s)
		}
	})
}
