package tiercache

import (
	"context"
	"errors"
	"fmt"

	"github.com/tiercache/tiercache/internal/clock"
	"github.com/tiercache/tiercache/internal/fence"
	"github.com/tiercache/tiercache/invalidate"
	"github.com/tiercache/tiercache/tier"
)

// Add stores v under key if no tier has a value, and reports whether it did. Of several processes that add the
// same key at the same time one succeeds, where the shared tier has leases. A remembered absence counts as no
// value, and so does a stale one. While another process loads the key Add waits for it.
func (c *Cache[V]) Add(ctx context.Context, key string, v V, opts ...CallOption) (added bool, err error) {
	profile, pass, err := c.begin(opts, key)
	if err != nil {
		return false, err
	}
	defer c.gate.Exit(pass)
	e := c.newEntry(key, c.own(v), false, profile)
	switch {
	case c.near == len(c.tiers):
		return c.addNear(ctx, e)
	case c.leaser < 0:
		return c.addUnleased(ctx, e)
	}
	// The leasing tier may have lost what a nearer one still has.
	stamp := c.fence.Stamp(key, invalidate.Partition(c.name, key))
	if old, _ := c.freshIn(ctx, c.leaser, key, stamp); old != nil && !old.Absent {
		return false, nil
	}
	lease, old := c.lease(ctx, key, profile, func(old *tier.Entry[V]) bool { return old.Absent })
	switch {
	case lease.free:
		return c.addUnleased(ctx, e)
	case lease.err != nil:
		c.counters.tiers[c.leaser].errors.Add(1)
		if lease.doubt != nil {
			c.release(context.WithoutCancel(ctx), lease.doubt)
		}
		return false, c.tierError(c.leaser, "add", lease.err)
	case old != nil:
		return false, nil
	case ctx.Err() != nil:
		if lease.held != nil {
			c.release(context.WithoutCancel(ctx), lease.held)
		}
		return false, ctx.Err()
	case lease.held == nil && c.isClosing():
		return false, ErrClosed
	case lease.held == nil:
		return false, fmt.Errorf("tiercache: cache %q: add: %w", c.name, ErrLeased)
	}
	return c.addLeased(context.WithoutCancel(ctx), e, lease.held)
}

// addLeased stores e where the lease allows it, and elsewhere if it does.
func (c *Cache[V]) addLeased(ctx context.Context, e *tier.Entry[V], lease tier.Lease[V]) (added bool, err error) {
	set := func(t tier.Tier[V]) error { return t.Set(ctx, e) }
	keys := []string{e.Key}
	err = c.write(keys, func() (farOK bool, err error) {
		farErr := c.each(c.leaser, c.leaser+1, "add", func(tier.Tier[V]) (err error) {
			added, err = lease.Fill(ctx, e)
			return err
		})
		if farErr == nil && added {
			farErr = errors.Join(c.each(c.leaser+1, len(c.tiers), "add", set), c.each(c.near, c.leaser, "add", set))
		}
		return c.tell(ctx, keys, farErr)
	}, func(_ string, part int, begun fence.Stamp, farOK bool) error {
		return c.setNear(ctx, e, part, begun, farOK && added)
	})
	return added, err
}

// addUnleased is Add where no tier decides for several processes. In this one, Adds of a key are made one after the
// other, and one that another write overtakes between its look at the tiers and its own write looks again.
func (c *Cache[V]) addUnleased(ctx context.Context, e *tier.Entry[V]) (bool, error) {
	if err := c.adds.lock(ctx, e.Key); err != nil {
		return false, err
	}
	defer c.adds.unlock(e.Key)
	part := invalidate.Partition(c.name, e.Key)
	for {
		stamp := c.fence.Stamp(e.Key, part)
		if old, _ := c.freshIn(ctx, len(c.tiers), e.Key, stamp); old != nil && !old.Absent {
			return false, nil
		}
		if err := ctx.Err(); err != nil {
			return false, err
		}
		begun := c.fence.Bump(e.Key, part)
		if begun.Sum != stamp.Sum+1 {
			continue
		}
		keys := []string{e.Key}
		err := c.writeBegun(keys, []fence.Stamp{begun}, func() (farOK bool, err error) {
			return c.tell(ctx, keys, c.eachFar("add", func(t tier.Tier[V]) error { return t.Set(ctx, e) }))
		}, func(_ string, part int, begun fence.Stamp, farOK bool) error {
			return c.setNear(ctx, e, part, begun, farOK)
		})
		return err == nil, err
	}
}

// addNear is Add where all tiers are in this process. There is no old far value that somebody could store meanwhile, so the fence is moved
// once, and the event comes last.
func (c *Cache[V]) addNear(ctx context.Context, e *tier.Entry[V]) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	failed := make([]error, c.near)
	added, err := c.lookAndSet(ctx, e, failed)
	for i, err := range failed {
		if err != nil {
			c.tierFailed(i, "get", err) // not under the lock
		}
	}
	if !added {
		return false, nil
	}
	_, err = c.tell(ctx, []string{e.Key}, err)
	return err == nil, err
}

// lookAndSet stores e in the near tiers if none has a value, in one step for whoever writes there. It puts the errors of the look in failed.
func (c *Cache[V]) lookAndSet(ctx context.Context, e *tier.Entry[V], failed []error) (set bool, err error) {
	part := invalidate.Partition(c.name, e.Key)
	stamp := c.fence.Stamp(e.Key, part)
	mu := c.storeLock(stamp)
	mu.Lock()
	defer mu.Unlock()
	for i, t := range c.tiers[:c.near] {
		old, ok, err := t.Get(ctx, e.Key)
		if failed[i] = err; err != nil || !ok || old.Absent {
			continue
		}
		if now := clock.Now(); c.judge(i, old, stamp, now) == usable && now < old.FreshUntil {
			c.counters.tiers[i].hits.Add(1)
			return false, nil
		}
	}
	e.Stamp = c.fence.Bump(e.Key, part)
	return true, c.eachNear("add", func(t tier.Tier[V]) error { return t.Set(ctx, e) })
}
