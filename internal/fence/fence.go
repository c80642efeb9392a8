// Package fence decides whether an entry that was stored in this process may still be served.
//
// An invalidation adds one to a counter, and an entry is alive as long as the counters it was
// stamped with have not moved. The order in which a memory engine applies its writes and deletes therefore does not
// matter: an entry stamped before an invalidation is dead whenever it shows up.
package fence

import (
	"hash/maphash"
	"sync/atomic"
	"time"

	"github.com/tiercache/tiercache/internal/clock"
)

// A Stamp is the state of the fence for one key at the moment it was taken. The zero Stamp was
// never taken, and is not valid.
type Stamp struct {
	// Sum is the counter of the key's slot plus the epoch of its partition. Both only grow, so their sum
	// is unchanged exactly when neither has moved.
	Sum uint64
	// AsOf is when the stamp was taken: before the load or the far read of the value began. It may be set to an earlier time.
	AsOf clock.Instant
	// Slot and Partition say which counters were summed, so that a check hashes nothing.
	Slot      uint16
	Partition uint16
	// Epoch is the lower half of the epoch in Sum. It tells what has moved, where that matters.
	Epoch uint32
}

// Taken reports whether s was ever taken.
func (s Stamp) Taken() bool { return s.Sum != 0 }

// slots is the number of counters for keys: as many as a uint16 can tell apart. An invalidation also kills the entries that
// share its slot: one innocent entry for every 65,536 in the cache.
const slots = 1 << 16

// Partitions is the number of partitions, a power of two.
const Partitions = 16

// A Fence holds the counters of one cache. It begins with Init and must not be copied. All other methods may be called by many
// goroutines at once.
type Fence struct {
	seed  maphash.Seed
	bound int64         // nanoseconds; 0: no bound is promised, so trust never ends
	began clock.Instant // of Init
	parts [Partitions]partition
	slots [slots]atomic.Uint64
}

// A partition is a share of the keys whose events are lost or confirmed together.
type partition struct {
	epoch atomic.Uint64
	until atomic.Int64 // an Instant: events up to there minus the bound are known to have been applied
	_     [112]byte    // a line pair of its own: until is written often, and read on every hit
}

// Init makes f ready for use. A bound of 0 says that none is promised: then entries are trusted until they are invalidated
// or expire.
func (f *Fence) Init(bound time.Duration) {
	f.seed, f.bound, f.began = maphash.MakeSeed(), int64(bound), clock.Now()
	for i := range f.parts {
		f.parts[i].epoch.Store(1) // no stamp is zero
		if bound == 0 {
			f.parts[i].until.Store(int64(clock.Never))
		}
	}
}

// Stamp takes the stamp of a key. Take it before the far read or the load that it is to vouch for.
func (f *Fence) Stamp(key string, part int) Stamp {
	now := clock.Now() // first: a stamp that is older than its counters only costs trust
	slot := f.slot(key)
	return f.stamp(now, f.slots[slot].Load(), slot, part)
}

// Bump invalidates a key and returns the stamp right after.
func (f *Fence) Bump(key string, part int) Stamp {
	now := clock.Now()
	slot := f.slot(key)
	return f.stamp(now, f.slots[slot].Add(1), slot, part)
}

func (f *Fence) slot(key string) uint16 { return uint16(maphash.String(f.seed, key) % slots) }

func (f *Fence) stamp(now clock.Instant, count uint64, slot uint16, part int) Stamp {
	epoch := f.parts[part].epoch.Load()
	return Stamp{Sum: count + epoch, AsOf: now, Slot: slot, Partition: uint16(part), Epoch: uint32(epoch)}
}

// Drop invalidates every key of a partition.
func (f *Fence) Drop(part int) { f.parts[part].epoch.Add(1) }

// DropAll invalidates every key.
func (f *Fence) DropAll() {
	for i := range f.parts {
		f.parts[i].epoch.Add(1)
	}
}

// Epoch returns a number that changes whenever a partition is dropped.
func (f *Fence) Epoch() uint64 {
	var sum uint64
	for i := range f.parts {
		sum += f.parts[i].epoch.Load()
	}
	return sum
}

// Confirm extends the trust in a partition to until. It never shortens it.
func (f *Fence) Confirm(part int, until clock.Instant) {
	p := &f.parts[part].until
	for {
		old := p.Load()
		if old >= int64(until) || p.CompareAndSwap(old, int64(until)) {
			return
		}
	}
}

// Current reports whether nothing has invalidated the key since s was taken.
func (f *Fence) Current(s *Stamp) bool {
	return f.slots[s.Slot].Load()+f.parts[s.Partition%Partitions].epoch.Load() == s.Sum
}

// Bumped reports whether the key itself, or one that shares its slot, has been invalidated since s was taken, whatever has become of
// its partition.
func (f *Fence) Bumped(s *Stamp) bool {
	return uint32(f.slots[s.Slot].Load()) != uint32(s.Sum)-s.Epoch
}

// Trusted reports whether an entry with stamp s may be served at now: the partition has been confirmed, or the
// stamp itself is younger than the bound. A value that was read from the source or the far tier at AsOf reflects
// everything acknowledged before, so for one bound it needs no confirmation.
func (f *Fence) Trusted(s *Stamp, now clock.Instant) bool {
	return int64(now) <= f.parts[s.Partition%Partitions].until.Load() || int64(now)-int64(s.AsOf) <= f.bound
}

// TrustedUntil returns the last instant at which Trusted is true for s, as far as is known now.
func (f *Fence) TrustedUntil(s *Stamp) clock.Instant {
	return max(f.ConfirmedUntil(int(s.Partition%Partitions)), s.AsOf.Add(time.Duration(f.bound)))
}

// ConfirmedUntil returns the end of the freshness lease of a partition: until then its entries are trusted whatever the age of their
// stamps. It is zero before the first confirmation, and clock.Never without a bound.
func (f *Fence) ConfirmedUntil(part int) clock.Instant {
	return clock.Instant(f.parts[part].until.Load())
}

// LeaseAge returns how long ago the partition that has waited longest was confirmed: the time since the moment that its last confirmation
// vouches for, or since Init where there was none. It is 0 without a bound.
func (f *Fence) LeaseAge(now clock.Instant) time.Duration {
	var oldest time.Duration
	for part := range f.parts {
		oldest = max(oldest, f.PartitionAge(part, now))
	}
	return oldest
}

// PartitionAge is LeaseAge of one partition.
func (f *Fence) PartitionAge(part int, now clock.Instant) time.Duration {
	until := f.ConfirmedUntil(part)
	switch until {
	case 0:
		return now.Sub(f.began)
	case clock.Never:
		return 0
	}
	return now.Sub(until.Add(-time.Duration(f.bound)))
}
