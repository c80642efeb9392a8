package tiercache_test

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiercache/tiercache"
	"github.com/tiercache/tiercache/backend"
	"github.com/tiercache/tiercache/codec"
	"github.com/tiercache/tiercache/tier"
	"github.com/tiercache/tiercache/tier/ottertier"
)

// flightEngines are the near tiers to test with.
var flightEngines = []struct {
	name string
	near func() tier.Tier[int64]
}{
	{"ristretto", memoryTier[int64]},
	{"otter", func() tier.Tier[int64] { return ottertier.New[int64](ottertier.Config{MaxEntries: 10_000}) }},
}

// flightFar returns a far tier over b.
func flightFar(b backend.Backend) *tier.RemoteTier[int64] {
	return tier.Remote[int64](b, codec.MsgPack{})
}

// flightEngine runs test in a bubble with each engine.
func flightEngine(t *testing.T, test func(t *testing.T, near tier.Tier[int64])) {
	t.Helper()
	for _, engine := range flightEngines {
		t.Run(engine.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { test(t, engine.near()) })
		})
	}
}

// flightTiers runs test in a bubble with each engine, with and without a far tier.
func flightTiers(t *testing.T, test func(t *testing.T, tiers []tier.Tier[int64])) {
	t.Helper()
	t.Run("near", func(t *testing.T) {
		flightEngine(t, func(t *testing.T, near tier.Tier[int64]) { test(t, []tier.Tier[int64]{near}) })
	})
	t.Run("near and far", func(t *testing.T) {
		flightEngine(t, func(t *testing.T, near tier.Tier[int64]) {
			test(t, []tier.Tier[int64]{near, flightFar(backend.NewMemory())})
		})
	})
}

// A flightLoad is a load that has read the source and does not return before it may.
type flightLoad struct {
	source
	release chan struct{} // closed when calls may return
	left    chan error    // has the cause of the end of each context that ended earlier
}

func newFlightLoad(value int64) *flightLoad {
	l := &flightLoad{release: make(chan struct{}), left: make(chan error, 10)}
	l.value.Store(value)
	return l
}

// load is a tiercache.Loader.
func (l *flightLoad) load(ctx context.Context, key string) (int64, error) {
	v, err := l.source.load(ctx, key)
	select {
	case <-l.release:
		return v, err
	case <-ctx.Done():
		l.left <- context.Cause(ctx)
		return 0, ctx.Err()
	}
}

// A flightCall is a call that runs in a goroutine of its own.
type flightCall struct {
	done chan struct{} // closed when the rest is there
	v    int64
	err  error
}

func flightGo(call func() (int64, error)) *flightCall {
	c := &flightCall{done: make(chan struct{})}
	go func() {
		defer close(c.done)
		c.v, c.err = call()
	}()
	return c
}

// running reports whether the call still waits when everybody waits.
func (c *flightCall) running() bool {
	synctest.Wait()
	select {
	case <-c.done:
		return false
	default:
		return true
	}
}

// wants waits for the call, and checks what it has returned.
func (c *flightCall) wants(t *testing.T, v int64, err error) {
	t.Helper()
	<-c.done
	if c.v != v || !errors.Is(c.err, err) {
		t.Errorf("GetOrLoad() = %v, %v, want %v, %v", c.v, c.err, v, err)
	}
}

func TestAThousandCallersShareOneLoad(t *testing.T) {
	flightTiers(t, func(t *testing.T, tiers []tier.Tier[int64]) {
		c := newCache(t, tiercache.Config[int64]{Tiers: tiers})
		l := newFlightLoad(7)
		var wg sync.WaitGroup
		for range 1000 {
			wg.Go(func() {
				if v, err := c.GetOrLoad(t.Context(), "k", l.load); v != 7 || err != nil {
					t.Errorf("GetOrLoad(k) = %v, %v, want 7, nil", v, err)
				}
			})
		}
		synctest.Wait() // all of them wait for the load
		if s := c.Stats(); s.Joined != 999 || s.Misses != 1000 {
			t.Errorf("Joined = %d, Misses = %d, want 999, 1000", s.Joined, s.Misses)
		}
		close(l.release)
		wg.Wait()
		if n, s := l.calls.Load(), c.Stats(); n != 1 || s.Loads != 1 {
			t.Errorf("the Loader was called %d times, Loads = %d, want 1, 1", n, s.Loads)
		}
	})
}

// Here nothing holds up the load, so that it ends while callers are on their way to it.
func TestCallersThatComeWhileALoadEndsDoNotLoadAgain(t *testing.T) {
	flightTiers(t, func(t *testing.T, tiers []tier.Tier[int64]) {
		c := newCache(t, tiercache.Config[int64]{Tiers: tiers})
		for i := range 20 {
			var s source
			var wg sync.WaitGroup
			for range 100 {
				wg.Go(func() { _, _ = c.GetOrLoad(t.Context(), strconv.Itoa(i), s.load) })
			}
			wg.Wait()
			if n := s.calls.Load(); n != 1 {
				t.Fatalf("the Loader was called %d times, want 1", n)
			}
		}
	})
}

