package tier

import (
	"context"
	"time"

	"github.com/tiercache/tiercache/internal/clock"
	"github.com/tiercache/tiercache/internal/fence"
)

// A Stamp is the state of the fence before the value was read or loaded. The root compares it on
// every hit; a tier keeps it with the entry and does not look inside.
type Stamp = fence.Stamp

// An Instant is a point on the monotonic clock of this process, in nanoseconds. Its zero value is
// unset. It is not to be stored outside the process.
type Instant = clock.Instant

// Now reads the clock of Instant.
func Now() Instant { return clock.Now() }

// A Tag is a name by which entries are invalidated together, with the mark it had when the load of
// the entry began.
type Tag struct {
	Name string
	Mark uint64
}

// An Entry is one cached value with all that decides whether it may be served. Once it has been given to a
// tier it is shared by every reader, and nobody changes it.
type Entry[V any] struct {
	// What a hit looks at comes first, and fits into one cache line.
	Key        string
	FreshUntil Instant // stale after
	Stamp      Stamp   // zero in an entry that comes from outside this process, except perhaps for AsOf: see Tier
	Absent     bool    // the source has no value for the key; Value is zero
	Size       int32   // bytes of the encoded value where it has been encoded or decoded; 0 if unknown
	Value      V
	ExpiresAt  Instant // never served after; not before FreshUntil
	StoredAt   Instant // when the value was stored first, as far as is known; 0 if unknown. It decides nothing
	Tags       []Tag
}

// A Tier is one level of a cache. Tiers know nothing of each other: the cache reads them
// from near to far and writes them from far to near. All methods may be called by many goroutines at once.
//
// A tier that holds entries in this process returns the very entry it was given, stamp included: without the stamp nobody
// can tell whether the entry has been invalidated, and the cache does not serve it. A tier that is shared with other
// processes, and so is a Clearer, returns a new entry with a zero Stamp on every call. If it judges entries by what it remembers of the store, it sets
// Stamp.AsOf to the time of which it remembers that: the entry is trusted no longer than one that was read then.
type Tier[V any] interface {
	// Name is unique among the tiers of one cache, constant and not empty. It appears in errors and statistics.
	Name() string
	// Get returns the entry of key. Absent and unreadable entries are ok == false with a nil error; an
	// error means that the tier could not tell. Stale entries are returned: the caller
	// decides. A tier may return an expired entry: the cache checks.
	Get(ctx context.Context, key string) (e *Entry[V], ok bool, err error)
	// Set stores e until e.ExpiresAt, replacing what is stored under e.Key. After it has returned nil, Get
	// returns e or a newer entry or, when the tier had no room, nothing, but never an older one. A tier that encodes may
	// record e.Size when it is zero, since far tiers are set before the entry is shared.
	Set(ctx context.Context, e *Entry[V]) error
	// Delete removes keys. Absent keys are no error. After it has returned nil, Get does not
	// return an entry that was set before. On an error any part may have been removed.
	Delete(ctx context.Context, keys ...string) error
}

// The optional powers of a tier follow. The cache finds them once, when it is built.

// An Opener is a tier that checks its configuration or starts work before its first use. The cache calls Open once, from
// tiercache.New, and reports its error.
type Opener interface {
	Open(s Scope) error
}

// A Scope tells a tier of which cache it is a part.
type Scope struct {
	Cache         string        // name of the cache: letters, digits, '.', '_', '-'
	MaxValueBytes int           // largest encoded value to store
	Epoch         func() uint64 // changes when events may have been lost or the cache was cleared: what was remembered of a shared store is to be read again
	// Report tells the cache of something that is not an error of the call at hand. It must not be nil. It never blocks and never calls
	// the tier, so it may be called by an engine in the middle of its work.
	Report func(Problem)
}

// A Closer is a tier that holds resources. The cache calls Close once, when every other call has returned, and calls the tier
// no more. A call that comes from elsewhere after that misses or does nothing, and a second Close does nothing.
type Closer interface {
	Close() error
}

// A Peeker is a tier in this process with a policy that learns from Get what is asked for. Has says whether there may be an entry of key, and is no
// request for it: a cache that looks twice before it loads must not make the key seem twice as popular.
type Peeker interface {
	Has(key string) bool
}

