package tiercache

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/tiercache/tiercache/internal/clock"
	"github.com/tiercache/tiercache/tier"
)

// A leaseState is what a flight knows about its right to fill the shared tier.
type leaseState[V any] struct {
	held  tier.Lease[V] // granted
	doubt tier.Lease[V] // asked for with an error: granted or not
	free  bool          // no lease is needed: the tier has none to give
	err   error         // the tier failed
}

// lease asks for the right to load key until it gets it, or a fresh entry that is not replaceable, or has waited for as
// long as a lease lives, or half the time there is. Then the load goes on without one, and does not fill the shared tier. So it does
// when the tier fails: a broken store costs loads, not answers.
//
// The end of ctx ends the waiting, but no request: one that is given up halfway may leave a lease behind that nobody holds.
func (c *Cache[V]) lease(ctx context.Context, key string, profile Profile, replaceable func(*tier.Entry[V]) bool) (leaseState[V], *tier.Entry[V]) {
	if c.leaser < 0 {
		return leaseState[V]{free: true}, nil
	}
	giveUp := clock.Now().Add(min(profile.LeaseFor, profile.LoadTimeout/2)) // and leave the other half to the load
	for wait := 2 * time.Millisecond; ; wait = min(2*wait, 50*time.Millisecond) {
		held, e, err := c.leases.Lease(context.WithoutCancel(ctx), key, profile.LeaseFor, replaceable)
		switch {
		case errors.Is(err, errors.ErrUnsupported):
			return leaseState[V]{free: true}, nil
		case err != nil:
			return leaseState[V]{doubt: held, err: err}, nil
		case held != nil:
			return leaseState[V]{held: held}, nil
		case e != nil:
			return leaseState[V]{}, e
		case clock.Now() >= giveUp:
			return leaseState[V]{}, nil
		}
		if wait == 2*time.Millisecond {
			c.counters.leaseWaits.Add(1)
		}
		// Jitter keeps the processes that wait from asking, and taking over, all at once.
		select {
		case <-time.After(wait/2 + rand.N(wait)):
		case <-ctx.Done():
			return leaseState[V]{}, nil
		case <-c.closing:
			return leaseState[V]{}, nil
		}
	}
}

// takeBack releases a lease of which it is not known whether it was granted. A server that hung when it was asked for may grant it when it
// goes on, so this tries again, a little later. Without it the others would wait for a load that is long done.
func (c *Cache[V]) takeBack(ctx context.Context, l tier.Lease[V]) {
	for pause := 100 * time.Millisecond; pause <= time.Second; pause *= 3 {
		pass, err := c.enter()
		if err != nil {
			return
		}
		c.release(ctx, l)
		c.gate.Exit(pass)
		select {
		case <-time.After(pause):
		case <-c.closing:
			return
		}
	}
}

// release gives a lease back without a fill.
func (c *Cache[V]) release(ctx context.Context, l tier.Lease[V]) {
	if err := l.Release(ctx); err != nil {
		c.tierFailed(c.leaser, "release", err)
	}
}
