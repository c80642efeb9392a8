package tiercache

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/tiercache/tiercache/internal/clock"
	"github.com/tiercache/tiercache/tier"
)

// A Loader gets the value of key from the source. It returns ErrNotFound, or an error that wraps it, when the source has no such
// value. Its context carries the values of the first caller's and ends after
// Profile.LoadTimeout, or when every caller has left. What it returns is shared: it must not change it later.
type Loader[V any] func(ctx context.Context, key string) (V, error)

var errNilLoader = errors.New("tiercache: nil Loader")

// fly is the work of a flight: get the right to load, load, and fill the tiers. stale says that the tiers have a
// stale value.
func (c *Cache[V]) fly(f *flight[V], key string, profile Profile, load Loader[V], stale bool) (*tier.Entry[V], error) {
	lease, e, err := c.beforeLoad(f, key, profile)
	if lease.doubt != nil {
		f.after = func() { c.takeBack(context.WithoutCancel(f.ctx), lease.doubt) }
	}
	if e != nil || err != nil {
		return e, err
	}
	var fill *tier.Entry[V] // of the tiers
	finish := c.finisher(f, lease)
	defer func() { finish(fill) }() // also when the Loader ends the goroutine
	f.at = fromSource
	v, err := c.call(f.ctx, key, load)
	absent := errors.Is(err, ErrNotFound)
	if err != nil && !absent {
		return nil, err
	}
	e = c.newEntry(key, v, absent, profile)
	e.Stamp = f.stamp
	switch {
	case !absent || profile.AbsentFor > 0:
		fill = e
	case stale:
		c.forget(f, key)
	}
	return e, nil
}

// beforeLoad returns an entry that makes the load unnecessary, or the right to load.
func (c *Cache[V]) beforeLoad(f *flight[V], key string, profile Profile) (lease leaseState[V], e *tier.Entry[V], err error) {
	pass, err := c.enter()
	if err != nil {
		return lease, nil, err
	}
	defer c.gate.Exit(pass)
	// A flight may have ended between the caller's look at the tiers and this one's start. The near tiers show
	// its fill; the shared one shows it to lease.
	if e, f.at = c.freshIn(f.ctx, c.near, key, f.stamp); e != nil {
		return lease, e, nil
	}
	lease, e = c.lease(f.ctx, key, profile, nil)
	if lease.err != nil {
		c.tierFailed(c.leaser, "lease", lease.err)
	}
	if e != nil {
		stampFar(e, f.stamp)
		if !c.fence.Trusted(&e.Stamp, clock.Now()) {
			c.missed(c.leaser, untrusted)
			return lease, nil, nil // the store takes nothing in its place, and needs nothing
		}
		f.at = c.leaser
		c.counters.tiers[c.leaser].hits.Add(1)
		c.promote(f.ctx, c.leaser, e)
		return lease, e, nil
	}
	if lease.held == nil && f.ctx.Err() != nil {
		return lease, nil, context.Cause(f.ctx)
	}
	return lease, nil, nil
}

// finisher returns the function that ends a flight at the tiers, with the entry that was loaded or nil.
//
// A flight whose context ends before its load does, because nobody waits for it any more or because it takes too long, ends there at
// once: its lease is given back, so that a Loader that hangs keeps the key from nobody, and what it returns
// in the end is not stored, since others may have loaded the key meanwhile.
func (c *Cache[V]) finisher(f *flight[V], lease leaseState[V]) func(loaded *tier.Entry[V]) {
	c.flights.running.Add(1) // Close waits for the lease
	stop := context.AfterFunc(f.ctx, func() {
		defer c.flights.running.Done()
		c.afterLoad(f, nil, lease)
	})
	return func(loaded *tier.Entry[V]) {
		if stop() {
			defer c.flights.running.Done()
			c.afterLoad(f, loaded, lease)
		} else if loaded != nil {
			c.refused(loaded.Key)
		}
	}
}

// afterLoad fills the tiers with e or, if it is nil, gives the lease back.
func (c *Cache[V]) afterLoad(f *flight[V], e *tier.Entry[V], lease leaseState[V]) {
	pass, err := c.enter()
	if err != nil {
		return // the tiers are closed, and the lease lapses
	}
	defer c.gate.Exit(pass)
	ctx := context.WithoutCancel(f.ctx)
	switch {
	case e != nil:
		c.fill(ctx, e, lease)
	case lease.held != nil:
		c.release(ctx, lease.held)
	}
}

