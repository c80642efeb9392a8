package invalidate

import (
	"context"
	"time"
)

// An Op is what an Event asks of those who receive it.
type Op uint8

const (
	Delete Op = iota + 1 // forget the entries of Keys
	Tag                  // forget the entries that carry one of Tags
	Clear                // forget every entry of the cache
)

// String returns the name of the operation.
func (o Op) String() string {
	switch o {
	case Delete:
		return "delete"
	case Tag:
		return "tag"
	case Clear:
		return "clear"
	}
	return "unknown"
}

// An Event says what to forget. It carries names, never values, so applying it late, twice or out
// of order can cost a hit but never makes anything stale. Whoever holds an Event must not change its slices.
type Event struct {
	Op     Op
	Cache  string   // name of the cache
	Origin string   // unique to the cache instance that published
	Keys   []string // for Delete
	Tags   []string // for Tag
}

// A Bus carries events between the caches of many processes. All methods may be called by many
// goroutines at once.
type Bus interface {
	// Publish sends e to every subscriber, that of its own process included. It returns nil only
	// when every process will learn of e, or of the loss of it, within Bound. It must not keep e's slices. A bus may deliver e in
	// parts, each with some of its keys.
	Publish(ctx context.Context, e Event) error
	// Subscribe delivers events to h until ctx is done, reconnecting as often as needed, and then returns ctx.Err(). It
	// returns another error only when it cannot work at all, before it has called h. Until the
	// subscription is first in place, and after every interruption, it calls h.Drop for each partition whose
	// events may have been missed. Several subscriptions of one bus are independent.
	Subscribe(ctx context.Context, h Handler) error
	// Bound returns the time within which every process learns of an acknowledged event, or that it
	// may have missed some, whatever fails. 0 means that none is promised. It is constant.
	Bound() time.Duration
}

// A Handler receives the events of a subscription. The bus calls it from one goroutine at a time for each
// subscription; no method may block.
type Handler interface {
	// Apply forgets what e names.
	Apply(e Event)
	// Drop says that events of this partition may have been lost: everything stored before is
	// suspect. A bus calls it after it is able to deliver again, so that nothing slips between.
	Drop(partition int)
	// Confirm says that until then, on the monotonic clock of this process, no event of this partition older
	// than the bus's Bound is unknown here. Only a bus with a Bound calls it.
	Confirm(partition int, until time.Time)
}

// A Deleter is a Bus that can publish the deletion of keys and delete what a store has of them in one step.
type Deleter interface {
	Bus
	// PublishDelete deletes names from store and publishes e, both or neither, in one round trip. It does nothing and returns
	// errors.ErrUnsupported if it cannot do that with this store. It keeps none of the slices. On another error it is
	// unknown whether it was done, or still will be.
	PublishDelete(ctx context.Context, e Event, store any, names []string) error
}

// A RollbackHandler is a Handler that can repeat what it has done.
type RollbackHandler interface {
	Handler
	// RolledBack says that the store may have lost its latest changes, acknowledged ones included, as happens when a replica takes over
	// that lagged behind. What was deleted may be back. The bus calls it like the other methods, after Drop for
	// the partitions concerned and perhaps several times for one loss.
	RolledBack()
}

// Partitions is the number of shares into which the keys of all caches are divided. Loss is
// repaired and freshness is confirmed by partition.
const Partitions = 16

// Partition returns the partition of a key of a cache: the same number in every process and on
// every platform (FNV-1a of both, http://www.isthe.com/chongo/tech/comp/fnv/).
func Partition(cache, key string) int {
	const offset, prime = 14695981039346656037, 1099511628211
	h := uint64(offset)
	for i := range len(cache) {
		h = (h ^ uint64(cache[i])) * prime
	}
	h *= prime // a zero byte between the two: ("ab", "c") is not ("a", "bc")
	for i := range len(key) {
		h = (h ^ uint64(key[i])) * prime
	}
	return int((h ^ h>>32) % Partitions)
}
