package tiercache

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"time"

	"github.com/tiercache/tiercache/internal/clock"
	"github.com/tiercache/tiercache/invalidate"
)

// publish sends an event of this cache, if it has a bus.
func (c *Cache[V]) publish(ctx context.Context, e invalidate.Event) error {
	if c.bus == nil {
		return nil
	}
	e = c.signed(e)
	// The far tiers have been written: the others must hear of it even if the caller has gone. The bus has a deadline of its own.
	return c.sent(e, c.bus.Publish(context.WithoutCancel(ctx), e))
}

// signed returns e as an event of this cache.
func (c *Cache[V]) signed(e invalidate.Event) invalidate.Event {
	e.Cache, e.Origin = c.name, *c.origin.Load()
	return e
}

// sent counts an attempt to send e, which failed with err if that is not nil.
//
// What has failed may still be carried out: a server that hangs does so when it goes on. The event then comes back when the write is
// long over, and has to be applied like that of another instance, since entries that were stored in the meantime may be from
// before. So the cache takes another origin, and no longer knows its old one.
func (c *Cache[V]) sent(e invalidate.Event, err error) error {
	if err == nil {
		c.counters.published.Add(1)
		return nil
	}
	if origin := c.origin.Load(); *origin == e.Origin {
		c.origin.CompareAndSwap(origin, newOrigin())
	}
	c.counters.publishErrors.Add(1)
	return fmt.Errorf("tiercache: cache %q: publish %v: %w", c.name, e.Op, err)
}

func newOrigin() *string {
	origin := rand.Text()
	return &origin
}

// subscribe receives events until ctx is done. A bus reconnects by itself; one that gives up is tried again, since a
// cache that hears nothing would serve what others have deleted.
func (c *Cache[V]) subscribe(ctx context.Context) {
	defer close(c.ended)
	for {
		err := c.bus.Subscribe(ctx, (*handler[V])(c))
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			err = errors.New("the bus has ended the subscription")
		}
		c.counters.busErrors.Add(1)
		c.observer.error(fmt.Errorf("tiercache: cache %q: subscribe: %w", c.name, err))
		select {
		case <-time.After(time.Second/2 + mathrand.N(time.Second)):
		case <-ctx.Done():
			return
		}
	}
}

// A handler is a cache as its bus sees it.
type handler[V any] Cache[V]

// Apply makes the entries that e names invalid: a few atomic additions, whatever the tiers are busy with. Their
// room is reused when the key is stored again, or when they are evicted.
func (h *handler[V]) Apply(e invalidate.Event) {
	if e.Cache != h.name {
		return
	}
	if e.Origin == *h.origin.Load() {
		// The write that sent it moves the fence after that, or has: see write.
		h.counters.echoes.Add(1)
		return
	}
	switch e.Op {
	case invalidate.Delete:
		for _, key := range e.Keys {
			h.fence.Bump(key, invalidate.Partition(h.name, key))
		}
		h.counters.invalidated.Add(uint64(len(e.Keys)))
	default: // Clear, and what a later version may send
		h.fence.DropAll()
		h.counters.invalidated.Add(1)
	}
	if h.observer.Invalidated != nil {
		h.notices.put(func() { h.observer.Invalidated(e) })
	}
}

// Drop makes every entry of a partition invalid.
func (h *handler[V]) Drop(partition int) {
	h.fence.Drop(partition)
	h.counters.drops.Add(1)
	if h.observer.Dropped != nil {
		h.notices.put(func() { h.observer.Dropped(partition) })
	}
}

// Confirm extends the trust in a partition.
func (h *handler[V]) Confirm(partition int, until time.Time) {
	h.fence.Confirm(partition, clock.At(until))
	h.journal.trim()
}
