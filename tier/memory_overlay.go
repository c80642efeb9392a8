package tier

import (
	"context"
	"sync"
	"sync/atomic"
)

// An overlay holds the latest Set or Delete of each key until the engine has applied it. It lies over the engine: a key that the overlay
// holds is answered from it, since the engine may still have an older entry, or the one that was deleted.
//
// Writers put into next. Whoever settles takes next as a whole, applies it to the engine as settling, and drops it when the
// engine has caught up. What is put meanwhile goes into a new next, which hides settling where both have a key.
type overlay[V any] struct {
	// holds counts the keys of next and settling, and one more while the tier is not open; held counts the keys by a part of their
	// hash. Where one of the two is zero the overlay has nothing, which is all that most reads need to know.
	holds atomic.Int32
	_     [60]byte // the only line that a read looks at while nothing is written
	held  [1 << 10]atomic.Int32

	slots chan struct{} // has a token for each key that a writer has added to next: sending one waits for room
	done  chan struct{} // closed by close

	mu       sync.Mutex
	next     map[string]pending[V]
	settling map[string]pending[V] // read-only until it is dropped
	taken    int                   // tokens in slots for next
	closed   bool
}

// A pending is the latest Set or Delete of a key.
type pending[V any] struct {
	entry *Entry[V] // nil: delete
	hash  uint64
	cost  int64 // 0 for a delete
}

// maxPending is the number of keys that may wait to be settled. As many may be being settled.
const maxPending = 256

func (o *overlay[V]) open() {
	o.slots = make(chan struct{}, maxPending)
	o.done = make(chan struct{})
	o.next = make(map[string]pending[V])
}

// mayHold reports whether get needs to be asked for a key with this hash.
func (o *overlay[V]) mayHold(hash uint64) bool {
	return o.holds.Load() != 0 && o.slot(hash).Load() != 0
}

func (o *overlay[V]) slot(hash uint64) *atomic.Int32 {
	return &o.held[hash>>32%uint64(len(o.held))] // not the bits that choose the shard of the engine
}

// get returns what the overlay holds of a key.
func (o *overlay[V]) get(key string) (p pending[V], held bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if p, held = o.next[key]; !held {
		p, held = o.settling[key]
	}
	return p, held
}

// put replaces what the overlay holds of a key. It reports false if it holds nothing and there is no room.
// After close it does nothing.
func (o *overlay[V]) put(key string, p pending[V]) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, replaces := o.next[key]; !replaces && !o.closed {
		select {
		case o.slots <- struct{}{}:
			o.taken++
		default:
			return false
		}
	}
	o.add(key, p)
	return true
}

// putWait is put, but waits for room. It reports false if ctx was done before there was some.
func (o *overlay[V]) putWait(ctx context.Context, key string, p pending[V]) bool {
	select {
	case o.slots <- struct{}{}:
		o.mu.Lock()
		defer o.mu.Unlock()
		o.taken++ // even if somebody has added the key meanwhile
		o.add(key, p)
		return true
	case <-o.done:
		return true
	case <-ctx.Done():
		return false
	}
}

// force is put that does not need room.
func (o *overlay[V]) force(key string, p pending[V]) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.add(key, p)
}

// add is the part of put that is done with the lock.
func (o *overlay[V]) add(key string, p pending[V]) {
	if o.closed {
		return
	}
	if _, replaces := o.next[key]; !replaces {
		o.slot(p.hash).Add(1)
		o.holds.Add(1)
	}
	o.next[key] = p
}

// waiting reports whether there is something to settle.
func (o *overlay[V]) waiting() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.next) > 0
}

// take makes settling of next, and returns it. It is empty if there is nothing to settle.
func (o *overlay[V]) take() map[string]pending[V] {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.next) == 0 {
		return nil
	}
	o.settling, o.next = o.next, o.settling
	if o.next == nil {
		o.next = make(map[string]pending[V])
	}
	for ; o.taken > 0; o.taken-- {
		<-o.slots
	}
	return o.settling
}

// settled drops what take returned: the engine shows it now, or something said why not.
func (o *overlay[V]) settled() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, p := range o.settling {
		o.slot(p.hash).Add(-1)
	}
	o.holds.Add(-int32(len(o.settling)))
	if len(o.settling) > smallBatch {
		o.settling = nil // clearing a map takes time for all it has ever held
		return
	}
	clear(o.settling)
}

// smallBatch is the size up to which the map of a batch is used again.
const smallBatch = 64

// close drops what has not been taken. Those who wait for room go on.
func (o *overlay[V]) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return
	}
	o.closed = true
	clear(o.next)
	if o.done != nil {
		close(o.done)
	}
}