// The same in slow motion: one caller has missed, and before it asks for a load another one's load begins and ends.
func TestACallerThatMissedBeforeALoadBeganAndEndedUsesIt(t *testing.T) {
	flightEngine(t, func(t *testing.T, near tier.Tier[int64]) {
		c := newCache(t, tiercache.Config[int64]{Tiers: []tier.Tier[int64]{stopNear{near}}})
		held := newStop(stopAfterNear, 1)
		var s source
		late := flightGo(func() (int64, error) { return c.GetOrLoad(held.in(t.Context()), "k", s.load) })
		if !late.running() {
			t.Fatal("the caller was not held up")
		}
		if _, err := c.GetOrLoad(t.Context(), "k", s.load); err != nil {
			t.Fatal(err)
		}
		close(held.release)
		late.wants(t, 0, nil)
		if n := s.calls.Load(); n != 1 {
			t.Errorf("the Loader was called %d times, want 1", n)
		}
	})
}

func TestACallerThatLeavesHarmsNoOther(t *testing.T) {
	flightTiers(t, func(t *testing.T, tiers []tier.Tier[int64]) {
		c := newCache(t, tiercache.Config[int64]{Tiers: tiers})
		l := newFlightLoad(7)
		ctx, leave := context.WithCancel(t.Context())
		first := flightGo(func() (int64, error) { return c.GetOrLoad(ctx, "k", l.load) })
		synctest.Wait() // the load is that of the caller who leaves
		second := flightGo(func() (int64, error) { return c.GetOrLoad(t.Context(), "k", l.load) })
		synctest.Wait()
		leave()
		first.wants(t, 0, context.Canceled)
		if !second.running() {
			t.Fatal("the second caller has left with the first")
		}
		close(l.release)
		second.wants(t, 7, nil)
		if n := l.calls.Load(); n != 1 {
			t.Errorf("the Loader was called %d times, want 1", n)
		}
		if v, ok, err := c.Get(t.Context(), "k"); v != 7 || !ok || err != nil {
			t.Errorf("Get(k) = %v, %v, %v, want 7, true, nil", v, ok, err)
		}
	})
}

func TestTheLastCallerThatLeavesCancelsTheLoad(t *testing.T) {
	flightTiers(t, func(t *testing.T, tiers []tier.Tier[int64]) {
		c := newCache(t, tiercache.Config[int64]{Tiers: tiers})
		l := newFlightLoad(7)
		ctx, leave := context.WithCancel(t.Context())
		var calls []*flightCall
		for range 3 {
			calls = append(calls, flightGo(func() (int64, error) { return c.GetOrLoad(ctx, "k", l.load) }))
		}
		synctest.Wait()
		leave()
		for _, call := range calls {
			call.wants(t, 0, context.Canceled)
		}
		if err := <-l.left; err != context.Canceled {
			t.Errorf("the load ended by %v, want %v", err, context.Canceled)
		}
	})
}

// The load that nobody waits for does not end when it is cancelled, so it is still there when the next caller comes.
func TestACancelledLoadIsNotJoined(t *testing.T) {
	flightEngine(t, func(t *testing.T, near tier.Tier[int64]) {
		c := newCache(t, tiercache.Config[int64]{Tiers: []tier.Tier[int64]{near}})
		stuck := make(chan struct{})
		ctx, leave := context.WithCancel(t.Context())
		first := flightGo(func() (int64, error) {
			return c.GetOrLoad(ctx, "k", func(context.Context, string) (int64, error) { <-stuck; return 0, errors.New("late") })
		})
		synctest.Wait()
		leave()
		first.wants(t, 0, context.Canceled)
		l := newFlightLoad(7)
		second := flightGo(func() (int64, error) { return c.GetOrLoad(t.Context(), "k", l.load) })
		synctest.Wait()
		close(stuck) // the end of the first load is not that of the second
		if !second.running() {
			t.Fatal("the second caller did not wait for its own load")
		}
		third := flightGo(func() (int64, error) { return c.GetOrLoad(t.Context(), "k", l.load) })
		synctest.Wait()
		close(l.release)
		second.wants(t, 7, nil)
		third.wants(t, 7, nil)
		if n := l.calls.Load(); n != 1 {
			t.Errorf("the Loader was called %d times, want 1", n)
		}
	})
}

func TestACallerThatLeavesWhileItWaitsForALeaseDoesNotLoad(t *testing.T) {
	flightEngine(t, func(t *testing.T, near tier.Tier[int64]) {
		f := newStopFleet(t, near, memoryTier[int64](), true)
		l := newFlightLoad(7)
		there := flightGo(func() (int64, error) { return f.there.GetOrLoad(t.Context(), "k", l.load) })
		synctest.Wait()
		ctx, leave := context.WithTimeout(t.Context(), time.Second)
		defer leave()
		if _, err := f.read(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("GetOrLoad() = %v, want %v", err, context.DeadlineExceeded)
		}
		synctest.Wait()
		if n := f.calls.Load(); n != 0 {
			t.Errorf("the Loader was called %d times, want 0", n)
		}
		close(l.release)
		there.wants(t, 7, nil)
	})
}
