package tiercache

import (
	"context"

	"github.com/tiercache/tiercache/internal/clock"
	"github.com/tiercache/tiercache/internal/fence"
	"github.com/tiercache/tiercache/tier"
)

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
	late                  // the bus does not vouch for it any more, and ServeStale serves it
	missing
	fenced
	untrusted
)

// judge says whether e, which tier i has, can be used at now: not if it has expired or the fence refuses it. An entry from outside the
// process gets stamp, which was taken before it was read: see stampFar.
func (c *Cache[V]) judge(i int, e *tier.Entry[V], stamp fence.Stamp, now clock.Instant) refusal {
	if e == nil {
		return missing
	}
	if i >= c.near && !e.Stamp.Taken() {
		stampFar(e, stamp)
	}
	until := c.fence.TrustedUntil(&e.Stamp) // before the counters: see leave
	switch {
	case !c.fence.Current(&e.Stamp):
		// What was read from a far tier just now may be overtaken as well. Serving it would be right, since the
		// read began before, but the next tier or the source has the newer value.
		return fenced
	case now >= e.ExpiresAt:
		return missing
	case now <= until:
		return usable
	case now <= until.Add(c.outage):
		return late
	}
	return untrusted
}

// stampFar gives an entry from outside the process, which is still ours alone, the stamp that was taken before it was read. The
// tier may have judged it by what it knew before that.
func stampFar[V any](e *tier.Entry[V], stamp fence.Stamp) {
	if asOf := e.Stamp.AsOf; asOf != 0 {
		stamp.AsOf = min(stamp.AsOf, asOf)
	}
	e.Stamp = stamp
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
// where it finds something. at is the tier of the entry.
func (c *Cache[V]) freshIn(ctx context.Context, n int, key string, stamp fence.Stamp) (e *tier.Entry[V], at int) {
	for i, t := range c.tiers[:n] {
		if p, ok := t.(tier.Peeker); ok && !p.Has(key) {
			continue
		}
		e := c.get(ctx, i, key)
		if now := clock.Now(); c.judge(i, e, stamp, now) == usable && now < e.FreshUntil {
			c.counters.tiers[i].hits.Add(1)
			return e, i
		}
	}
	return nil, 0
}
