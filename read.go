package tiercache

import (
	"context"

	"github.com/tiercache/tiercache/internal/clock"
	"github.com/tiercache/tiercache/internal/fence"
	"github.com/tiercache/tiercache/invalidate"
	"github.com/tiercache/tiercache/tier"
)

// Get returns the value of key if a tier has it, fresh or, within Profile.StaleFor, stale. It does not load. A value that the source is
// known not to have is ErrNotFound. Tiers that fail are counted as misses.
func (c *Cache[V]) Get(ctx context.Context, key string) (v V, ok bool, err error) {
	first, hit := c.nearHit(ctx, key)
	if hit {
		return c.own(first.Value), true, nil
	}
	pass, err := c.enter(key)
	if err != nil {
		return v, false, err
	}
	defer c.gate.Exit(pass)
	part := invalidate.Partition(c.name, key)
	found := c.lookup(ctx, key, part, min(c.near, 1), first)
	if found.overtaken && found.fresh == nil {
		found = c.lookup(ctx, key, part, 0, nil) // the newer value, which may well be there
	}
	e := found.fresh
	if e == nil {
		if e = found.stale; e == nil || e.Absent || !servable(e, c.profile) {
			c.miss(key)
			return v, false, nil
		}
		c.serveStale(found, key)
	}
	if e.Absent {
		return v, false, ErrNotFound
	}
	return c.own(e.Value), true, nil
}

// GetOrLoad returns the value of key, and loads it if no tier has it. Callers that ask for the
// same key meanwhile share one load, made with the Loader and the options of the first. A stale value is returned as
// Profile.StaleFor and Profile.StaleAfter say. The error is that of the Loader, ErrNotFound if the
// source is known to have no value, ErrLoadTimeout, or that of ctx; a tier that fails is never the cause of one.
func (c *Cache[V]) GetOrLoad(ctx context.Context, key string, load Loader[V], opts ...CallOption) (V, error) {
	e, hit := c.nearHit(ctx, key)
	if hit {
		return c.own(e.Value), nil
	}
	return c.getOrLoad(ctx, key, e, load, opts)
}

// nearHit returns the entry of key in the nearest tier, and whether it can be served as it is: present, fresh, alive and
// trusted. It is the path of almost all reads, so it takes no lock, allocates nothing
// and reads the clock once. Everything else is for lookup, which is given the entry: to ask again would count as another
// request for the key, and mislead the policy of the tier.
func (c *Cache[V]) nearHit(ctx context.Context, key string) (e *tier.Entry[V], hit bool) {
	if c.first == nil {
		return nil, false // what a shared tier returns has to be stamped before it is read
	}
	pass, ok := c.gate.Enter()
	if !ok {
		return nil, false
	}
	e, ok, err := c.first.Get(ctx, key)
	if !ok || e.Absent {
		c.gate.Exit(pass)
		if err != nil {
			c.tierFailed(0, "get", err)
		}
		return e, false
	}
	if !c.leave(pass, &e.Stamp, e.FreshUntil) {
		return e, false
	}
	if c.observer.Hit != nil {
		c.observer.Hit(c.tiers[0].Name(), key, false)
	}
	return e, true
}

// getOrLoad is GetOrLoad after the nearest tier could not answer. first is the entry that it has all the same.
func (c *Cache[V]) getOrLoad(ctx context.Context, key string, first *tier.Entry[V], load Loader[V], opts []CallOption) (v V, err error) {
	profile, err := c.profile.derive(opts)
	if err != nil {
		return v, err
	}
	if load == nil {
		return v, errNilLoader
	}
	part := invalidate.Partition(c.name, key)
	found, err := c.enterAndLookup(ctx, key, part, first)
	if err != nil {
		return v, err
	}
	e := found.fresh
	if e == nil {
		e, err = c.loadOrStale(ctx, key, part, profile, load, found)
	}
	switch {
	case err != nil:
		return v, err
	case e.Absent:
		return v, ErrNotFound
	}
	return c.own(e.Value), nil
}

