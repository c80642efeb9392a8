package tiercache

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/tiercache/tiercache/internal/clock"
	"github.com/tiercache/tiercache/internal/fence"
	"github.com/tiercache/tiercache/invalidate"
	"github.com/tiercache/tiercache/tier"
)

// Explain tells where key is, tier by tier, and what a read of it would come to, and why. It is for people who wonder, and asks every
// tier, also behind one that could answer. It changes nothing: no promotion, no load, no count of a hit or a miss. Only a near tier that
// has the key takes it for one more request. A tier that fails is explained as such; errors are those of a bad key, and ErrClosed.
func (c *Cache[V]) Explain(ctx context.Context, key string) (Explanation, error) {
	pass, err := c.enter(key)
	if err != nil {
		return Explanation{}, err
	}
	defer c.gate.Exit(pass)
	part := invalidate.Partition(c.name, key)
	x := Explanation{Cache: c.name, Key: key, Partition: part}
	stamp := c.fence.Stamp(key, part)
	var best answer[V]
	var whys []string
	for i := range c.tiers {
		t, e := c.inspect(ctx, i, key)
		now := clock.Now()
		why := c.judge(i, e, stamp, now)
		if e != nil {
			c.explainEntry(&t, e, now)
		}
		x.Tiers = append(x.Tiers, t)
		whys = append(whys, t.Tier+": "+t.refusal())
		if why != usable && why != late {
			continue
		}
		a := answer[V]{entry: e, at: i, stale: now >= e.FreshUntil, unconfirmed: why == late}
		if best.entry == nil || best.stale && (!a.stale || a.betterThan(best)) {
			best = a
		}
	}
	now := clock.Now()
	x.LeaseAge = c.fence.PartitionAge(part, now)
	x.LeaseLeft = max(until(c.fence.ConfirmedUntil(part), now), 0)
	if f, waiters := c.flights.peek(key, part); f != nil {
		x.Flight = &FlightExplanation{Running: now.Sub(f.stamp.AsOf), Waiters: waiters, Joinable: c.flights.joinable(f)}
	}
	c.decide(&x, best, whys)
	return x, nil
}

// inspect asks tier i for what it has of key, without the counts and the hooks of a read.
func (c *Cache[V]) inspect(ctx context.Context, i int, key string) (t TierExplanation, e *tier.Entry[V]) {
	t = TierExplanation{Tier: c.tiers[i].Name(), State: EntryNone}
	var rec tier.Record[V]
	var err error
	switch tr := c.tiers[i].(type) {
	case tier.Inspector[V]:
		rec, err = tr.Inspect(ctx, key)
	case tier.Peeker:
		if tr.Has(key) {
			rec.Entry, _, err = c.tiers[i].Get(ctx, key)
		}
	default:
		rec.Entry, _, err = c.tiers[i].Get(ctx, key)
	}
	if err != nil {
		t.State, t.Err = EntryUnknown, err
		return t, nil
	}
	t.Size, t.Lease, t.LeaseLeft = rec.Size, rec.Lease, rec.LeaseLeft
	switch {
	case rec.Err != nil:
		t.State, t.Err = EntryUnreadable, rec.Err
	case rec.Expired:
		t.State = EntryExpired
	}
	return t, rec.Entry
}

// explainEntry tells of an entry that a tier has and judge has seen.
func (c *Cache[V]) explainEntry(t *TierExplanation, e *tier.Entry[V], now clock.Instant) {
	switch {
	case now >= e.ExpiresAt:
		t.State = EntryExpired
	case now >= e.FreshUntil:
		t.State = EntryStale
	default:
		t.State = EntryFresh
	}
	t.Absent = e.Absent
	if e.StoredAt != 0 {
		t.Age = now.Sub(e.StoredAt)
	}
	t.FreshFor, t.ExpiresIn = until(e.FreshUntil, now), until(e.ExpiresAt, now)
	if t.Size == 0 {
		t.Size = int(e.Size)
	}
	t.Invalidated = c.invalidation(&e.Stamp)
	t.Trusted, t.TrustedFor = c.fence.Trusted(&e.Stamp, now), until(c.fence.TrustedUntil(&e.Stamp), now)
}

func (g *guard) invalidation(s *fence.Stamp) Invalidation {
	switch {
	case g.fence.Current(s):
		return NotInvalidated
	case g.fence.Bumped(s):
		return ByKey
	}
	return ByPartition
}

// until returns the time to an instant, Forever to one that never comes.
func until(i, now clock.Instant) time.Duration {
	if i == clock.Never {
		return Forever
	}
	return i.Sub(now)
}

// decide says what a read comes to that finds best, for which GetOrLoad decides in the same way.
func (c *Cache[V]) decide(x *Explanation, best answer[V], whys []string) {
	if best.entry != nil && (!best.stale || servable(best.entry, c.profile)) {
		x.Outcome, x.From = OutcomeHit, c.tiers[best.at].Name()
		what := "a value"
		if best.entry.Absent {
			what = "an absence"
		}
		x.Why = fmt.Sprintf("%s has %s that is fresh", x.From, what)
		switch {
		case best.stale:
			x.Outcome = OutcomeStaleHit
			x.Why = fmt.Sprintf("%s has a value past its TTL, which is served while a load runs", x.From)
			if wait := c.profile.StaleAfter; wait > 0 {
				x.Why += ", unless that ends within " + short(wait)
			}
			if best.unconfirmed {
				x.Why += "; the bus does not vouch for it, and ServeStale allows it for " + short(c.outage)
			}
		case best.unconfirmed:
			x.Outcome = OutcomeStaleHit
			x.Why += fmt.Sprintf("; the bus does not vouch for it, and ServeStale allows it for %s", short(c.outage))
		}
		return
	}
	x.Outcome, x.Why = OutcomeLoad, strings.Join(whys, "; ")
	switch {
	case x.Flight != nil && x.Flight.Joinable:
		x.Why += "; the read joins the load that is running"
	case c.leaser >= 0 && x.Tiers[c.leaser].LeaseLeft > 0:
		x.Why += "; the read waits for the process that has the lease"
	}
}

// refusal says why a tier that is asked has nothing to serve. It is of use only if that is so.
func (t TierExplanation) refusal() string {
	switch {
	case t.State == EntryUnknown:
		return "it has failed"
	case t.State != EntryFresh && t.State != EntryStale:
		return string(t.State)
	case t.Invalidated != NotInvalidated:
		return "invalidated " + string(t.Invalidated)
	case !t.Trusted:
		return "not confirmed by the bus"
	}
	return string(t.State)
}
