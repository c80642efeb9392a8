package tiercache_test

import (
	"context"
	"testing"

	"github.com/tiercache/tiercache"
	"github.com/tiercache/tiercache/backend"
	"github.com/tiercache/tiercache/codec"
	"github.com/tiercache/tiercache/invalidate"
	"github.com/tiercache/tiercache/tier"
)

// An afterGet is a far tier that does something when it has been read.
type afterGet struct {
	*tier.RemoteTier[int64]
	do func()
}

func (t *afterGet) Get(ctx context.Context, key string) (*tier.Entry[int64], bool, error) {
	e, ok, err := t.RemoteTier.Get(ctx, key)
	if do := t.do; do != nil {
		t.do = nil
		do()
	}
	return e, ok, err
}

// There is a value before, during and after the Set of another process: a Get must not miss it.
func TestGetThatASetOvertakesFindsTheNewValue(t *testing.T) {
	store, bus := backend.NewMemory(), invalidate.NewMemory()
	far := &afterGet{RemoteTier: tier.Remote[int64](store, codec.JSON{})}
	here := newCache(t, tiercache.Config[int64]{Bus: bus, Tiers: []tier.Tier[int64]{memoryTier[int64](), far}})
	there := newCache(t, tiercache.Config[int64]{Bus: bus, Tiers: []tier.Tier[int64]{tier.Remote[int64](store, codec.JSON{})}})
	set := func(v int64) {
		if err := there.Set(t.Context(), "k", v); err != nil {
			t.Fatalf("Set(k, %d) = %v, want nil", v, err)
		}
	}
	for here.Stats().PartitionDrops < invalidate.Partitions || there.Stats().PartitionDrops < invalidate.Partitions {
		set(1) // until both have subscribed
	}
	far.do = func() { set(2) }
	if got, ok, err := here.Get(t.Context(), "k"); got != 2 || !ok || err != nil {
		t.Errorf("Get(k) = %v, %v, %v while Set(k, 2) ran elsewhere, want 2, true, nil", got, ok, err)
	}
}
