package tiercache

import (
	"context"
	"errors"
	"slices"

	"github.com/tiercache/tiercache/internal/fence"
	"github.com/tiercache/tiercache/invalidate"
	"github.com/tiercache/tiercache/tier"
)

// Set stores v under key in every tier, and invalidates the copies of other processes. On an error some tier or
// process may still have the old value; those in this process do not.
func (c *Cache[V]) Set(ctx context.Context, key string, v V, opts ...CallOption) error {
	profile, pass, err := c.begin(opts, key)
	if err != nil {
		return err
	}
	defer c.gate.Exit(pass)
	e := c.newEntry(key, c.own(v), false, profile)
	keys := []string{key}
	return c.write(keys, func() (farOK bool, err error) {
		return c.tell(ctx, keys, c.eachFar("set", func(t tier.Tier[V]) error { return t.Set(ctx, e) }))
	}, func(_ string, part int, begun fence.Stamp, farOK bool) error {
		return c.setNear(ctx, e, part, begun, farOK)
	})
}

// Delete removes keys from every tier and invalidates the copies of other processes. When it has
// returned nil, no read that starts later in this process returns what was there before. An absent key is no
// error. On an error other tiers and processes may still have the values; the near tiers of this process do not.
func (c *Cache[V]) Delete(ctx context.Context, keys ...string) error {
	_, pass, err := c.begin(nil, keys...)
	if err != nil {
		return err
	}
	defer c.gate.Exit(pass)
	keys = distinct(keys)
	return c.write(keys, func() (farOK bool, err error) {
		return c.deleteFar(ctx, keys)
	}, func(key string, part int, begun fence.Stamp, _ bool) error {
		return c.deleteNear(ctx, key, part, begun)
	})
}

// Expire makes keys stale in every tier: the next read loads them again, and may serve the old value meanwhile, as Profile.StaleFor
// of the time they were stored allows. Tiers that cannot mark an entry delete it. An absent key is no error.
func (c *Cache[V]) Expire(ctx context.Context, keys ...string) error {
	_, pass, err := c.begin(nil, keys...)
	if err != nil {
		return err
	}
	defer c.gate.Exit(pass)
	keys = distinct(keys)
	return c.write(keys, func() (farOK bool, err error) {
		return c.tell(ctx, keys, c.eachFar("expire", func(t tier.Tier[V]) error {
			x, ok := t.(tier.Expirer)
			if !ok {
				return t.Delete(ctx, keys...)
			}
			return x.Expire(ctx, keys...)
		}))
	}, func(key string, part int, begun fence.Stamp, _ bool) error {
		return c.expireNear(ctx, key, part, begun)
	})
}

// Clear forgets every entry of the cache, in all processes and in constant time: what tiers hold is
// no longer served, and its room is reused.
func (c *Cache[V]) Clear(ctx context.Context) error {
	pass, err := c.enter()
	if err != nil {
		return err
	}
	defer c.gate.Exit(pass)
	began := c.journal.begin()
	if err := c.clear(ctx); err != nil {
		return err
	}
	c.record(began, allKeys)
	return nil
}

// clear is Clear without the journal.
func (c *Cache[V]) clear(ctx context.Context) error {
	c.fence.DropAll()
	err := c.eachFar("clear", func(t tier.Tier[V]) error {
		if t, ok := t.(tier.Clearer); ok {
			return t.Clear(ctx)
		}
		return nil
	})
	err = errors.Join(err, c.publish(ctx, invalidate.Event{Op: invalidate.Clear}))
	c.fence.DropAll() // what was read from the far tiers meanwhile may be from before
	return err
}

// distinct returns keys without repetitions: the second write of a key would find the first in its way.
func distinct(keys []string) []string {
	if len(keys) < 2 {
		return keys
	}
	return slices.Compact(slices.Sorted(slices.Values(keys)))
}

// write is the order that every write keeps.
//
//  1. Bump the fence: flights and far reads that began before are overtaken.
//  2. Write the far tiers, and publish. Whoever hears of it finds them written. What has been acknowledged is recorded in the journal.
//  3. Bump again: a read between 1 and 2 may have stored the old far value under the new fence. Now our own copy of the event tells
//     us nothing new, and is ignored, whether it came already or will.
//  4. Write the near tiers.
//
// far is step 2. It reports whether the far tiers were written. near is 3 and 4 for a key.
func (c *Cache[V]) write(keys []string, far func() (farOK bool, err error), near func(key string, part int, begun fence.Stamp, farOK bool) error) error {
	if len(keys) == 0 {
		return nil
	}
	begun := make([]fence.Stamp, len(keys))
	for i, key := range keys {
		begun[i] = c.fence.Bump(key, invalidate.Partition(c.name, key))
	}
	return c.writeBegun(keys, begun, far, near)
}

// writeBegun is write from step 2 on.
func (c *Cache[V]) writeBegun(keys []string, begun []fence.Stamp, far func() (farOK bool, err error), near func(key string, part int, begun fence.Stamp, farOK bool) error) error {
	recorded := c.journal.begin()
	farOK, err := far()
	if err == nil {
		c.record(recorded, keys...)
	}
	errs := []error{err}
	for i, key := range keys {
		errs = append(errs, near(key, int(begun[i].Partition), begun[i], farOK))
	}
	return errors.Join(errs...)
}