// A lookup is what the tiers hold of a key.
type lookup[V any] struct {
	fresh *tier.Entry[V] // nearest fresh entry, alive and trusted
	stale *tier.Entry[V] // if none is fresh, the one that was fresh last
	at    int            // the tier it is from

	unconfirmed bool // the bus does not vouch for it any more, and it is served by ServeStale
	overtaken   bool // an event came while a shared tier was read, which had an entry
}

// enterAndLookup is the part of a read that Close waits for. It ends loads instead of waiting for them.
func (c *Cache[V]) enterAndLookup(ctx context.Context, key string, part int, first *tier.Entry[V]) (found lookup[V], err error) {
	pass, err := c.enter(key)
	if err != nil {
		return found, err
	}
	defer c.gate.Exit(pass) // also when a hook panics
	return c.lookup(ctx, key, part, min(c.near, 1), first), nil
}

// lookup asks the tiers from near to far for a fresh entry, and promotes what it finds. Tiers before from have been asked already,
// and first is what they had.
func (c *Cache[V]) lookup(ctx context.Context, key string, part, from int, first *tier.Entry[V]) (found lookup[V]) {
	stamp := c.fence.Stamp(key, part) // before the first read: what overtakes the stamp overtakes the value
	for i := range c.tiers {
		e := first
		if i >= from {
			e = c.get(ctx, i, key)
		}
		now := clock.Now()
		why := c.judge(i, e, stamp, now)
		late := why == untrusted && now <= c.fence.TrustedUntil(&e.Stamp).Add(c.outage)
		switch {
		case why != usable && !late:
			c.missed(i, why)
			found.overtaken = found.overtaken || why == fenced && i >= c.near
		case now >= e.FreshUntil:
			c.counters.tiers[i].staleHits.Add(1)
			if found.isWorseThan(e, late) {
				found.stale, found.at, found.unconfirmed = e, i, late
			}
		case late:
			c.counters.tiers[i].staleHits.Add(1)
			found = lookup[V]{fresh: e, at: i, unconfirmed: true}
			c.serveUnconfirmed(found, key)
			return found
		default:
			c.counters.tiers[i].hits.Add(1)
			c.promote(ctx, i, e)
			c.observer.hit(c.tiers[i].Name(), key, false)
			return lookup[V]{fresh: e, at: i}
		}
	}
	if found.stale != nil {
		c.promote(ctx, found.at, found.stale)
	}
	return found
}

// isWorseThan reports whether the stale entry that was found gives way to e: to one that was fresh later, though not to an unconfirmed one if
// it is confirmed itself.
func (l *lookup[V]) isWorseThan(e *tier.Entry[V], unconfirmed bool) bool {
	switch {
	case l.stale == nil:
		return true
	case l.unconfirmed != unconfirmed:
		return l.unconfirmed
	}
	return e.FreshUntil > l.stale.FreshUntil
}

// get returns what tier i has of key, nil if there is nothing. A tier that fails has nothing.
func (c *Cache[V]) get(ctx context.Context, i int, key string) *tier.Entry[V] {
	e, ok, err := c.tiers[i].Get(ctx, key)
	if err != nil {
		c.tierFailed(i, "get", err)
	}
	if err != nil || !ok {
		return nil
	}
	return e
}

// A refusal says why a tier had no usable entry.
type refusal uint8

const (
	usable refusal = iota // there is no refusal
	missing
	fenced
	untrusted // it would be usable if the bus vouched for it
)

