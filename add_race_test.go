package tiercache_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiercache/tiercache"
	"github.com/tiercache/tiercache/backend"
	"github.com/tiercache/tiercache/codec"
	"github.com/tiercache/tiercache/tier"
)

// A remembered absence is no value, but two Adds must not both take its place.
func TestOneOfManyAddsReplacesAnAbsence(t *testing.T) {
	for range 30 {
		synctest.Test(t, func(t *testing.T) {
			caches := addFleet(t, 4, writeSlow{backend.NewMemory()}, tiercache.Profile{TTL: time.Hour, AbsentFor: time.Hour})
			none := func(context.Context, string) (int64, error) { return 0, tiercache.ErrNotFound }
			if _, err := caches[0].GetOrLoad(t.Context(), "k", none); !errors.Is(err, tiercache.ErrNotFound) {
				t.Fatalf("GetOrLoad(k) = %v, want ErrNotFound", err)
			}
			addRace(t, caches, "k")
		})
	}
}

// The value of the Set is there when Add writes, so Add must not replace it and say that there was none.
func TestAddDoesNotReplaceWhatWasSetMeanwhile(t *testing.T) {
	writeShapes(t, func(t *testing.T, tiers []tier.Tier[int64]) {
		var c *tiercache.Cache[int64]
		var once sync.Once
		c = newCache(t, tiercache.Config[int64]{Tiers: tiers, Clone: func(v int64) int64 {
			if v == 1 { // Add is about to write
				once.Do(func() { writeSet(t, c, "k", 2) })
			}
			return v
		}})
		added, err := c.Add(t.Context(), "k", 1)
		got, _, _ := c.Get(t.Context(), "k")
		if added || got != 2 || err != nil {
			t.Errorf("Add(k, 1) = %v, %v while Set(k, 2) ran, and Get(k) = %d; want false, nil and 2", added, err, got)
		}
	})
}

// An addBetween is a near tier that has somebody add just before a value is stored, and waits for his look at the tier, which ought to come later.
type addBetween struct {
	tier.Tier[int64]
	looked chan struct{}
	add    func()
}

func (a *addBetween) Open(s tier.Scope) error { return a.Tier.(tier.Opener).Open(s) }
func (a *addBetween) Close() error            { return a.Tier.(tier.Closer).Close() }

func (a *addBetween) Get(ctx context.Context, key string) (*tier.Entry[int64], bool, error) {
	defer func() { a.looked <- struct{}{} }()
	return a.Tier.Get(ctx, key)
}

func (a *addBetween) Set(ctx context.Context, e *tier.Entry[int64]) error {
	if e.Value == 2 {
		go a.add()
		select {
		case <-a.looked:
		case <-time.After(50 * time.Millisecond):
		}
	}
	return a.Tier.Set(ctx, e)
}

// The fence shows nothing of a Set that has moved it and not stored yet.
func TestAddDoesNotReplaceWhatASetIsStoring(t *testing.T) {
	near := &addBetween{Tier: memoryTier[int64](), looked: make(chan struct{}, 100)}
	c := newCache(t, tiercache.Config[int64]{Tiers: []tier.Tier[int64]{near}})
	added := make(chan bool)
	near.add = func() {
		ok, err := c.Add(t.Context(), "k", 1)
		if err != nil {
			t.Errorf("Add(k, 1) = %v, want no error", err)
		}
		added <- ok
	}
	writeSet(t, c, "k", 2)
	if <-added {
		t.Error("Add(k, 1) = true during Set(k, 2), want false")
	}
	writeGet(t, c, "k", 2)
}

// An addLeaver is a store whose caller leaves when it has been given a lease.
type addLeaver struct {
	*backend.Memory
	leave atomic.Pointer[func()]
}

func (a *addLeaver) Add(ctx context.Context, key string, value []byte, ttl time.Duration) ([]byte, bool, error) {
	existing, added, err := a.Memory.Add(ctx, key, value, ttl)
	if leave := a.leave.Swap(nil); leave != nil {
		(*leave)()
	}
	return existing, added, err
}

