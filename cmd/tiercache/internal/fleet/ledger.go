package fleet

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/tiercache/tiercache/tier"
)

// A ledger is the source of a replay: for each key the version of its value, and when its writes were acknowledged. All
// methods may be called by many goroutines at once.
type ledger struct {
	keys   []account
	needed atomic.Uint64 // versions that have been loaded, each counted once
}

// An account is what the ledger knows of one key.
type account struct {
	version atomic.Uint64 // of the value in the source; 0 until the first write
	loaded  atomic.Uint64 // one more than the newest version that was loaded; 0 before the first load
	acked   atomic.Uint64 // newest version that was acknowledged

	writing sync.Mutex // see instance.write

	mu sync.Mutex
	// newerAt[v] is when a version newer than v was acknowledged for the first time; guarded by mu. Its length is acked.
	newerAt []tier.Instant
}

func newLedger(keys int) *ledger { return &ledger{keys: make([]account, keys)} }

// version returns the version that the source has now.
func (l *ledger) version(key int) uint64 { return l.keys[key].version.Load() }

// loaded notes that a Loader has returned a version.
func (l *ledger) loaded(key int, version uint64) {
	a := &l.keys[key]
	for {
		old := a.loaded.Load()
		if old > version {
			return
		}
		if a.loaded.CompareAndSwap(old, version+1) {
			l.needed.Add(1)
			return
		}
	}
}

// write makes a new version and returns it.
func (l *ledger) write(key int) (version uint64) { return l.keys[key].version.Add(1) }

// ack notes that the write of a version was acknowledged: from now on nobody may read an older one.
func (l *ledger) ack(key int, version uint64, at tier.Instant) {
	a := &l.keys[key]
	a.mu.Lock()
	defer a.mu.Unlock()
	for n := uint64(len(a.newerAt)); n < version; n++ {
		a.newerAt = append(a.newerAt, at) // those between were overtaken by this one, and are older from now on as well
	}
	a.acked.Store(uint64(len(a.newerAt)))
}

// stale reports whether a read that began at some time must not have returned this version, and for how long the version had been
// out of date by then.
func (l *ledger) stale(key int, version uint64, began tier.Instant) (age time.Duration, stale bool) {
	a := &l.keys[key]
	if version >= a.acked.Load() {
		return 0, false
	}
	a.mu.Lock()
	newer := a.newerAt[version]
	a.mu.Unlock()
	if newer >= began {
		return 0, false
	}
	return began.Sub(newer), true
}
