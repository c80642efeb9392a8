package tiercache_test

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiercache/tiercache"
	"github.com/tiercache/tiercache/invalidate"
	"github.com/tiercache/tiercache/tier"
)

const waitBound = 3 * time.Second

// waitFleet returns two instances under a policy, the second of which hears of nothing and has just stored the old value.
func waitFleet(t *testing.T, outage tiercache.OutagePolicy) (here, there *tiercache.Cache[int64]) {
	t.Helper()
	bus, store := newFakeBus(waitBound), newStepStore()
	bus.publish = func(context.Context, invalidate.Event) error { return nil } // lost
	caches := make([]*tiercache.Cache[int64], 2)
	for i := range caches {
		caches[i] = newCache(t, tiercache.Config[int64]{
			Tiers: []tier.Tier[int64]{memoryTier[int64](), flightFar(store)}, Bus: bus, Outage: outage,
		})
	}
	synctest.Wait()
	here, there = caches[0], caches[1]
	writeSet(t, here, "k", 1)
	writeGet(t, there, "k", 1)
	bus.confirm(time.Now()) // the last poll that succeeds
	return here, there
}

func TestDeleteWaitReturnsWhenNobodyServesTheOldValue(t *testing.T) {
	for _, outage := range []tiercache.OutagePolicy{tiercache.Bypass, tiercache.ServeStale(time.Minute)} {
		synctest.Test(t, func(t *testing.T) {
			here, there := waitFleet(t, outage)
			bound := waitBound + time.Duration(outage)
			began := time.Now()
			served := began
			done := make(chan error, 1)
			go func() { done <- here.DeleteWait(t.Context(), "k") }()
			for len(done) == 0 {
				if v, ok, err := there.Get(t.Context(), "k"); err != nil || ok && v != 1 {
					t.Fatalf("Get(k) = %v, %v, %v", v, ok, err)
				} else if ok {
					served = time.Now()
				}
				time.Sleep(bound / 1000)
				synctest.Wait()
			}
			if err := <-done; err != nil {
				t.Errorf("DeleteWait(k) = %v, want nil", err)
			}
			writeGet(t, there, "k", 0)
			writeGet(t, here, "k", 0)
			if took := time.Since(began); took < bound+bound/1000 || took > bound+bound/100 {
				t.Errorf("DeleteWait(k) took %v, want %v and a thousandth", took, bound)
			}
			if served.Sub(began) < bound-bound/100 {
				t.Errorf("the old value was served for %v, want about %v: the wait was for nothing", served.Sub(began), bound)
			}
		})
	}
}

func TestDeleteWaitWithoutOthersDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, tiercache.Config[int64]{})
		writeSet(t, c, "k", 1)
		began := time.Now()
		if err := c.DeleteWait(t.Context(), "k"); err != nil {
			t.Errorf("DeleteWait(k) = %v, want nil", err)
		}
		writeGet(t, c, "k", 0)
		here, _ := waitFleet(t, tiercache.Bypass)
		if err := here.DeleteWait(t.Context()); err != nil {
			t.Errorf("DeleteWait() of nothing = %v, want nil", err)
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("both took %v, want 0", took)
		}
	})
}

func TestDeleteWaitNeedsABound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, tiercache.Config[int64]{Bus: invalidate.NewMemory()})
		synctest.Wait()
		writeSet(t, c, "k", 1)
		if err := c.DeleteWait(t.Context(), "k"); !errors.Is(err, tiercache.ErrNoBound) {
			t.Errorf("DeleteWait(k) = %v, want ErrNoBound", err)
		}
		writeGet(t, c, "k", 1) // nothing was deleted
	})
}

func TestDeleteWaitReturnsTheErrorOfDeleteAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("broken")
		bus := newFakeBus(waitBound)
		bus.publish = func(context.Context, invalidate.Event) error { return broken }
		c := stepCache(t, newStepStore(), bus)
		began := time.Now()
		if err := c.DeleteWait(t.Context(), "k"); !errors.Is(err, broken) {
			t.Errorf("DeleteWait(k) = %v, want %v", err, broken)
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("it took %v, want 0", took)
		}
	})
}

func TestDeleteWaitThatIsLeftSaysWhatWasDone(t *testing.T) {
	for name, c := range map[string]struct {
		leave func(cancel context.CancelFunc, c *tiercache.Cache[int64])
		want  error
	}{
		"by its caller": {func(cancel context.CancelFunc, _ *tiercache.Cache[int64]) { cancel() }, context.Canceled},
		"by Close":      {func(_ context.CancelFunc, c *tiercache.Cache[int64]) { _ = c.Close() }, tiercache.ErrClosed},
	} {
		synctest.Test(t, func(t *testing.T) {
			here, there := waitFleet(t, tiercache.Bypass)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			time.AfterFunc(time.Second, func() { c.leave(cancel, here) })
			began := time.Now()
			err := here.DeleteWait(ctx, "k")
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), "deleted, but") {
				t.Errorf("DeleteWait(k) left %s = %v, want %v, and that it was deleted", name, err, c.want)
			}
			if took := time.Since(began); took != time.Second {
				t.Errorf("DeleteWait(k) left %s after a second took %v", name, took)
			}
			time.Sleep(waitBound)
			writeGet(t, there, "k", 0)
		})
	}
}

func TestDeleteWaitOfAClosedCache(t *testing.T) {
	c, err := tiercache.New(tiercache.Config[int64]{
		Name: "test", Tiers: []tier.Tier[int64]{memoryTier[int64]()}, Bus: invalidate.NewMemory(), Profile: tiercache.Standard(),
	})
	if err != nil {
		t.Fatalf("New() = %v, want nil", err)
	}
	if err := errors.Join(c.Close(), c.DeleteWait(t.Context(), "k")); !errors.Is(err, tiercache.ErrClosed) {
		t.Errorf("DeleteWait(k) after Close = %v, want ErrClosed", err)
	}
}

// A process that serves without end what nobody vouches for may have others that do so too.
func TestDeleteWaitWithAnEndlessOutageWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, _ := waitFleet(t, tiercache.ServeStale(math.MaxInt64-time.Hour))
		ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
		defer cancel()
		if err := here.DeleteWait(ctx, "k"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("DeleteWait(k) = %v, want %v", err, context.DeadlineExceeded)
		}
	})
}
