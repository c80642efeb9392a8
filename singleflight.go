package tiercache

import (
	"context"
	"errors"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tiercache/tiercache/internal/clock"
	"github.com/tiercache/tiercache/internal/fence"
	"github.com/tiercache/tiercache/tier"
)

// A flight is one load of one key, shared by all callers that ask for it meanwhile.
//
// It differs from golang.org/x/sync/singleflight in what becomes of contexts, and in who may join. The
// load runs on a goroutine and a context of its own, so no caller's cancellation harms
// another; each caller leaves when its own context is done; the last to leave cancels the
// load. And a caller that comes after an invalidation never joins a flight from before it:
//
//  1. A flight begins, and its load reads the old value from the source.
//  2. The source changes, and the key is deleted from the cache.
//  3. A reader that starts now must not be given what the flight has read. It finds the
//     flight's stamp overtaken, and starts a flight of its own in its place.
type flight[V any] struct {
	stamp  fence.Stamp     // taken before the flight reads anything
	ctx    context.Context // of the load; ends by LoadTimeout, by the last waiter's leaving, by Close, or with the flight
	cancel context.CancelCauseFunc
	done   chan struct{} // closed when entry and err are there

	waiters int  // callers waiting; guarded by the shard's mu
	kept    bool // runs to its end without waiters, as a refresh does; guarded by the shard's mu

	entry *tier.Entry[V] // written before done is closed
	err   error          // written before done is closed
	at    int            // the tier that entry is from, or fromSource; written before done is closed
	after func()         // what is left to do when done is closed; nil: nothing. Set by the flight itself
}

// flights are the running flights of a cache, at most one that may be joined for each key.
type flights[V any] struct {
	fence     *fence.Fence
	abandoned *atomic.Uint64 // counts loads that outlive their deadline
	running   sync.WaitGroup // counts flights
	shards    [16]flightShard[V]
}

type flightShard[V any] struct {
	mu     sync.Mutex
	m      map[string]*flight[V]   // the flights to join, by key; nil until the first one
	all    map[*flight[V]]struct{} // these, and those that an invalidation has overtaken or that nobody waits for
	closed bool                    // no flight starts any more
}

// A flightFunc does the work of a flight.
type flightFunc[V any] func(f *flight[V]) (*tier.Entry[V], error)

// join returns the running flight of key, or starts one; after close it returns nil. A caller that is not keeping the
// flight must call wait exactly once.
func (g *flights[V]) join(ctx context.Context, key string, part int, timeout time.Duration, keep bool, run flightFunc[V]) (f *flight[V], joined bool) {
	s := g.shard(part)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, false
	}
	f = s.m[key]
	if f != nil && g.joinable(f) {
		joined = true
	} else {
		f = &flight[V]{stamp: g.fence.Stamp(key, part), done: make(chan struct{})}
		f.ctx, f.cancel = detach(ctx, timeout)
		if s.m == nil {
			s.m = make(map[string]*flight[V])
			s.all = make(map[*flight[V]]struct{})
		}
		s.m[key] = f
		s.all[f] = struct{}{}
		g.running.Add(1)
		go g.fly(s, key, f, run)
	}
	if keep {
		f.kept = true
	} else {
		f.waiters++
	}
	return f, joined
}

// detach returns a context with the values of ctx that ends after timeout, by ErrLoadTimeout, or when it is cancelled.
func detach(ctx context.Context, timeout time.Duration) (context.Context, context.CancelCauseFunc) {
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	ctx, stop := context.WithTimeoutCause(ctx, timeout, ErrLoadTimeout)
	return ctx, func(cause error) {
		cancel(cause)
		stop() // the timer
	}
}

