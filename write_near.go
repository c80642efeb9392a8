package tiercache

import (
	"context"
	"errors"
	"sync"

	"github.com/tiercache/tiercache/internal/clock"
	"github.com/tiercache/tiercache/internal/fence"
	"github.com/tiercache/tiercache/internal/stripe"
	"github.com/tiercache/tiercache/tier"
)

// setNear stores e in the near tiers, unless the far tiers failed or another write or event came in between: then
// it only makes sure that nothing older is left.
func (c *Cache[V]) setNear(ctx context.Context, e *tier.Entry[V], part int, begun fence.Stamp, farOK bool) error {
	mu := c.storeLock(begun)
	mu.Lock()
	defer mu.Unlock()
	e.Stamp = c.fence.Bump(e.Key, part)
	alone := e.Stamp.Sum == begun.Sum+1
	e.Stamp.AsOf = begun.AsOf             // what others have written since is not in the value
	if farOK && (alone || c.onlyNear()) { // without far tiers the lock orders the writes, and the last one wins
		return c.eachNear("set", func(t tier.Tier[V]) error { return t.Set(ctx, e) })
	}
	return c.eachNear("delete", func(t tier.Tier[V]) error { return t.Delete(ctx, e.Key) })
}

func (c *Cache[V]) onlyNear() bool { return c.near == len(c.tiers) }

// deleteNear removes key from the near tiers.
func (c *Cache[V]) deleteNear(ctx context.Context, key string, part int, begun fence.Stamp) error {
	mu := c.storeLock(begun)
	mu.Lock()
	defer mu.Unlock()
	c.fence.Bump(key, part)
	return c.eachNear("delete", func(t tier.Tier[V]) error { return t.Delete(ctx, key) })
}

// expireNear makes the entries of key in the near tiers stale: it replaces those that were alive when the write began
// by stale copies, and removes what may have come later.
func (c *Cache[V]) expireNear(ctx context.Context, key string, part int, begun fence.Stamp) error {
	mu := c.storeLock(begun)
	mu.Lock()
	defer mu.Unlock()
	stamp := c.fence.Bump(key, part)
	alone := stamp.Sum == begun.Sum+1
	return c.eachNear("expire", func(t tier.Tier[V]) error {
		e, ok, err := t.Get(ctx, key)
		if err != nil || !ok {
			return err
		}
		if !alone || e.Stamp.Sum+1 != begun.Sum {
			return t.Delete(ctx, key)
		}
		stale := *e
		stale.FreshUntil = min(stale.FreshUntil, clock.Now())
		stale.Stamp = stamp
		stale.Stamp.AsOf = e.Stamp.AsOf // it is no younger than it was
		return t.Set(ctx, &stale)
	})
}

// eachNear calls do for every near tier, farthest first, and joins the errors.
func (c *Cache[V]) eachNear(op string, do func(t tier.Tier[V]) error) error {
	return c.each(0, c.near, op, do)
}

// eachFar calls do for every shared tier, farthest first, and joins the errors.
func (c *Cache[V]) eachFar(op string, do func(t tier.Tier[V]) error) error {
	return c.each(c.near, len(c.tiers), op, do)
}

func (c *Cache[V]) each(from, to int, op string, do func(t tier.Tier[V]) error) error {
	var errs []error
	for i := to - 1; i >= from; i-- {
		if err := do(c.tiers[i]); err != nil {
			c.counters.tiers[i].errors.Add(1)
			errs = append(errs, c.tierError(i, op, err))
		}
	}
	return errors.Join(errs...)
}

// storeLock returns the lock under which the near tiers are written for keys of a slot of the fence.
func (c *Cache[V]) storeLock(s fence.Stamp) *sync.Mutex { return &c.stores[int(s.Slot)%len(c.stores)] }

// begin starts a write: it derives the profile, and does what enter does.
func (c *Cache[V]) begin(opts []CallOption, keys ...string) (Profile, stripe.Pass, error) {
	profile, err := c.profile.derive(opts)
	if err != nil {
		return profile, 0, err
	}
	pass, err := c.enter(keys...)
	return profile, pass, err
}