// judge says whether e, which tier i has, can be used at now: not if it has expired or the fence refuses it. An entry from outside the
// process gets stamp, which was taken before it was read.
func (c *Cache[V]) judge(i int, e *tier.Entry[V], stamp fence.Stamp, now clock.Instant) refusal {
	if e == nil {
		return missing
	}
	if i >= c.near && e.Stamp.IsZero() {
		e.Stamp = stamp // still ours alone
	}
	switch {
	case !c.fence.Current(&e.Stamp):
		// What was read from a far tier just now may be overtaken as well. Serving it would be right, since the
		// read began before, but the next tier or the source has the newer value.
		return fenced
	case now >= e.ExpiresAt:
		return missing
	case !c.fence.Trusted(&e.Stamp, now):
		return untrusted
	}
	return usable
}

// missed counts a read that tier i could not answer.
func (c *Cache[V]) missed(i int, why refusal) {
	n := &c.counters.tiers[i]
	n.misses.Add(1)
	switch why {
	case fenced:
		n.fenced.Add(1)
	case untrusted:
		n.untrusted.Add(1)
	}
}

// freshIn returns a fresh entry of the first n tiers, for a call that may have missed them a moment ago. It counts as a request only
// where it finds something.
func (c *Cache[V]) freshIn(ctx context.Context, n int, key string, stamp fence.Stamp) *tier.Entry[V] {
	for i, t := range c.tiers[:n] {
		if p, ok := t.(tier.Peeker); ok && !p.Has(key) {
			continue
		}
		e := c.get(ctx, i, key)
		if now := clock.Now(); c.judge(i, e, stamp, now) == usable && now < e.FreshUntil {
			c.counters.tiers[i].hits.Add(1)
			return e
		}
	}
	return nil
}

// promote copies an entry of tier i to all nearer tiers.
func (c *Cache[V]) promote(ctx context.Context, i int, e *tier.Entry[V]) {
	for j := i - 1; j >= 0; j-- {
		if c.store(ctx, j, e) {
			c.counters.tiers[j].promotes.Add(1)
		}
	}
}

// loadOrStale joins or starts the flight of key, and returns its result or a stale entry.
func (c *Cache[V]) loadOrStale(ctx context.Context, key string, part int, profile Profile, load Loader[V], found lookup[V]) (*tier.Entry[V], error) {
	stale := found.stale
	if stale != nil && (stale.Absent || !servable(stale, profile)) {
		stale = nil
	}
	if stale == nil {
		c.miss(key)
	}
	keep := stale != nil // the caller may leave with the stale value, the refresh goes on
	f, joined := c.flights.join(ctx, key, part, profile.LoadTimeout, keep, func(f *flight[V]) (*tier.Entry[V], error) {
		return c.fly(f, key, profile, load, found.stale != nil)
	})
	if f == nil {
		return nil, ErrClosed
	}
	if joined {
		c.counters.joined.Add(1)
	}
	if stale == nil {
		return c.flights.wait(ctx, key, part, f)
	}
	e, err := c.flights.waitFor(ctx, profile.StaleAfter, f)
	if err != nil {
		c.serveStale(found, key)
		return stale, nil
	}
	return e, nil
}

// servable reports whether a stale entry may be served under a profile.
func servable[V any](e *tier.Entry[V], p Profile) bool {
	now := clock.Now()
	return now < e.ExpiresAt && now < e.FreshUntil.Add(p.StaleFor)
}

func (c *Cache[V]) miss(key string) {
	c.counters.misses.Add(1)
	c.observer.miss(key)
}

// serveStale counts a stale value that is given to a caller.
func (c *Cache[V]) serveStale(found lookup[V], key string) {
	c.counters.staleServed.Add(1)
	if found.unconfirmed {
		c.counters.unconfirmed.Add(1)
	}
	c.observer.hit(c.tiers[found.at].Name(), key, true)
}

// serveUnconfirmed counts a value that is not stale by its TTL, only past the bound.
func (c *Cache[V]) serveUnconfirmed(found lookup[V], key string) {
	c.counters.unconfirmed.Add(1)
	c.observer.hit(c.tiers[found.at].Name(), key, true)
}
