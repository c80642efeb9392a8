package tiercache_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/tiercache/tiercache"
	"github.com/tiercache/tiercache/backend"
	"github.com/tiercache/tiercache/invalidate"
	"github.com/tiercache/tiercache/tier"
)

// An interruptedStore calls meanwhile, once, when it has read something and has not returned it yet.
type interruptedStore struct {
	*backend.Memory
	meanwhile func()
}

func (s *interruptedStore) Get(ctx context.Context, key string) ([]byte, bool, error) {
	value, ok, err := s.Memory.Get(ctx, key)
	if do := s.meanwhile; ok && do != nil {
		s.meanwhile = nil
		do()
	}
	return value, ok, err
}

// Of two shared tiers the farther one has the value. One process reads it there, another deletes the key in both, and the first, which has not heard of
// that yet, copies what it has read to the nearer one, where nothing refuses it.
func TestExcludedH2CopyToANearerSharedTier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nearer, farther := backend.NewMemory(), &interruptedStore{Memory: backend.NewMemory()}
		f := &excludedFleet{bus: newFakeBus(excludedBound)}
		f.bus.publish = func(context.Context, invalidate.Event) error { return nil } // late
		instance := func() *tiercache.Cache[int64] {
			return newCache(t, tiercache.Config[int64]{
				Bus:     f.bus,
				Tiers:   []tier.Tier[int64]{memoryTier[int64](), flightFar(nearer), flightFar(farther).Named("farther")},
				Profile: tiercache.Profile{TTL: excludedTTL},
			})
		}
		f.here, f.there = instance(), instance()
		synctest.Wait() // both have subscribed
		f.source.value.Store(1)
		f.serves(t, f.there, 1)
		if err := nearer.Delete(t.Context(), "test:k"); err != nil { // evicted
			t.Fatal(err)
		}
		writeGet(t, f.here, "other", 0) // from now on the generations are known
		farther.meanwhile = func() {
			f.source.value.Store(2)
			hazardDelete(t, f.there)
		}
		f.serves(t, f.here, 1)
		f.oldForTheTTL(t, f.there)
	})
}
