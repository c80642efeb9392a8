package tiercache_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiercache/tiercache"
	"github.com/tiercache/tiercache/backend"
	"github.com/tiercache/tiercache/invalidate"
	"github.com/tiercache/tiercache/tier"
)

// The points at which a read can be held up, in the order in which it comes to them.
const (
	stopBeforeNear  = "before the near read"
	stopAfterNear   = "after the near read"
	stopBeforeFar   = "before the far read"
	stopAfterFar    = "after the far read"
	stopBeforeLease = "before the lease"
	stopAfterLease  = "after the lease"
	stopInLoad      = "in the load"
	stopBeforeFill  = "before the fill"
	stopAfterFill   = "after the fill"
)

// A stop holds up a read when it comes to a point for the last of a number of times. It travels in the context of the
// read, and so in that of its load.
type stop struct {
	at      string
	times   atomic.Int64
	release chan struct{} // closed when the read may go on
}

type stopKey struct{}

func newStop(at string, times int64) *stop {
	s := &stop{at: at, release: make(chan struct{})}
	s.times.Store(times)
	return s
}

// in returns a context for the read to hold up.
func (s *stop) in(ctx context.Context) context.Context { return context.WithValue(ctx, stopKey{}, s) }

// stopPass is called where a read comes to a point.
func stopPass(ctx context.Context, at string) {
	if s, _ := ctx.Value(stopKey{}).(*stop); s != nil && s.at == at && s.times.Add(-1) == 0 {
		<-s.release
	}
}

// A stopNear is a near tier where reads can be held up.
type stopNear struct{ tier.Tier[int64] }

func (t stopNear) Open(s tier.Scope) error { return t.Tier.(tier.Opener).Open(s) }

func (t stopNear) Close() error {
	if c, ok := t.Tier.(tier.Closer); ok {
		return c.Close()
	}
	return nil
}

func (t stopNear) Has(key string) bool { return t.Tier.(tier.Peeker).Has(key) }

func (t stopNear) Get(ctx context.Context, key string) (*tier.Entry[int64], bool, error) {
	stopPass(ctx, stopBeforeNear)
	defer stopPass(ctx, stopAfterNear)
	return t.Tier.Get(ctx, key)
}

// A stopFar is a far tier where reads and loads can be held up.
type stopFar struct{ *tier.RemoteTier[int64] }

func (t stopFar) Get(ctx context.Context, key string) (*tier.Entry[int64], bool, error) {
	stopPass(ctx, stopBeforeFar)
	defer stopPass(ctx, stopAfterFar)
	return t.RemoteTier.Get(ctx, key)
}

func (t stopFar) Lease(ctx context.Context, key string, ttl time.Duration, replaceable func(*tier.Entry[int64]) bool) (tier.Lease[int64], *tier.Entry[int64], error) {
	stopPass(ctx, stopBeforeLease)
	defer stopPass(ctx, stopAfterLease)
	l, e, err := t.RemoteTier.Lease(ctx, key, ttl, replaceable)
	if l != nil {
		l = stopLease{l}
	}
	return l, e, err
}

type stopLease struct{ tier.Lease[int64] }

func (l stopLease) Fill(ctx context.Context, e *tier.Entry[int64]) (bool, error) {
	stopPass(ctx, stopBeforeFill)
	defer stopPass(ctx, stopAfterFill)
	return l.Lease.Fill(ctx, e)
}

// A stopFleet is two processes that share a store and a bus. Reads of the first one can be held up.
type stopFleet struct {
	source
	here, there *tiercache.Cache[int64]
}

func newStopFleet(t *testing.T, near, nearThere tier.Tier[int64], far bool) *stopFleet {
	f := &stopFleet{}
	f.value.Store(1)
	bus, store := invalidate.NewMemory(), backend.NewMemory()
	here, there := []tier.Tier[int64]{stopNear{near}}, []tier.Tier[int64]{nearThere}
	if far {
		here, there = append(here, stopFar{flightFar(store)}), append(there, flightFar(store))
	}
	f.here = newCache(t, tiercache.Config[int64]{Tiers: here, Bus: bus})
	f.there = newCache(t, tiercache.Config[int64]{Tiers: there, Bus: bus})
	synctest.Wait() // both have subscribed
	return f
}

// load is a Loader that can be held up when it has read the source.
func (f *stopFleet) load(ctx context.Context, key string) (int64, error) {
	v, err := f.source.load(ctx, key)
	stopPass(ctx, stopInLoad)
	return v, err
}

// read reads here.
func (f *stopFleet) read(ctx context.Context) (int64, error) {
	return f.here.GetOrLoad(ctx, "k", f.load)
}

