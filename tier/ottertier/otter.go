// Package ottertier has a tier in the memory of this process on the engine otter.
//
// It takes the place of tier.Memory, and keeps the same contract. Otter keeps what is asked for often and
// what was asked for lately in balance, and so has more hits where the tier is small for what it serves; see the
// measurements in the documentation of the module.
package ottertier

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"

	"github.com/maypok86/otter/v2"

	"github.com/tiercache/tiercache/tier"
)

// A Config describes a tier. Exactly one of MaxBytes and MaxEntries must be set.
type Config struct {
	// Name of the tier. Empty means "memory".
	Name string
	// MaxBytes is the memory that the entries may take, by their cost.
	MaxBytes int64
	// MaxEntries is the number of entries to keep, whatever their size.
	MaxEntries int
	// Cost, if not nil, says how much of MaxBytes a value takes, everything included. It is called once for every
	// Set, under a lock: it must not use the cache. What is below 1 counts as 1. If nil, the cost is that of the
	// function tier.Cost and what the engine adds to an entry. Without MaxBytes, Cost must be nil.
	Cost func(key string, value any) int64
}

// New returns a tier on otter. It is a tier.Opener and a tier.Closer, and holds nothing until it is opened. A bad cfg is
// reported by Open, and so by tiercache.New.
//
// Entries are shared: Get returns the pointer that was given to Set, for an entry that has expired too. What was set is readable at once. When the
// tier is full, a policy evicts entries, perhaps the new one (tier.Evicted). Nothing else is lost. An entry that is larger than
// MaxBytes is evicted at once. Set and Delete return an error only before Open.
func New[V any](cfg Config) tier.Tier[V] {
	return &engine[V]{cfg: cfg, name: cmp.Or(cfg.Name, "memory")}
}

// engine is a tier on otter, which applies writes before they return. What is left to do is to bound it and to
// end it.
type engine[V any] struct {
	cfg   Config
	name  string
	state atomic.Uint32 // one of unopened, open, closed

	// Written by Open, before state is open.
	cache *otter.Cache[string, *tier.Entry[V]]
	tell  func(tier.Problem)

	mu sync.Mutex // held by Open and Close
}

const (
	unopened uint32 = iota
	open
	closed
)

var errNotOpen = errors.New("not open")

// Name returns Config.Name.
func (t *engine[V]) Name() string { return t.name }

// Open checks the configuration and makes the tier usable.
func (t *engine[V]) Open(s tier.Scope) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.state.Load() != unopened {
		return fmt.Errorf("ottertier: %q: opened twice or after Close", t.name)
	}
	opts := &otter.Options[string, *tier.Entry[V]]{
		OnAtomicDeletion: t.deleted,
		// Its policy catches up on the goroutine of whoever filled a buffer. On goroutines of their own it lags behind, and then
		// a small tier has fewer hits.
		Executor: func(task func()) { task() },
	}
	if err := bound(opts, t.cfg); err != nil {
		return fmt.Errorf("ottertier: %q: %w", t.name, err)
	}
	cache, err := otter.New(opts)
	if err != nil {
		return fmt.Errorf("ottertier: %q: %w", t.name, err)
	}
	t.cache = cache
	t.tell = s.Report
	t.state.Store(open)
	return nil
}

// bound checks cfg and sets the limits of the engine.
func bound[V any](opts *otter.Options[string, *tier.Entry[V]], cfg Config) error {
	switch {
	case cfg.MaxBytes < 0:
		return fmt.Errorf("MaxBytes is %d, must not be negative", cfg.MaxBytes)
	case cfg.MaxEntries < 0:
		return fmt.Errorf("MaxEntries is %d, must not be negative", cfg.MaxEntries)
	case cfg.MaxBytes == 0 && cfg.MaxEntries == 0:
		return errors.New("one of MaxBytes and MaxEntries must be set")
	case cfg.MaxBytes > 0 && cfg.MaxEntries > 0:
		return errors.New("only one of MaxBytes and MaxEntries may be set")
	case cfg.MaxEntries > 0 && cfg.Cost != nil:
		return errors.New("a Cost needs MaxBytes")
	case cfg.MaxEntries > 0:
		opts.MaximumSize = cfg.MaxEntries
		return nil
	}
	u := unitOf(cfg.MaxBytes)
	opts.MaximumWeight = uint64(cfg.MaxBytes / u)
	cost := costOf[V](cfg)
	opts.Weigher = func(_ string, e *tier.Entry[V]) uint32 { return weight(cost(e), u) }
	return nil
}

// unitOf returns the number of bytes that weigh one. Weights have 32 bits, so for limits of 4 GiB and more it is greater than one. Then an entry
// that fits into the limit has a weight that fits into 32 bits, and one that does not fit is still too heavy when it is cut off.
func unitOf(maxBytes int64) int64 {
	unit := int64(1)
	for maxBytes/unit >= math.MaxUint32 {
		unit *= 2
	}
	return unit
}

// weight returns a cost in units, rounded up.
func weight(cost, unit int64) uint32 {
	return uint32(min((cost-1)/unit+1, math.MaxUint32))
}

// engineBytes is what otter takes for an entry besides the entry itself: a node of its policy and a slot in its
// hash table. TestCostIsTheMemoryTaken checks it.
const engineBytes = 100

// costOf returns the cost of an entry in bytes, at least 1.
func costOf[V any](cfg Config) func(e *tier.Entry[V]) int64 {
	if cfg.Cost != nil {
		return func(e *tier.Entry[V]) int64 { return max(cfg.Cost(e.Key, e.Value), 1) }
	}
	estimate := tier.Cost[V]()
	return func(e *tier.Entry[V]) int64 { return estimate(e) + engineBytes }
}

// Get returns the entry of key.
func (t *engine[V]) Get(_ context.Context, key string) (*tier.Entry[V], bool, error) {
	if t.state.Load() != open {
		return nil, false, t.notServing()
	}
	e, ok := t.cache.GetIfPresent(key)
	return e, ok, nil
}

// Has reports whether there is an entry of key.
func (t *engine[V]) Has(key string) bool {
	if t.state.Load() != open {
		return false
	}
	_, ok := t.cache.GetEntryQuietly(key)
	return ok
}

// Set stores e.
func (t *engine[V]) Set(_ context.Context, e *tier.Entry[V]) error {
	if t.state.Load() != open {
		return t.notServing()
	}
	t.cache.Set(e.Key, e)
	return nil
}

// Delete removes keys.
func (t *engine[V]) Delete(_ context.Context, keys ...string) error {
	if t.state.Load() != open {
		return t.notServing()
	}
	for _, key := range keys {
		t.cache.Invalidate(key)
	}
	return nil
}

// Close drops all entries.
func (t *engine[V]) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if was := t.state.Swap(closed); was != open {
		return nil
	}
	t.cache.InvalidateAll()
	t.cache.StopAllGoroutines()
	return nil
}

// notServing is the result of a call before Open or after Close.
func (t *engine[V]) notServing() error {
	if t.state.Load() == closed {
		return nil
	}
	return fmt.Errorf("ottertier: %q: %w", t.name, errNotOpen)
}

// deleted is called by otter under its locks.
func (t *engine[V]) deleted(e otter.DeletionEvent[string, *tier.Entry[V]]) {
	if e.Cause == otter.CauseOverflow {
		t.tell(tier.Problem{Kind: tier.Evicted, Tier: t.name, Key: e.Key})
	}
}
