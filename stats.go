package tiercache

import (
	"sync/atomic"
	"time"

	"github.com/tiercache/tiercache/internal/clock"
	"github.com/tiercache/tiercache/internal/stripe"
	"github.com/tiercache/tiercache/tier"
)

// Stats are the counters of a cache since it was built, and what it sees of its bus now. They are read one after the other: under
// load they are close to each other in time, not of one instant.
type Stats struct {
	Tiers []TierStats // nearest first

	Misses         uint64        // reads that no tier could answer
	Loads          uint64        // calls of a Loader that have ended
	LoadErrors     uint64        // of these, failed: error, panic, Goexit, timeout. ErrNotFound is no failure
	LoadTime       time.Duration // spent in Loaders, summed
	LoadsAbandoned uint64        // loads that ran past LoadTimeout without returning
	Joined         uint64        // callers that shared the load of another caller
	StaleServed    uint64        // stale values given to callers
	Unconfirmed    uint64        // values served past the bound of the bus, under ServeStale
	LeaseWaits     uint64        // loads that first waited for another process
	FillsRefused   uint64        // loaded values that were not stored: an invalidation had overtaken them, or nobody waited any more
	Published      uint64        // events sent
	PublishErrors  uint64        // events that could not be sent
	Invalidated    uint64        // keys and clears applied for other instances
	Echoes         uint64        // own events that came back and were ignored
	PartitionDrops uint64        // partitions dropped because events may have been lost
	BusErrors      uint64        // failures of the subscription itself
	NoticesDropped uint64        // calls of hooks left out, because the hooks are too slow

	JournalReplays   uint64 // times the latest writes were repeated, because the store may have lost them
	JournalKeys      uint64 // keys that were deleted again for that
	JournalOverflows uint64 // replays that cleared the cache instead: there were more writes than the journal holds

	// LeaseAge is a gauge: how long ago the bus last vouched for the partition that has waited longest, or for how long it never did.
	// Beyond the bound of the bus, entries in memory are not trusted. Always 0 with a bus without a bound.
	LeaseAge time.Duration
}

// TierStats are the counters of one tier.
type TierStats struct {
	Name      string
	Hits      uint64 // fresh entries served, absent ones included
	StaleHits uint64 // stale entries found
	Misses    uint64 // reads without a usable entry, the following two included
	Fenced    uint64 // entries found and refused: invalidated since they were stored
	Untrusted uint64 // entries found and refused: the bus could not confirm them within its bound
	Promotes  uint64 // entries copied here from a farther tier
	Fills     uint64 // entries stored here after a load
	Errors    uint64 // failed calls

	Unreadable uint64 // stored bytes that could not be read
	Foreign    uint64 // stored bytes of another codec, schema or generation
	TooLarge   uint64 // values over the size limit, not stored
	Dropped    uint64 // sets the engine lost
	Evicted    uint64 // entries that made room
	Rejected   uint64 // new entries the engine's policy refused
}

// counters is what Stats is made of. Only hits are counted on the hot path, in stripes.
type counters struct {
	tiers []tierCounters

	misses, loads, loadErrors, loadNanos, loadsAbandoned, joined, staleServed, unconfirmed, leaseWaits, fillsRefused,
	published, publishErrors, invalidated, echoes, drops, busErrors, noticesDropped,
	journalReplays, journalKeys, journalOverflows atomic.Uint64
}

type tierCounters struct {
	hits                                                          stripe.Counter
	staleHits, misses, fenced, untrusted, promotes, fills, errors atomic.Uint64
	problems                                                      [tier.Rejected + 1]atomic.Uint64
}

// Stats returns the counters.
func (c *Cache[V]) Stats() Stats {
	n := &c.counters
	s := Stats{
		Misses:         n.misses.Load(),
		Loads:          n.loads.Load(),
		LoadErrors:     n.loadErrors.Load(),
		LoadTime:       time.Duration(n.loadNanos.Load()),
		LoadsAbandoned: n.loadsAbandoned.Load(),
		Joined:         n.joined.Load(),
		StaleServed:    n.staleServed.Load(),
		Unconfirmed:    n.unconfirmed.Load(),
		LeaseWaits:     n.leaseWaits.Load(),
		FillsRefused:   n.fillsRefused.Load(),
		Published:      n.published.Load(),
		PublishErrors:  n.publishErrors.Load(),
		Invalidated:    n.invalidated.Load(),
		Echoes:         n.echoes.Load(),
		PartitionDrops: n.drops.Load(),
		BusErrors:      n.busErrors.Load(),
		NoticesDropped: n.noticesDropped.Load(),

		JournalReplays:   n.journalReplays.Load(),
		JournalKeys:      n.journalKeys.Load(),
		JournalOverflows: n.journalOverflows.Load(),
		LeaseAge:         c.fence.LeaseAge(clock.Now()),
	}
	for i := range n.tiers {
		t := &n.tiers[i]
		s.Tiers = append(s.Tiers, TierStats{
			Name:       c.tiers[i].Name(),
			Hits:       t.hits.Load(),
			StaleHits:  t.staleHits.Load(),
			Misses:     t.misses.Load(),
			Fenced:     t.fenced.Load(),
			Untrusted:  t.untrusted.Load(),
			Promotes:   t.promotes.Load(),
			Fills:      t.fills.Load(),
			Errors:     t.errors.Load(),
			Unreadable: t.problems[tier.Unreadable].Load(),
			Foreign:    t.problems[tier.Foreign].Load(),
			TooLarge:   t.problems[tier.TooLarge].Load(),
			Dropped:    t.problems[tier.Dropped].Load(),
			Evicted:    t.problems[tier.Evicted].Load(),
			Rejected:   t.problems[tier.Rejected].Load(),
		})
	}
	if c.near > 0 {
		s.Tiers[0].Hits += c.gate.Counted()
	}
	return s
}
