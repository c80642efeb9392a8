package tiercache

import (
	"context"

	"github.com/tiercache/tiercache/internal/clock"
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
	a, err := c.look(ctx, key, c.profile, first)
	switch {
	case err != nil || a.entry == nil:
		return v, false, err
	case a.entry.Absent:
		return v, false, ErrNotFound
	}
	return c.own(a.entry.Value), true, nil
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
// and reads the clock once. Everything else is for ask, which is given the entry: to ask again would count as another
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
	a, err := c.lookOrLoad(ctx, key, first, load, opts)
	switch {
	case err != nil:
		return v, err
	case a.entry.Absent:
		return v, ErrNotFound
	}
	return c.own(a.entry.Value), nil
}

// An answer is what a read has found, and how.
type answer[V any] struct {
	entry       *tier.Entry[V] // nil: nothing
	at          int            // the tier it is from; fromSource: none
	stale       bool           // past its TTL
	unconfirmed bool           // the bus does not vouch for it any more, and it is served by ServeStale
	joined      bool           // another caller had begun the flight that it is from
}

const fromSource = -1 // instead of a tier

// look is a read that does not load, after the nearest tier could not answer.
func (c *Cache[V]) look(ctx context.Context, key string, profile Profile, first *tier.Entry[V]) (a answer[V], err error) {
	pass, err := c.enter(key)
	if err != nil {
		return a, err
	}
	defer c.gate.Exit(pass)
	part := invalidate.Partition(c.name, key)
	a, overtaken := c.ask(ctx, key, part, min(c.near, 1), first)
	if overtaken && (a.entry == nil || a.stale) {
		a, _ = c.ask(ctx, key, part, 0, nil) // the newer value, which may well be there
	}
	if a.entry == nil || a.stale && !servable(a.entry, profile) {
		c.miss(key)
		return answer[V]{}, nil
	}
	if a.stale {
		c.serveStale(a, key)
	}
	return a, nil
}

// lookOrLoad is a read that loads if it must, after the nearest tier could not answer. Without an error there is an entry.
func (c *Cache[V]) lookOrLoad(ctx context.Context, key string, first *tier.Entry[V], load Loader[V], opts []CallOption) (a answer[V], err error) {
	profile, err := c.profile.derive(opts)
	if err != nil {
		return a, err
	}
	if load == nil {
		return a, errNilLoader
	}
	part := invalidate.Partition(c.name, key)
	if a, err = c.enterAndAsk(ctx, key, part, first); err != nil {
		return a, err
	}
	if a.entry != nil && !a.stale {
		return a, nil
	}
	return c.loadOrStale(ctx, key, part, profile, load, a)
}

// enterAndAsk is the part of a read that Close waits for. It ends loads instead of waiting for them.
func (c *Cache[V]) enterAndAsk(ctx context.Context, key string, part int, first *tier.Entry[V]) (a answer[V], err error) {
	pass, err := c.enter(key)
	if err != nil {
		return a, err
	}
	defer c.gate.Exit(pass) // also when a hook panics
	a, _ = c.ask(ctx, key, part, min(c.near, 1), first)
	return a, nil
}

// ask asks the tiers from near to far for a fresh entry, and promotes what it finds. If none is fresh it is the stale one that was fresh last.
// Tiers before from have been asked already, and first is what they had. An event may come while a shared tier that has an entry is
// read: then the read was overtaken.
func (c *Cache[V]) ask(ctx context.Context, key string, part, from int, first *tier.Entry[V]) (best answer[V], overtaken bool) {
	stamp := c.fence.Stamp(key, part) // before the first read: what overtakes the stamp overtakes the value
	for i := range c.tiers {
		e := first
		if i >= from {
			e = c.get(ctx, i, key)
		}
		now := clock.Now()
		why := c.judge(i, e, stamp, now)
		if why != usable && why != late {
			c.missed(i, why)
			overtaken = overtaken || why == fenced && i >= c.near
			continue
		}
		a := answer[V]{entry: e, at: i, stale: now >= e.FreshUntil, unconfirmed: why == late}
		switch {
		case a.stale:
			c.counters.tiers[i].staleHits.Add(1)
			if a.betterThan(best) {
				best = a
			}
		case a.unconfirmed:
			c.counters.tiers[i].staleHits.Add(1)
			c.serveUnconfirmed(a, key)
			return a, overtaken
		default:
			c.counters.tiers[i].hits.Add(1)
			c.promote(ctx, i, e)
			c.observer.hit(c.tiers[i].Name(), key, false)
			return a, overtaken
		}
	}
	if best.entry != nil {
		c.promote(ctx, best.at, best.entry)
	}
	return best, overtaken
}

// betterThan compares two stale answers. The one that was fresh last is better, but a confirmed one is better than any that is not.
func (a *answer[V]) betterThan(b answer[V]) bool {
	switch {
	case b.entry == nil:
		return true
	case a.unconfirmed != b.unconfirmed:
		return b.unconfirmed
	}
	return a.entry.FreshUntil > b.entry.FreshUntil
}

// promote copies an entry of tier i to all nearer tiers.
func (c *Cache[V]) promote(ctx context.Context, i int, e *tier.Entry[V]) {
	for j := i - 1; j >= 0; j-- {
		if c.store(ctx, j, e) {
			c.counters.tiers[j].promotes.Add(1)
		}
	}
}

// loadOrStale joins or starts the flight of key, and returns its result or the stale answer, if there is one.
func (c *Cache[V]) loadOrStale(ctx context.Context, key string, part int, profile Profile, load Loader[V], stale answer[V]) (answer[V], error) {
	found := stale.entry != nil
	keep := found && servable(stale.entry, profile) // the caller may leave with the stale value, the refresh goes on
	if !keep {
		c.miss(key)
	}
	f, joined := c.flights.join(ctx, key, part, profile.LoadTimeout, keep, func(f *flight[V]) (*tier.Entry[V], error) {
		return c.fly(f, key, profile, load, found)
	})
	if f == nil {
		return answer[V]{}, ErrClosed
	}
	if joined {
		c.counters.joined.Add(1)
	}
	var e *tier.Entry[V]
	var err error
	if keep {
		e, err = c.flights.waitFor(ctx, profile.StaleAfter, f)
	} else {
		e, err = c.flights.wait(ctx, key, part, f)
	}
	switch {
	case err == nil:
		return answer[V]{entry: e, at: f.at, joined: joined}, nil
	case keep:
		c.serveStale(stale, key)
		return stale, nil
	}
	return answer[V]{}, err
}

// servable reports whether a stale entry may be served under a profile. An absence may not.
func servable[V any](e *tier.Entry[V], p Profile) bool {
	now := clock.Now()
	return !e.Absent && now < e.ExpiresAt && now < e.FreshUntil.Add(p.StaleFor)
}

func (c *Cache[V]) miss(key string) {
	c.counters.misses.Add(1)
	c.observer.miss(key)
}

// serveStale counts a stale value that is given to a caller.
func (c *Cache[V]) serveStale(a answer[V], key string) {
	c.counters.staleServed.Add(1)
	if a.unconfirmed {
		c.counters.unconfirmed.Add(1)
	}
	c.observer.hit(c.tiers[a.at].Name(), key, true)
}

// serveUnconfirmed counts a value that is not stale by its TTL, only past the bound.
func (c *Cache[V]) serveUnconfirmed(a answer[V], key string) {
	c.counters.unconfirmed.Add(1)
	c.observer.hit(c.tiers[a.at].Name(), key, true)
}
