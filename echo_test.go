package tiercache_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/tiercache/tiercache/invalidate"
)

// The server hangs. The attempt to delete fails, a reader stores the old value again, and then the server goes on.
func TestEventOfAFailedAttemptIsAppliedWhenItComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := newStepBus(0)
		c := stepCache(t, newStepStore(), bus)
		writeSet(t, c, "k", 1)
		var later func() error
		bus.step = func(_ context.Context, do func() error) error {
			later = do
			return context.DeadlineExceeded
		}
		if err := c.Delete(t.Context(), "k"); err == nil {
			t.Fatal("Delete(k) = nil, want an error: nobody knows whether it was done")
		}
		writeGet(t, c, "k", 1)
		hits := c.Stats().Tiers[0].Hits
		writeGet(t, c, "k", 1)
		if c.Stats().Tiers[0].Hits == hits {
			t.Fatal("the old value is not in memory again")
		}
		if err := later(); err != nil {
			t.Fatalf("the server: %v", err)
		}
		writeGet(t, c, "k", 0)
	})
}

func TestClearThatWasNotAcknowledgedIsAppliedWhenItComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := newFakeBus(0)
		c := stepCache(t, newStepStore(), bus)
		var late invalidate.Event
		bus.publish = func(_ context.Context, e invalidate.Event) error { late = e; return context.DeadlineExceeded }
		if err := c.Clear(t.Context()); err == nil {
			t.Fatal("Clear() = nil, want an error")
		}
		bus.publish = nil
		if err := bus.Publish(t.Context(), late); err != nil {
			t.Fatal(err)
		}
		if s := c.Stats(); s.Echoes != 0 || s.Invalidated != 1 {
			t.Errorf("Echoes, Invalidated = %d, %d, want 0, 1", s.Echoes, s.Invalidated)
		}
	})
}

// The failure of one write costs the others hits at most once: what is published after it is known again.
func TestOwnEventsAreKnownAgainAfterAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := newFakeBus(0)
		c := stepCache(t, newStepStore(), bus)
		bus.publish = func(context.Context, invalidate.Event) error { return context.DeadlineExceeded }
		for range 2 {
			if err := c.Set(t.Context(), "k", 1); err == nil {
				t.Fatal("Set(k, 1) = nil, want an error")
			}
		}
		var held []invalidate.Event
		bus.publish = func(_ context.Context, e invalidate.Event) error { held = append(held, e); return nil }
		writeSet(t, c, "k", 2)
		bus.publish = nil
		for _, e := range held {
			if err := bus.Publish(t.Context(), e); err != nil {
				t.Fatal(err)
			}
		}
		hits := c.Stats().Tiers[0].Hits
		writeGet(t, c, "k", 2)
		if n := c.Stats().Tiers[0].Hits - hits; n != 1 || c.Stats().Echoes != 1 {
			t.Errorf("%d hits of memory and %d echoes, want 1 and 1", n, c.Stats().Echoes)
		}
	})
}