// A caller that leaves must not keep others from the key until its lease lapses.
func TestAddThatIsLeftGivesItsLeaseBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &addLeaver{Memory: backend.NewMemory()}
		c := addFleet(t, 1, store, tiercache.Standard())[0]
		writeSet(t, c, "other", 1) // the generation is known
		ctx, cancel := context.WithCancel(t.Context())
		leave := func() { cancel() }
		store.leave.Store(&leave)
		if _, err := c.Add(ctx, "k", 1); !errors.Is(err, context.Canceled) {
			t.Errorf("Add(k, 1) = %v, want context.Canceled", err)
		}
		began := time.Now()
		var s source
		if _, err := c.GetOrLoad(t.Context(), "k", s.load); err != nil {
			t.Errorf("GetOrLoad(k) = %v", err)
		}
		if took := time.Since(began); took > time.Second {
			t.Errorf("GetOrLoad(k) took %v after an Add that was left", took)
		}
	})
}

func TestLoadThatIsLeftGivesItsLeaseBack(t *testing.T) {
	for _, known := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			store := &addLeaver{Memory: backend.NewMemory()}
			c := addFleet(t, 1, store, tiercache.Standard())[0]
			if known {
				writeSet(t, c, "other", 1) // the generation is known
			}
			ctx, cancel := context.WithCancel(t.Context())
			leave := func() {
				cancel()
				time.Sleep(time.Millisecond) // of the bubble, in which the caller leaves
			}
			store.leave.Store(&leave)
			var s source
			if _, err := c.GetOrLoad(ctx, "k", s.load); !errors.Is(err, context.Canceled) {
				t.Errorf("GetOrLoad(k) = %v, want context.Canceled", err)
			}
			synctest.Wait()
			began := time.Now()
			if _, err := c.GetOrLoad(t.Context(), "k", s.load); err != nil {
				t.Errorf("GetOrLoad(k) = %v", err)
			}
			if took := time.Since(began); took > time.Second {
				t.Errorf("known %v: GetOrLoad(k) took %v after a load that was left", known, took)
			}
		})
	}
}

// An addBroken store fails reads and has no leases.
type addBroken struct{ backend.Backend }

func (addBroken) Get(context.Context, string) ([]byte, bool, error) {
	return nil, false, errors.New("broken")
}

func TestHooksMayAdd(t *testing.T) {
	var c *tiercache.Cache[int64]
	var n atomic.Int64
	c = newCache(t, tiercache.Config[int64]{
		Tiers: []tier.Tier[int64]{memoryTier[int64](), tier.Remote[int64](addBroken{backend.NewMemory()}, codec.JSON{})},
		Observer: tiercache.Observer{Error: func(error) {
			if n.Add(1) == 1 {
				_, _ = c.Add(context.Background(), "other", 1)
			}
		}},
	})
	_, _ = c.Add(t.Context(), "k", 1) // hangs if it calls hooks under a lock
	if n.Load() == 0 {
		t.Error("Observer.Error was not called")
	}
}

func TestFailedAddIsCounted(t *testing.T) {
	c := newCache(t, tiercache.Config[func()]{
		Tiers: []tier.Tier[func()]{tier.Remote[func()](backend.NewMemory(), codec.JSON{})},
	})
	_, err := c.Add(t.Context(), "k", func() {})
	if got := c.Stats().Tiers[0].Errors; got != 1 || err == nil {
		t.Errorf("Errors = %d after Add = %v, want 1 after an error", got, err)
	}
}

// An addOvertaken store has no leases, and somebody sets the key right after it was first looked up.
type addOvertaken struct {
	backend.Backend
	once sync.Once
	set  func()
}

func (a *addOvertaken) Get(ctx context.Context, key string) ([]byte, bool, error) {
	value, ok, err := a.Backend.Get(ctx, key)
	if key == "test:k" {
		a.once.Do(a.set)
	}
	return value, ok, err
}

func TestAddLooksAgainWhenItWasOvertaken(t *testing.T) {
	store := &addOvertaken{Backend: backend.NewMemory()}
	c := newCache(t, tiercache.Config[int64]{Tiers: []tier.Tier[int64]{memoryTier[int64](), flightFar(store)}})
	store.set = func() { writeSet(t, c, "k", 2) }
	addWants(t, c, "k", 1, false)
	writeGet(t, c, "k", 2)
}