// A Clearer is a tier that forgets all entries of its cache in one step, whatever their number.
// It is for tiers shared between processes: entries in this process die by the fence.
type Clearer interface {
	Clear(ctx context.Context) error
}

// An Expirer is a tier that can make stored entries stale without rewriting them. An absent key is
// no error. On an error any part may have been done. Where a tier lacks this power the cache deletes the entries.
type Expirer interface {
	Expire(ctx context.Context, keys ...string) error
}

// A Locator is a tier that can say where entries lie, so that a bus that has the same store can delete them there and announce it in one
// step. That step then takes the place of Delete.
type Locator interface {
	// Locate returns the store that holds all of keys and what Delete would remove there. ok is false if no one store does, or if
	// nobody else can delete in it.
	Locate(keys ...string) (store any, names []string, ok bool)
}

// A Leaser is a tier, shared between processes, that lets one of them at a time load a key and refuses a
// fill that an invalidation has overtaken.
type Leaser[V any] interface {
	Tier[V]
	// Lease asks for the right to load key, for at most ttl. Without an error exactly one of three things comes of it:
	// a lease (granted); a fresh entry (somebody filled it meanwhile); or neither: another process holds the
	// lease. A fresh entry that replaceable agrees to is taken for a stale one; a nil replaceable agrees to none. A stale
	// entry in the store stays readable while it is leased.
	//
	// An error that is errors.ErrUnsupported says that the store has no leases. With any other error there may be a
	// lease as well: nobody knows whether it was granted, or still will be, and to release it takes it back.
	Lease(ctx context.Context, key string, ttl time.Duration, replaceable func(*Entry[V]) bool) (Lease[V], *Entry[V], error)
}

// A Lease is the right to fill one key, once.
type Lease[V any] interface {
	// Fill stores e if the key has not been set, deleted, cleared or leased to another since the
	// lease was granted. stored == false with a nil error means that it has, and e was not stored.
	Fill(ctx context.Context, e *Entry[V]) (stored bool, err error)
	// Release gives the lease back without a fill, so that others need not wait for it to lapse.
	Release(ctx context.Context) error
}

// An Inspector is a tier, shared between processes, that can tell what it stores under a key even if that is of no use to Get.
type Inspector[V any] interface {
	Tier[V]
	// Inspect tells what is stored, and changes nothing. An error means that the tier could not tell.
	Inspect(ctx context.Context, key string) (Record[V], error)
}

// A Record is what an Inspector stores under a key. The zero Record is that of nothing.
type Record[V any] struct {
	Entry     *Entry[V]     // nil if there is none that could be read, or it has expired
	Size      int           // bytes stored, what belongs to the tier included
	Expired   bool          // there is an entry that has expired, and the store has not removed it yet
	Err       error         // why what is stored cannot be used by this cache; nil if it can
	Lease     string        // token of the lease on the record, which tells it from others; empty if there is none
	LeaseLeft time.Duration // for how much longer the lease holds; negative if it has lapsed
}

// A Kind says what a Problem is.
type Kind uint8

const (
	Unreadable Kind = iota + 1 // stored bytes could not be read; counted as a miss
	Foreign                    // stored bytes belong to another codec, schema or generation; counted as a miss
	TooLarge                   // the value is larger than MaxValueBytes and was not stored
	Dropped                    // the engine dropped a set and it could not be offered again
	Evicted                    // an entry made room for another
	Rejected                   // the engine's policy refused a new entry
)

// String returns the name of the kind.
func (k Kind) String() string {
	switch k {
	case Unreadable:
		return "unreadable"
	case Foreign:
		return "foreign"
	case TooLarge:
		return "too large"
	case Dropped:
		return "dropped"
	case Evicted:
		return "evicted"
	case Rejected:
		return "rejected"
	}
	return "unknown"
}

// A Problem is something a tier met that is not an error of the call at hand.
type Problem struct {
	Kind Kind
	Tier string
	Key  string // empty when unknown
	Err  error  // nil for Dropped, Evicted and Rejected
}