// call calls the Loader and counts it.
func (c *Cache[V]) call(ctx context.Context, key string, load Loader[V]) (v V, err error) {
	began := clock.Now()
	returned := false
	defer func() {
		if !returned {
			if r := recover(); r != nil {
				err = &PanicError{Value: r, Stack: debug.Stack()}
			} else {
				err = ErrGoexit // the goroutine ends here, but not uncounted
			}
		}
		if cause := context.Cause(ctx); err != nil && (cause == ErrLoadTimeout || cause == ErrClosed) {
			err = fmt.Errorf("%w: %w", cause, err)
		}
		took := clock.Now().Sub(began)
		c.counters.loads.Add(1)
		c.counters.loadNanos.Add(uint64(took))
		if err != nil && !errors.Is(err, ErrNotFound) {
			c.counters.loadErrors.Add(1)
		}
		if c.observer.Load != nil {
			c.observer.Load(key, took, err)
		}
	}()
	v, err = load(ctx, key)
	returned = true
	return v, err
}

// newEntry makes the entry of a value that was stored or loaded now.
func (c *Cache[V]) newEntry(key string, v V, absent bool, p Profile) *tier.Entry[V] {
	now := clock.Now()
	if absent {
		until := now.Add(p.AbsentFor)
		return &tier.Entry[V]{Key: key, Absent: true, FreshUntil: until, ExpiresAt: until, StoredAt: now}
	}
	fresh := now.Add(p.freshFor())
	return &tier.Entry[V]{Key: key, Value: v, FreshUntil: fresh, ExpiresAt: fresh.Add(p.StaleFor), StoredAt: now}
}

// fill stores a loaded entry from far to near, each time only if nothing has invalidated it since the flight began. The
// shared tier decides for the other processes: where it refuses the fill, an invalidation is on its way
// here, and the nearer tiers are left alone. Where only the partition was dropped, because events may have been
// lost, the lease still tells whether the value is good for the shared tier.
func (c *Cache[V]) fill(ctx context.Context, e *tier.Entry[V], lease leaseState[V]) {
	if !c.fence.Current(&e.Stamp) && (lease.held == nil || c.fence.Bumped(&e.Stamp)) {
		c.refused(e.Key)
		if lease.held != nil {
			c.release(ctx, lease.held)
		}
		return
	}
	for i := len(c.tiers) - 1; i >= 0; i-- {
		switch {
		case i == c.leaser && lease.held != nil:
			stored, err := lease.held.Fill(ctx, e)
			if err != nil {
				c.tierFailed(i, "fill", err)
				continue
			}
			if !stored {
				c.refused(e.Key)
				return
			}
			c.counters.tiers[i].fills.Add(1)
		case i == c.leaser && !lease.free:
			// Without a lease nothing says that the value is still that of the source.
		default:
			if c.store(ctx, i, e) {
				c.counters.tiers[i].fills.Add(1)
			}
		}
	}
}

func (c *Cache[V]) refused(key string) {
	c.counters.fillsRefused.Add(1)
	c.observer.fillRefused(key)
}

// forget removes a stale entry whose key the source no longer has and whose absence is not to be remembered.
func (c *Cache[V]) forget(f *flight[V], key string) {
	pass, err := c.enter()
	if err != nil {
		return
	}
	defer c.gate.Exit(pass)
	ctx := context.WithoutCancel(f.ctx)
	for i := len(c.tiers) - 1; i >= 0; i-- {
		if !c.fence.Current(&f.stamp) {
			return // a newer value may have been set
		}
		if err := c.tiers[i].Delete(ctx, key); err != nil {
			c.tierFailed(i, "delete", err)
		}
	}
}

// store puts e into tier i if nothing has invalidated it since its stamp was taken, and reports whether it did.
func (c *Cache[V]) store(ctx context.Context, i int, e *tier.Entry[V]) bool {
	stored, err := c.tryStore(ctx, i, e)
	if err != nil {
		c.tierFailed(i, "set", err) // not under the lock
	}
	return stored
}

// tryStore orders the writes of one key to a near tier by a lock, so that a late one cannot displace an entry that
// is newer by the fence.
func (c *Cache[V]) tryStore(ctx context.Context, i int, e *tier.Entry[V]) (stored bool, err error) {
	if i < c.near {
		mu := c.storeLock(e.Stamp)
		mu.Lock()
		defer mu.Unlock()
	}
	if !c.fence.Current(&e.Stamp) {
		return false, nil
	}
	err = c.tiers[i].Set(ctx, e)
	return err == nil, err
}
