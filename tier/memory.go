package tier

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/dgraph-io/ristretto/v2"
	"github.com/dgraph-io/ristretto/v2/z"
)

// A MemoryConfig describes a tier in the memory of this process. Exactly one of MaxBytes and MaxEntries must be set.
type MemoryConfig struct {
	// Name of the tier. Empty means "memory".
	Name string
	// MaxBytes is the memory that the entries may take, by their cost. The tables of the engine come on top: about 0.4 MB, and a tenth of
	// MaxBytes to count how often keys are asked for. So do, for some microseconds, the latest writes: 512 entries at most.
	MaxBytes int64
	// MaxEntries is the number of entries to keep, whatever their size. For each the engine takes about 50 bytes to count
	// how often keys are asked for. The latest writes, 512 at most, come on top for some
	// microseconds.
	MaxEntries int
	// Cost, if not nil, says how much of MaxBytes a value takes, everything included. It is called once for every
	// Set. What is below 1 counts as 1. If nil, the cost is that of the function Cost and what the engine adds to an entry. Without MaxBytes,
	// Cost must be nil.
	Cost func(key string, value any) int64
}

// Memory returns a tier in the memory of this process. It is an Opener and a Closer, and holds nothing until it is opened. A bad cfg is reported by
// Open, and so by tiercache.New.
//
// Entries are shared: Get returns the pointer that was given to Set, for an entry that has expired too. What was set is readable at once. When the tier is
// full, a policy keeps what is asked for most often: it may refuse a new entry (Rejected) or evict an old one (Evicted).
// Nothing else is lost, except that a Set whose context ends while it waits for earlier ones to be settled only removes the older entry
// (Dropped). Set and Delete return an error only before Open.
func Memory[V any](cfg MemoryConfig) Tier[V] {
	m := &memory[V]{
		cfg:  cfg,
		name: cmp.Or(cfg.Name, "memory"),
	}
	m.overlay.holds.Store(1) // for Get to look at the state
	return m
}

// memory is a tier on ristretto.
//
// The engine applies what is new in the background, and is no store of its own right: a new entry is invisible until then, the older of two new
// entries survives, a deleted one can come back, writes are dropped under load, and its Close may race with everything else. So it
// has one writer at a time, settle, and all else goes through the overlay. Its keys are hashes, by the
// function that the runtime has for maps, which is different in each process: Get compares the key of the entry.
type memory[V any] struct {
	cfg  MemoryConfig
	name string

	state atomic.Uint32 // one of unopened, open, closed

	// Written by Open, before state is open.
	engine  *ristretto.Cache[uint64, *Entry[V]]
	overlay overlay[V]
	cost    func(e *Entry[V]) int64
	maxCost int64
	tell    func(Problem)

	settling sync.Mutex    // held for a round: see settle
	wake     chan struct{} // has a token when settleRest has something to do
	ended    chan struct{} // closed when settleRest has returned

	mu sync.Mutex // held by Open and Close
}

const (
	unopened uint32 = iota
	open
	closed
)

var errNotOpen = errors.New("not open")

// Name returns MemoryConfig.Name.
func (m *memory[V]) Name() string { return m.name }

// Open checks the configuration and starts the tier.
func (m *memory[V]) Open(s Scope) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.state.Load() != unopened {
		return fmt.Errorf("tier: memory %q: opened twice or after Close", m.name)
	}
	size, err := m.cfg.size()
	if err != nil {
		return fmt.Errorf("tier: memory %q: %w", m.name, err)
	}
	m.engine, err = ristretto.NewCache(&ristretto.Config[uint64, *Entry[V]]{
		NumCounters: 10 * size.entries,
		MaxCost:     size.cost,
		BufferItems: 64,
		// Cost has all bytes in it already, those of the policy too, which the engine does not know of. And an entry is an entry.
		IgnoreInternalCost: true,
		KeyToHash:          func(hash uint64) (uint64, uint64) { return hash, 0 },
		// Where two keys have one hash the engine keeps the entry that it has, and refuses the other one.
		ShouldUpdate: func(e, old *Entry[V]) bool { return e.Key == old.Key },
		OnEvict:      func(i *ristretto.Item[*Entry[V]]) { m.report(Evicted, i.Value) },
		OnReject:     func(i *ristretto.Item[*Entry[V]]) { m.report(Rejected, i.Value) },
		// Entries have no TTL here, so there is nothing to look for periodically.
		TtlTickerDurationInSec: 24 * 60 * 60,
	})
	if err != nil {
		return fmt.Errorf("tier: memory %q: %w", m.name, err)
	}
	m.cost = costOf[V](m.cfg)
	m.maxCost = size.cost
	m.overlay.open()
	m.tell = s.Report
	m.wake = make(chan struct{}, 1)
	m.ended = make(chan struct{})
	go m.settleRest()
	m.state.Store(open)
	m.overlay.holds.Add(-1)
	return nil
}