// stopInvalidations are the ways to make a value invalid, once the source has a new one.
var stopInvalidations = []struct {
	name string
	do   func(ctx context.Context, f *stopFleet) error
}{
	{"Delete", func(ctx context.Context, f *stopFleet) error { return f.here.Delete(ctx, "other", "k") }},
	{"Set", func(ctx context.Context, f *stopFleet) error { return f.here.Set(ctx, "k", 2) }},
	{"Expire", func(ctx context.Context, f *stopFleet) error { return f.here.Expire(ctx, "k") }},
	{"Clear", func(ctx context.Context, f *stopFleet) error { return f.here.Clear(ctx) }},
	{"Delete elsewhere", func(ctx context.Context, f *stopFleet) error { return f.there.Delete(ctx, "k") }},
	{"Set elsewhere", func(ctx context.Context, f *stopFleet) error { return f.there.Set(ctx, "k", 2) }},
	{"Expire elsewhere", func(ctx context.Context, f *stopFleet) error { return f.there.Expire(ctx, "k") }},
	{"Clear elsewhere", func(ctx context.Context, f *stopFleet) error { return f.there.Clear(ctx) }},
}

// A reader is on its way to the old value when the source changes and the change is made known. Whoever comes after that gets the
// new value, before the slow reader has arrived and after.
func TestNobodyGetsTheOldValueAfterAnInvalidation(t *testing.T) {
	for _, point := range []struct {
		at     string
		times  int64
		inFar  bool // the old value is in the store
		refuse bool // the slow reader has loaded the old value
	}{
		{stopBeforeNear, 1, true, false},
		{stopAfterNear, 1, true, false},
		{stopBeforeFar, 1, true, false},
		{stopAfterFar, 1, true, false},
		{stopAfterFar, 1, false, false},
		{stopBeforeLease, 1, false, false},
		{stopAfterLease, 1, false, true},
		{stopInLoad, 1, false, true},
		{stopBeforeFill, 1, false, true},
		{stopAfterFill, 1, false, false}, // into the store only
	} {
		name := point.at
		if point.inFar {
			name += " of a stored value"
		}
		t.Run(name, func(t *testing.T) {
			for _, way := range stopInvalidations {
				t.Run(way.name, func(t *testing.T) {
					flightEngine(t, func(t *testing.T, near tier.Tier[int64]) {
						f := newStopFleet(t, near, memoryTier[int64](), true)
						if point.inFar {
							if err := f.there.Set(t.Context(), "k", 1); err != nil {
								t.Fatal(err)
							}
						}
						f.overtake(t, newStop(point.at, point.times), way.do)
						if n := f.here.Stats().FillsRefused; (n > 0) != point.refuse {
							t.Errorf("FillsRefused = %d, want some: %v", n, point.refuse)
						}
					})
				})
			}
		})
	}
}

func TestNobodyGetsTheOldValueAfterAnInvalidationWithoutAStore(t *testing.T) {
	for _, point := range []string{stopAfterNear, stopInLoad} {
		t.Run(point, func(t *testing.T) {
			for _, way := range stopInvalidations {
				if strings.HasPrefix(way.name, "Set else") {
					continue // the other process does not share its value
				}
				t.Run(way.name, func(t *testing.T) {
					flightEngine(t, func(t *testing.T, near tier.Tier[int64]) {
						f := newStopFleet(t, near, memoryTier[int64](), false)
						f.overtake(t, newStop(point, 1), way.do)
					})
				})
			}
		})
	}
}

// overtake holds up a read, changes the source and invalidates meanwhile, and checks what others are given.
func (f *stopFleet) overtake(t *testing.T, s *stop, invalidate func(context.Context, *stopFleet) error) {
	t.Helper()
	slow := flightGo(func() (int64, error) { return f.read(s.in(t.Context())) })
	if !slow.running() {
		t.Fatalf("the reader was not held up %s", s.at)
	}
	f.value.Store(2)
	if err := invalidate(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	if v, err := f.read(t.Context()); v != 2 || err != nil {
		t.Errorf("GetOrLoad() = %v, %v after the invalidation, want 2, nil", v, err)
	}
	close(s.release)
	<-slow.done
	if slow.err != nil {
		t.Errorf("GetOrLoad() = %v for the slow reader, want nil", slow.err)
	}
	for name, c := range map[string]*tiercache.Cache[int64]{"here": f.here, "there": f.there} {
		if v, ok, err := c.Get(t.Context(), "k"); ok && v != 2 || err != nil {
			t.Errorf("Get(k) = %v, %v, %v %s after the slow reader, want 2 or nothing", v, ok, err, name)
		}
	}
	if v, err := f.read(t.Context()); v != 2 || err != nil {
		t.Errorf("GetOrLoad() = %v, %v after the slow reader, want 2, nil", v, err)
	}
}