// fly does the work of f and tells its waiters, whatever way the work ends.
func (g *flights[V]) fly(s *flightShard[V], key string, f *flight[V], run flightFunc[V]) {
	// A load that hangs cannot count itself.
	stop := context.AfterFunc(f.ctx, func() {
		if context.Cause(f.ctx) == ErrLoadTimeout {
			g.abandoned.Add(1)
		}
	})
	returned := false
	defer g.running.Done()
	defer func() {
		if !returned {
			if r := recover(); r != nil {
				f.err = &PanicError{Value: r, Stack: debug.Stack()}
			} else {
				f.err = ErrGoexit
			}
		}
		s.mu.Lock()
		if s.m[key] == f {
			delete(s.m, key)
		}
		delete(s.all, f)
		s.mu.Unlock()
		stop()
		close(f.done) // before cancel, so that a waiter woken by the context finds the result
		f.cancel(nil)
		if f.after != nil {
			f.after()
		}
	}()
	f.entry, f.err = run(f)
	returned = true
}

// wait returns the result of f, or earlier when ctx is done, when the flight is past its deadline, or when the cache
// is closed.
func (g *flights[V]) wait(ctx context.Context, key string, part int, f *flight[V]) (*tier.Entry[V], error) {
	defer g.leave(key, part, f)
	select {
	case <-f.done:
		return f.entry, f.err
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-f.ctx.Done():
		return f.ended()
	}
}

// ended returns the result of a flight whose context has ended, perhaps because there is a result.
func (f *flight[V]) ended() (*tier.Entry[V], error) {
	select {
	case <-f.done:
		return f.entry, f.err
	default:
		return nil, context.Cause(f.ctx)
	}
}

// errStillRunning is returned by waitFor when the flight takes longer.
var errStillRunning = errors.New("tiercache: load is still running")

// waitFor returns the result of a kept flight, or an error after d or when wait would.
func (g *flights[V]) waitFor(ctx context.Context, d time.Duration, f *flight[V]) (*tier.Entry[V], error) {
	if d == 0 {
		return nil, errStillRunning
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-f.done:
		return f.entry, f.err
	case <-timer.C:
		return nil, errStillRunning
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-f.ctx.Done():
		return f.ended()
	}
}

// leave takes one waiter off f. The last one cancels a load that nobody else wants, and makes
// room for another flight: a caller that comes later must not join a cancelled one.
func (g *flights[V]) leave(key string, part int, f *flight[V]) {
	s := g.shard(part)
	s.mu.Lock()
	defer s.mu.Unlock()
	f.waiters--
	if f.waiters == 0 && !f.kept {
		if s.m[key] == f {
			delete(s.m, key)
		}
		f.cancel(nil)
	}
}

// peek returns the running flight of key, nil if there is none, and how many callers wait for it.
func (g *flights[V]) peek(key string, part int) (f *flight[V], waiters int) {
	s := g.shard(part)
	s.mu.Lock()
	defer s.mu.Unlock()
	if f = s.m[key]; f == nil {
		return nil, 0
	}
	return f, f.waiters
}

// joinable reports whether a caller that comes now may have the result of f. An ended context means that the flight has passed its
// deadline: a load that hangs does not own the key.
func (g *flights[V]) joinable(f *flight[V]) bool {
	return f.ctx.Err() == nil && g.fence.Trusted(&f.stamp, clock.Now()) && g.fence.Current(&f.stamp)
}

// close cancels every running flight and lets no other one start. Only the first call does, and reports true.
func (g *flights[V]) close() bool {
	first := false
	for i := range g.shards {
		s := &g.shards[i]
		s.mu.Lock()
		first = first || i == 0 && !s.closed
		s.closed = true
		for f := range s.all {
			f.cancel(ErrClosed)
		}
		s.mu.Unlock()
	}
	return first
}

// waitAll returns when no flight runs, or after d. It is for after close.
func (g *flights[V]) waitAll(d time.Duration) {
	ended := make(chan struct{})
	go func() {
		g.running.Wait()
		close(ended)
	}()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ended:
	case <-timer.C:
	}
}

// shard spreads keys by their partition, which the caller has computed anyway.
func (g *flights[V]) shard(part int) *flightShard[V] { return &g.shards[part%len(g.shards)] }
