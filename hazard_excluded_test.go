package tiercache_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiercache/tiercache"
	"github.com/tiercache/tiercache/backend"
	"github.com/tiercache/tiercache/tier"
)

// These tests show what the contract leaves out. Each serves an old value, without an error, where no cache could know better. If one fails the contract may
// have become better than it says.

const (
	excludedBound = 3 * time.Second
	excludedTTL   = time.Hour
)

// An excludedFleet is two processes on one bus that is confirmed all the time, and a source that both load from.
type excludedFleet struct {
	here, there *tiercache.Cache[int64]
	bus         *fakeBus
	source      source
}

// newExcludedFleet returns processes over stores, which may be the same.
func newExcludedFleet(t *testing.T, here, there backend.Backend) *excludedFleet {
	t.Helper()
	f := &excludedFleet{bus: newFakeBus(excludedBound)}
	instance := func(store backend.Backend) *tiercache.Cache[int64] {
		return newCache(t, tiercache.Config[int64]{
			Bus:     f.bus,
			Tiers:   []tier.Tier[int64]{memoryTier[int64](), flightFar(store)},
			Profile: tiercache.Profile{TTL: excludedTTL},
		})
	}
	f.here, f.there = instance(here), instance(there)
	synctest.Wait() // both have subscribed
	f.source.value.Store(1)
	return f
}

// pass lets time go by, with polls that find nothing missing.
func (f *excludedFleet) pass(d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(time.Second) {
		f.bus.confirm(time.Now())
	}
	f.bus.confirm(time.Now())
}

// serves checks what a process answers.
func (f *excludedFleet) serves(t *testing.T, c *tiercache.Cache[int64], want int64) {
	t.Helper()
	if v, err := c.GetOrLoad(t.Context(), "k", f.source.load); v != want || err != nil {
		t.Errorf("GetOrLoad(k) = %v, %v, want %v, nil", v, err, want)
	}
}

// oldForTheTTL checks that a process serves 1 until the TTL ends, though the source has 2.
func (f *excludedFleet) oldForTheTTL(t *testing.T, c *tiercache.Cache[int64]) {
	t.Helper()
	f.pass(2 * excludedBound)
	f.serves(t, c, 1)
	f.pass(excludedTTL)
	f.serves(t, c, 2)
}

// The source is changed, and the process that did it dies before it deletes the key. Nobody else knows.
func TestExcludedH12DeathBeforeTheDelete(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := backend.NewMemory()
		f := newExcludedFleet(t, store, store)
		f.serves(t, f.here, 1)
		f.source.value.Store(2)
		if err := f.there.Close(); err != nil {
			t.Fatal(err)
		}
		f.oldForTheTTL(t, f.here)
	})
}

// The key is deleted before the change is committed, and loaded in between.
func TestExcludedH13DeleteBeforeTheCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := backend.NewMemory()
		f := newExcludedFleet(t, store, store)
		f.serves(t, f.here, 1)
		hazardDelete(t, f.there)
		f.serves(t, f.here, 1)
		f.source.value.Store(2)
		f.oldForTheTTL(t, f.here)
	})
}

// The change is committed, but the Loader reads from a copy of the source that does not have it yet.
func TestExcludedH14SourceThatLags(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := backend.NewMemory()
		f := newExcludedFleet(t, store, store)
		hazardDelete(t, f.there) // the source has 2, its copy has not
		f.serves(t, f.here, 1)
		f.source.value.Store(2)
		f.oldForTheTTL(t, f.here)
	})
}

// The machine sleeps, and wakes up. Its monotonic clock stood still, so all that was trusted before is trusted until the next poll.
func TestExcludedH16FirstInstantAfterASleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := backend.NewMemory()
		f := newExcludedFleet(t, store, store)
		awake := newExcludedFleet(t, store, store) // they are not heard by those who sleep
		f.serves(t, f.here, 1)
		f.bus.confirm(time.Now())
		hazardDelete(t, awake.here) // while they sleep no time passes here, and elsewhere the bound does
		f.source.value.Store(2)
		f.serves(t, f.here, 1)
		time.Sleep(excludedBound + time.Nanosecond) // nobody confirms
		f.serves(t, f.here, 2)
	})
}

// The store is read from a replica that has not got the deletion. The bus is fine.
func TestExcludedH21ReplicaThatLags(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		master, replica := backend.NewMemory(), backend.NewMemory()
		f := newExcludedFleet(t, replica, master)
		f.serves(t, f.here, 1)
		f.serves(t, f.there, 1)
		f.source.value.Store(2)
		hazardDelete(t, f.there)
		f.serves(t, f.there, 2)
		f.oldForTheTTL(t, f.here)
	})
}

// Two processes change the source one after the other, and set what they have written. The first is overtaken on its way to the store.
func TestExcludedH31SetsThatArriveInAnotherOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := backend.NewMemory()
		f := newExcludedFleet(t, store, store)
		f.source.value.Store(2) // after 1, that is
		for _, set := range []struct {
			by *tiercache.Cache[int64]
			v  int64
		}{{f.there, 2}, {f.here, 1}} {
			if err := set.by.Set(t.Context(), "k", set.v); err != nil {
				t.Fatal(err)
			}
		}
		f.oldForTheTTL(t, f.here)

		// Deletes have no order.
		f.source.value.Store(3)
		for _, c := range []*tiercache.Cache[int64]{f.there, f.here} {
			if err := c.Delete(context.Background(), "k"); err != nil {
				t.Fatal(err)
			}
		}
		f.serves(t, f.there, 3)
		f.serves(t, f.here, 3)
	})
}

// A lateStore hangs when it is told to. What it was sent is carried out when it goes on.
type lateStore struct {
	*backend.Memory
	hangs bool
	late  []func() error
}

func (s *lateStore) Set(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	if !s.hangs {
		return s.Memory.Set(ctx, key, value, ttl)
	}
	value = bytes.Clone(value)
	s.late = append(s.late, func() error { return s.Memory.Set(context.Background(), key, value, ttl) })
	return context.DeadlineExceeded
}

// A Set fails, because the store hangs. It goes on, and carries out what others have sent meanwhile before that.
func TestExcludedH30SetThatIsCarriedOutLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &lateStore{Memory: backend.NewMemory(), hangs: true}
		f := newExcludedFleet(t, store, store)
		if err := f.here.Set(t.Context(), "k", 1); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("Set() = %v, want %v", err, context.DeadlineExceeded)
		}
		store.hangs = false
		f.source.value.Store(2)
		if err := f.there.Delete(t.Context(), "k"); err != nil {
			t.Fatal(err)
		}
		for _, do := range store.late {
			if err := do(); err != nil {
				t.Fatal(err)
			}
		}
		f.oldForTheTTL(t, f.there)
	})
}