// Get returns the entry of key.
func (m *memory[V]) Get(_ context.Context, key string) (*Entry[V], bool, error) {
	hash := z.MemHashString(key)
	if m.overlay.holds.Load() != 0 {
		return m.getSlowly(key, hash)
	}
	if e, _ := m.engine.Get(hash); e != nil && e.Key == key {
		return e, true, nil
	}
	return nil, false, nil
}

// getSlowly is Get while there are pending writes, before Open, or after Close.
func (m *memory[V]) getSlowly(key string, hash uint64) (*Entry[V], bool, error) {
	if m.state.Load() != open {
		return nil, false, m.notServing()
	}
	var e *Entry[V]
	if m.overlay.mayHold(hash) {
		e = m.getPending(key, hash)
	} else {
		e, _ = m.engine.Get(hash)
	}
	if e == nil || e.Key != key {
		return nil, false, nil
	}
	return e, true, nil
}

// Has reports whether there may be an entry of key. The overlay must be asked first: what is settled in between is then in
// the engine.
func (m *memory[V]) Has(key string) bool {
	if m.state.Load() != open {
		return false
	}
	hash := z.MemHashString(key)
	return m.overlay.mayHold(hash) || m.resident(hash)
}

// getPending is Get for a key that the overlay may hold. The overlay must be asked first: an entry that is
// settled in between is then found in the engine, while the other way round an older one could be.
func (m *memory[V]) getPending(key string, hash uint64) *Entry[V] {
	p, held := m.overlay.get(key)
	e, _ := m.engine.Get(hash) // in any case: this is how the policy learns what is asked for
	if held {
		return p.entry
	}
	return e
}

// Set stores e.
func (m *memory[V]) Set(ctx context.Context, e *Entry[V]) error {
	if m.state.Load() != open {
		return m.notServing()
	}
	p := pending[V]{entry: e, hash: z.MemHashString(e.Key), cost: m.cost(e)}
	if p.cost > m.maxCost {
		m.report(Rejected, e)
		m.remove(ctx, e.Key, p.hash)
	} else {
		m.put(ctx, e.Key, p)
	}
	m.settle()
	return nil
}

// Delete removes keys.
func (m *memory[V]) Delete(ctx context.Context, keys ...string) error {
	if m.state.Load() != open {
		return m.notServing()
	}
	removed := false
	for _, key := range keys {
		if m.remove(ctx, key, z.MemHashString(key)) {
			removed = true
		}
	}
	if removed {
		m.settle()
	}
	return nil
}

// remove deletes key, and reports whether there was something to do. What is neither in the overlay nor in the engine is
// absent already: most invalidations of other processes are of such keys. The overlay must be asked first, for the reason
// given at getPending.
func (m *memory[V]) remove(ctx context.Context, key string, hash uint64) bool {
	if !m.overlay.mayHold(hash) && !m.resident(hash) {
		return false
	}
	m.put(ctx, key, pending[V]{hash: hash})
	return true
}

// resident reports whether the engine has an entry, without counting that as a read.
func (m *memory[V]) resident(hash uint64) bool {
	_, ok := m.engine.GetTTL(hash)
	return ok
}

// put gives p to the overlay, and waits for room there. If ctx is done before there is some, key is deleted all the same, so
// that nothing older is left. This goes beyond the limit of the overlay, but no further than there are keys in the tier.
func (m *memory[V]) put(ctx context.Context, key string, p pending[V]) {
	if m.overlay.put(key, p) {
		return
	}
	m.wakeSettler()
	if m.overlay.putWait(ctx, key, p) {
		return
	}
	if p.entry != nil {
		m.report(Dropped, p.entry)
	}
	if m.overlay.mayHold(p.hash) || m.resident(p.hash) {
		m.overlay.force(key, pending[V]{hash: p.hash})
	}
}

// Close drops all entries and ends the goroutines of the tier.
func (m *memory[V]) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if was := m.state.Swap(closed); was != open {
		return nil
	}
	m.overlay.holds.Add(1)
	m.overlay.close()
	<-m.ended // so nobody is in the engine
	m.engine.Close()
	return nil
}

// notServing is the result of a call before Open or after Close.
func (m *memory[V]) notServing() error {
	if m.state.Load() == closed {
		return nil
	}
	return fmt.Errorf("tier: memory %q: %w", m.name, errNotOpen)
}

// report tells the cache what has become of e. It is called from the engine in the middle of its work. The engine
// may pass a nil e for a victim that it had chosen twice, and reports all that it holds as evicted when it is closed.
func (m *memory[V]) report(kind Kind, e *Entry[V]) {
	if e != nil && m.state.Load() == open {
		m.tell(Problem{Kind: kind, Tier: m.name, Key: e.Key})
	}
}
