package tiercache

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tiercache/tiercache/internal/fence"
	"github.com/tiercache/tiercache/internal/keys"
	"github.com/tiercache/tiercache/internal/stripe"
	"github.com/tiercache/tiercache/invalidate"
	"github.com/tiercache/tiercache/tier"
)

// The fence has a partition for each of the bus: the build breaks where they are not as many.
var _ [invalidate.Partitions]struct{} = [fence.Partitions]struct{}{}

// Limits that apply when Config leaves them zero.
const (
	DefaultMaxKeyBytes   = 1 << 10
	DefaultMaxValueBytes = 8 << 20
)

// A Config describes a cache. Name, Tiers and Profile.TTL are required.
type Config[V any] struct {
	// Name tells this cache from others that share a store or a bus, and is the beginning of its keys there:
	// 1 to 64 letters, digits, '.', '_' or '-'. Caches of the same name in different processes are one cache and
	// must agree in V, in the codec and in the bus.
	Name string
	// Tiers, nearest first, with different names: those in this process before those that are shared between processes, which
	// are a tier.Clearer. The cache closes those that are a tier.Closer.
	Tiers []tier.Tier[V]
	// Bus carries invalidations to the other processes. The cache does not close it. nil: no other process has a copy.
	Bus invalidate.Bus
	// Outage says whether entries in this process are served when the bus has not vouched for them in time: Bypass, the default, or
	// ServeStale for a while. A bus without a Bound, and none, go with Bypass alone.
	Outage OutagePolicy
	// Profile says how entries live unless a call says otherwise.
	Profile Profile
	// Observer is told what happens.
	Observer Observer
	// Clone, if not nil, copies each value before it is given to a caller, and each value of a Set before it
	// is kept, so that callers may change what they hold. Without it values are shared and read-only.
	Clone func(V) V
	// MaxKeyBytes is the length of the longest key, at most invalidate.MaxName. 0 means DefaultMaxKeyBytes.
	MaxKeyBytes int
	// MaxValueBytes is the size of the largest encoded value. 0 means DefaultMaxValueBytes.
	MaxValueBytes int
}

// A Cache is a cache of values of type V. All methods may be called by many goroutines at once. Make one with
// New, and end it with Close.
type Cache[V any] struct {
	name     string
	origin   atomic.Pointer[string] // tells the events of this instance from those of others
	tiers    []tier.Tier[V]
	first    tier.Tier[V]       // tiers[0] if it is in this process, else nil
	near     int                // tiers[:near] are in this process, tiers[near:] are shared
	leaser   int                // index of the tier that leases fills, -1 if none
	leases   tier.Leaser[V]     // tiers[leaser]
	profile  Profile            // validated
	bus      invalidate.Bus     // may be nil
	outage   time.Duration      // how long entries are served past the bound of the bus
	deleter  invalidate.Deleter // the bus, if it may be able to delete in the only shared tier
	locator  tier.Locator       // that tier
	noSteps  atomic.Bool        // the deleter cannot delete there
	observer Observer           // never changed
	clone    func(V) V          // may be nil
	maxKey   int                // bytes
	flights  flights[V]         // running loads
	stores   [64]sync.Mutex     // by slot of the fence: order near writes as the fence orders them
	adds     keyLocks           // of Adds that no shared tier decides
	journal  *journal           // of writes to the shared tiers; nil if the bus tells of no rollbacks
	repeats  sync.WaitGroup     // of the repetition that runs
	counters counters           // of Stats
	notices  *notices           // to hooks, from the middle of somebody's work
	closing  chan struct{}      // closed when Close begins
	end      context.CancelFunc // ends the subscription
	ended    chan struct{}      // closed when it has ended
	guard
}

