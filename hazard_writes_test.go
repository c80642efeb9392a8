package tiercache_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiercache/tiercache"
	"github.com/tiercache/tiercache/backend"
	"github.com/tiercache/tiercache/invalidate"
	"github.com/tiercache/tiercache/tier"
)

// The event comes first, a reader asks the store because of it, and stores the old value behind the fence. So whoever hears of a write finds the
// store written.
func TestH11EventComesWhenTheFarTierIsWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, bus := backend.NewMemory(), newFakeBus(time.Second)
		far := flightFar(store)
		c := newCache(t, tiercache.Config[int64]{Bus: bus, Tiers: []tier.Tier[int64]{memoryTier[int64](), far}})
		synctest.Wait()
		var seen []int64 // in the store by those who hear of it
		bus.publish = func(ctx context.Context, e invalidate.Event) error {
			v := int64(0)
			if e, ok, err := far.Get(ctx, "k"); err != nil {
				t.Error(err)
			} else if ok {
				v = e.Value
			}
			seen = append(seen, v)
			return nil
		}
		for _, write := range []func() error{
			func() error { return c.Set(t.Context(), "k", 1) },
			func() error { return c.Set(t.Context(), "k", 2) },
			func() error { return c.Delete(t.Context(), "k") },
		} {
			if err := write(); err != nil {
				t.Fatal(err)
			}
		}
		if len(seen) != 3 || seen[0] != 1 || seen[1] != 2 || seen[2] != 0 {
			t.Errorf("the store had %v when the events were sent, want [1 2 0]", seen)
		}
	})
}

// A lease is evicted while its owner loads, the key is deleted, and then the load is to be stored. There is nothing left to compare with.
func TestH20LeaseThatTheStoreHasEvicted(t *testing.T) {
	flightEngine(t, func(t *testing.T, near tier.Tier[int64]) {
		here, there, _, store := hazardPair(t, near)
		statsLoad(t, here, func(ctx context.Context, _ string) (int64, error) {
			if n := store.Len(); n == 0 {
				t.Error("there is no lease")
			}
			hazardEvict(t, store)
			return 1, nil
		})
		staleGet(t, there, 0)
		if n := here.Stats().FillsRefused; n != 1 {
			t.Errorf("FillsRefused = %d, want 1", n)
		}
	})
}

// hazardEvict removes what the store has of k, unnoticed.
func hazardEvict(t *testing.T, store *backend.Memory) {
	t.Helper()
	far := flightFar(store)
	scope := tier.Scope{Cache: "test", MaxValueBytes: 1 << 20, Epoch: func() uint64 { return 0 }, Report: func(tier.Problem) {}}
	if err := far.Open(scope); err != nil {
		t.Fatal(err)
	}
	if err := far.Delete(t.Context(), "k"); err != nil {
		t.Fatal(err)
	}
}

// A load takes longer than its lease; another process loads the newer value in the meantime; the first load ends.
func TestH25LoadThatIsSlowerThanItsLease(t *testing.T) {
	flightEngine(t, func(t *testing.T, near tier.Tier[int64]) {
		here, there, _, _ := hazardPair(t, near)
		short := func(p tiercache.Profile) tiercache.Profile {
			p.LeaseFor = time.Second
			return p
		}
		statsLoad(t, here, func(context.Context, string) (int64, error) {
			time.Sleep(2 * time.Second)
			statsLoad(t, there, func(context.Context, string) (int64, error) { return 2, nil })
			return 1, nil
		}, short)
		staleGet(t, there, 2)
		staleGet(t, here, 2)
	})
}

// A Delete has moved the fence. A read takes its stamp and gets the old value from the store; the store deletes it, and the Delete returns;
// then the read stores what it has in memory. The own event tells nothing, so the Delete moves the fence again.
func TestH3FarReadDuringADeleteOfTheSameProcess(t *testing.T) {
	flightEngine(t, func(t *testing.T, near tier.Tier[int64]) {
		bus, far := newStepBus(time.Hour), &afterGet{RemoteTier: flightFar(newStepStore())}
		c := newCache(t, tiercache.Config[int64]{Bus: bus, Tiers: []tier.Tier[int64]{near, far}})
		synctest.Wait()
		statsSet(t, c)
		goOn, read := make(chan struct{}), make(chan struct{})
		bus.step = func(_ context.Context, do func() error) error {
			far.do = func() { <-goOn }
			go func() {
				defer close(read)
				_, _, _ = c.Get(context.Background(), "k") // the old value would be right, and so is to look again
			}()
			synctest.Wait()
			if far.do != nil {
				t.Error("the read has not got the old value")
			}
			return do()
		}
		hazardDelete(t, c)
		close(goOn)
		<-read
		staleGet(t, c, 0)
	})
}
