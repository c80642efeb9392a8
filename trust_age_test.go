package tiercache_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiercache/tiercache"
	"github.com/tiercache/tiercache/invalidate"
	"github.com/tiercache/tiercache/tier"
)

// trustCache returns a cache over a store, with a bus that confirms nothing and takes publishing time.
func trustCache(t *testing.T, publishing time.Duration) *tiercache.Cache[int64] {
	bus := newFakeBus(3 * time.Second)
	bus.publish = func(context.Context, invalidate.Event) error {
		time.Sleep(publishing)
		return nil
	}
	return newCache(t, tiercache.Config[int64]{
		Tiers:   []tier.Tier[int64]{memoryTier[int64](), flightFar(newStepStore())},
		Bus:     bus,
		Profile: tiercache.Profile{TTL: time.Hour, StaleFor: time.Hour},
	})
}

// nearest returns the name of the tier that answers a read of "k".
func nearest(t *testing.T, c *tiercache.Cache[int64]) string {
	t.Helper()
	r, err := c.Lookup(t.Context(), "k", nil)
	if err != nil || !r.Found {
		t.Fatalf("Lookup() = %+v, %v, want a value", r, err)
	}
	return r.Tier
}

// What others write while a Set is under way is not in its value. So its value is trusted for one bound from the beginning of the Set, not from
// its end.
func TestValueOfASetIsAsOldAsTheSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := trustCache(t, 2*time.Second)
		synctest.Wait() // the subscription begins with a drop
		writeSet(t, c, "k", 1)
		near := nearest(t, c)
		if s := c.Stats(); s.Tiers[0].Hits != 1 {
			t.Fatalf("the read after the Set was answered by %s, want the memory", near)
		}
		time.Sleep(time.Second + time.Millisecond)
		if got := nearest(t, c); got == near {
			t.Errorf("%s answers %v after the Set began, and nothing was confirmed since", got, 3*time.Second)
		}
	})
}

// An Expire makes an entry stale, and no younger.
func TestExpiredEntryIsAsOldAsItWas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := trustCache(t, 0)
		synctest.Wait()
		writeSet(t, c, "k", 1)
		time.Sleep(2 * time.Second)
		if err := c.Expire(t.Context(), "k"); err != nil {
			t.Fatalf("Expire() = %v, want nil", err)
		}
		untrusted := c.Stats().Tiers[0].Untrusted
		time.Sleep(time.Second + time.Millisecond)
		nearest(t, c)
		if got := c.Stats().Tiers[0].Untrusted - untrusted; got != 1 {
			t.Errorf("the memory was found untrusted %d times %v after the Set, want 1", got, 3*time.Second)
		}
	})
}

// What the source was asked for is as old as the question.
func TestValueOfALoadIsAsOldAsTheBeginOfTheLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := trustCache(t, 0)
		synctest.Wait()
		statsLoad(t, c, func(context.Context, string) (int64, error) {
			time.Sleep(2 * time.Second)
			return 1, nil
		})
		near := nearest(t, c)
		if s := c.Stats(); s.Tiers[0].Hits != 1 {
			t.Fatalf("the read after the load was answered by %s, want the memory", near)
		}
		time.Sleep(time.Second + time.Millisecond)
		if got := nearest(t, c); got == near {
			t.Errorf("%s answers %v after the load began, and nothing was confirmed since", got, 3*time.Second)
		}
	})
}