// New builds a cache and subscribes it to its bus. It does not wait for any server: a cache whose
// store is down answers from its near tiers and from the source, and uses the store when it is back.
func New[V any](cfg Config[V]) (*Cache[V], error) {
	c, err := build(cfg)
	if err != nil {
		return nil, err
	}
	c.notices = startNotices(&c.observer, &c.counters.noticesDropped)
	for i, t := range c.tiers {
		o, ok := t.(tier.Opener)
		if !ok {
			continue
		}
		err := o.Open(tier.Scope{
			Cache:         c.name,
			MaxValueBytes: cmp.Or(cfg.MaxValueBytes, DefaultMaxValueBytes),
			Epoch:         c.fence.Epoch,
			Report:        c.reporter(i),
		})
		if err != nil {
			_ = c.closeTiers(i)
			c.notices.close()
			return nil, fmt.Errorf("tiercache: cache %q: tier %s: %w", c.name, t.Name(), err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	c.end = cancel
	if c.bus == nil {
		close(c.ended)
	} else {
		go c.subscribe(ctx)
	}
	return c, nil
}

// build checks cfg and makes a cache of it that has started nothing yet.
func build[V any](cfg Config[V]) (*Cache[V], error) {
	if err := keys.CheckName(cfg.Name); err != nil {
		return nil, fmt.Errorf("tiercache: config: Name: %w", err)
	}
	fail := func(format string, args ...any) (*Cache[V], error) {
		return nil, fmt.Errorf("tiercache: cache %q: config: "+format, append([]any{cfg.Name}, args...)...)
	}
	if err := cfg.Profile.Validate(); err != nil {
		return fail("Profile: %w", err)
	}
	if len(cfg.Tiers) == 0 {
		return fail("Tiers is empty")
	}
	if cfg.MaxKeyBytes < 0 || cfg.MaxValueBytes < 0 {
		return fail("MaxKeyBytes and MaxValueBytes must not be negative")
	}
	if cfg.MaxKeyBytes > invalidate.MaxName {
		return fail("MaxKeyBytes is %d, more than an event can carry (%d)", cfg.MaxKeyBytes, invalidate.MaxName)
	}
	profile, _ := cfg.Profile.derive(nil)
	c := &Cache[V]{
		name:     cfg.Name,
		tiers:    append([]tier.Tier[V](nil), cfg.Tiers...),
		near:     len(cfg.Tiers),
		leaser:   -1,
		profile:  profile,
		bus:      cfg.Bus,
		outage:   min(time.Duration(cfg.Outage), endless),
		observer: cfg.Observer,
		clone:    cfg.Clone,
		maxKey:   cmp.Or(cfg.MaxKeyBytes, DefaultMaxKeyBytes),
		closing:  make(chan struct{}),
		ended:    make(chan struct{}),
	}
	c.origin.Store(newOrigin())
	seen := make(map[string]bool)
	for i, t := range c.tiers {
		if t == nil {
			return fail("Tiers[%d] is nil", i)
		}
		switch name := t.Name(); {
		case name == "":
			return fail("Tiers[%d] has no name", i)
		case seen[name]:
			return fail("two tiers are named %q", name)
		default:
			seen[name] = true
		}
		if _, shared := t.(tier.Clearer); shared {
			c.near = min(c.near, i)
		} else if c.near < i {
			return fail("tier %q comes after tier %q, which is shared between processes, and is not shared itself", t.Name(), c.tiers[c.near].Name())
		}
		if l, ok := t.(tier.Leaser[V]); ok {
			c.leaser, c.leases = i, l // the farthest one: nearest to the source
		}
	}
	if c.near > 0 {
		c.first = c.tiers[0]
	}
	if c.near == len(c.tiers)-1 {
		deleter, can := c.bus.(invalidate.Deleter)
		if locator, ok := c.tiers[c.near].(tier.Locator); ok && can {
			c.deleter, c.locator = deleter, locator
		}
	}
	var bound time.Duration
	if c.bus != nil {
		bound = c.bus.Bound()
	}
	if err := cfg.Outage.validate(bound); err != nil {
		return fail("Outage: %w", err)
	}
	c.fence.Init(bound)
	if bound > 0 && c.near < len(c.tiers) {
		c.journal = &journal{leaseAge: c.fence.LeaseAge}
	}
	c.flights.fence = &c.fence
	c.flights.abandoned = &c.counters.loadsAbandoned
	c.counters.tiers = make([]tierCounters, len(c.tiers))
	return c, nil
}

// Name returns the name of the cache.
func (c *Cache[V]) Name() string { return c.name }

// closeGrace is how long Close waits for cancelled loads, so that they give their leases back and other processes
// need not wait for those to lapse. A Loader that ignores its context takes longer.
const closeGrace = time.Second

// Close cancels running loads, waits for the calls that use the tiers, ends the subscription and closes the tiers. For Loaders that
// ignore their context it waits a second at most. A second Close does nothing. Methods that are called later return ErrClosed, as
// do those that wait for a load.
func (c *Cache[V]) Close() error {
	if !c.flights.close() {
		return nil
	}
	close(c.closing)
	c.flights.waitAll(closeGrace)
	c.gate.Close()
	c.end()
	<-c.ended
	c.repeats.Wait()
	err := c.closeTiers(len(c.tiers))
	c.notices.close()
	return err
}

// isClosing reports whether Close has begun.
func (c *Cache[V]) isClosing() bool {
	select {
	case <-c.closing:
		return true
	default:
		return false
	}
}

// closeTiers closes the first n tiers.
func (c *Cache[V]) closeTiers(n int) error {
	var errs []error
	for i, t := range c.tiers[:n] {
		if t, ok := t.(tier.Closer); ok {
			if err := t.Close(); err != nil {
				errs = append(errs, c.tierError(i, "close", err))
			}
		}
	}
	return errors.Join(errs...)
}

// enter checks the keys of a call. Until it gives the pass back, the call may use the tiers.
func (c *Cache[V]) enter(names ...string) (stripe.Pass, error) {
	for _, key := range names {
		if err := keys.Check(key, c.maxKey); err != nil {
			return 0, fmt.Errorf("tiercache: cache %q: %w", c.name, err)
		}
	}
	pass, ok := c.gate.Enter()
	if !ok {
		return 0, ErrClosed
	}
	return pass, nil
}

// own returns v as a caller may have it.
func (c *Cache[V]) own(v V) V {
	if c.clone != nil {
		return c.clone(v)
	}
	return v
}

// tierError names the cache and the tier that failed.
func (c *Cache[V]) tierError(i int, op string, err error) error {
	return fmt.Errorf("tiercache: cache %q: tier %s: %s: %w", c.name, c.tiers[i].Name(), op, err)
}

// tierFailed counts a failure of a tier that no caller is told of.
func (c *Cache[V]) tierFailed(i int, op string, err error) {
	c.counters.tiers[i].errors.Add(1)
	c.observer.error(c.tierError(i, op, err))
}

// reporter returns the function by which a tier reports problems.
func (c *Cache[V]) reporter(i int) func(tier.Problem) {
	return func(p tier.Problem) {
		if int(p.Kind) < len(c.counters.tiers[i].problems) {
			c.counters.tiers[i].problems[p.Kind].Add(1)
		}
		if c.observer.Problem != nil {
			c.notices.put(func() { c.observer.Problem(p) })
		}
	}
}
