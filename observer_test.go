package tiercache_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiercache/tiercache"
	"github.com/tiercache/tiercache/backend"
	"github.com/tiercache/tiercache/invalidate"
	"github.com/tiercache/tiercache/tier"
	"github.com/tiercache/tiercache/tier/ottertier"
)

// An observerLog writes down what hooks are called with.
type observerLog struct {
	mu    sync.Mutex
	lines []string // guarded by mu
}

func (l *observerLog) add(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, fmt.Sprintf(format, args...))
}

// wants checks what was written since the last time, once nothing happens any more.
func (l *observerLog) wants(t *testing.T, want ...string) {
	t.Helper()
	synctest.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	if got := strings.Join(l.lines, "; "); got != strings.Join(want, "; ") {
		t.Errorf("the observer was told %q, want %q", got, strings.Join(want, "; "))
	}
	l.lines = nil
}

// observer returns an observer that writes down everything except problems.
func (l *observerLog) observer() tiercache.Observer {
	return tiercache.Observer{
		Hit:         func(tier, key string, stale bool) { l.add("hit %s %s %v", tier, key, stale) },
		Miss:        func(key string) { l.add("miss %s", key) },
		Load:        func(key string, took time.Duration, err error) { l.add("load %s %v %v", key, took, err) },
		FillRefused: func(key string) { l.add("refused %s", key) },
		Invalidated: func(e invalidate.Event) { l.add("invalidated %v %s %v", e.Op, e.Cache, e.Keys) },
		Dropped:     func(partition int) { l.add("dropped %d", partition) },
		Error:       func(err error) { l.add("error %v", err) },
	}
}

func TestAnObserverIsToldOfReadsAndLoads(t *testing.T) {
	flightEngine(t, func(t *testing.T, near tier.Tier[int64]) {
		var log observerLog
		store := backend.NewMemory()
		c := newCache(t, tiercache.Config[int64]{Tiers: []tier.Tier[int64]{near, flightFar(store)}, Profile: statsStale, Observer: log.observer()})
		staleGet(t, c, 0)
		log.wants(t, "miss k")
		l := newFlightLoad(1)
		call := flightGo(func() (int64, error) { return c.GetOrLoad(t.Context(), "k", l.load) })
		time.Sleep(time.Second)
		close(l.release)
		call.wants(t, 1, nil)
		log.wants(t, "miss k", "load k 1s <nil>")
		staleGet(t, c, 1)
		statsLoad(t, c, l.load)
		log.wants(t, "hit memory k false", "hit memory k false")

		other := newCache(t, tiercache.Config[int64]{Tiers: []tier.Tier[int64]{memoryTier[int64](), flightFar(store)}})
		if err := other.Set(t.Context(), "far", 3); err != nil {
			t.Fatal(err)
		}
		if _, _, err := c.Get(t.Context(), "far"); err != nil {
			t.Fatal(err)
		}
		log.wants(t, "hit remote far false")

		time.Sleep(time.Minute)
		staleGet(t, c, 1)
		log.wants(t, "hit memory k true")
		statsLoad(t, c, staleFails, tiercache.WithStaleAfter(time.Second))
		log.wants(t, "load k 0s "+errStaleSource.Error(), "hit memory k true")
		_, _ = c.GetOrLoad(t.Context(), "none", new(absentSource).load)
		log.wants(t, "miss none", "load none 0s look up none: tiercache: not found")
		_, _ = c.GetOrLoad(t.Context(), "overtaken", func(ctx context.Context, key string) (int64, error) { return 1, c.Delete(ctx, key) })
		log.wants(t, "miss overtaken", "load overtaken 0s <nil>", "refused overtaken")
	})
}

func TestAnObserverIsToldOfLoadsThatDoNotReturn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var errs []error
		c := newCache(t, tiercache.Config[int64]{Observer: tiercache.Observer{Load: func(_ string, _ time.Duration, err error) { errs = append(errs, err) }}})
		statsLoad(t, c, func(context.Context, string) (int64, error) { panic("broken") })
		statsLoad(t, c, newFlightLoad(1).load)
		synctest.Wait()
		var p *tiercache.PanicError
		if len(errs) != 2 || !errors.As(errs[0], &p) || !errors.Is(errs[1], tiercache.ErrLoadTimeout) || !errors.Is(errs[1], context.DeadlineExceeded) {
			t.Errorf("Load was called with %v, want a PanicError and %v", errs, tiercache.ErrLoadTimeout)
		}
	})
}

func TestAnObserverIsToldOfTheBus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log observerLog
		bus := invalidate.NewMemory()
		c := newCache(t, tiercache.Config[int64]{Bus: bus, Observer: log.observer()})
		var drops []string
		for p := range invalidate.Partitions {
			drops = append(drops, "dropped "+strconv.Itoa(p))
		}
		log.wants(t, drops...)
		other := newCache(t, tiercache.Config[int64]{Bus: bus})
		synctest.Wait()
		if err := other.Delete(t.Context(), "a", "b"); err != nil {
			t.Fatal(err)
		}
		statsCleared(t, other, nil)
		log.wants(t, "invalidated delete test [a b]", "invalidated clear test []")
		statsCleared(t, c, nil)
		if err := bus.Publish(t.Context(), invalidate.Event{Op: invalidate.Clear, Cache: "another"}); err != nil {
			t.Fatal(err)
		}
		log.wants(t) // neither of its own events nor of those of another cache
	})
}

func TestAnObserverIsToldOfErrorsThatNoCallerIsGiven(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var errs []error
		observer := tiercache.Observer{Error: func(err error) { errs = append(errs, err) }}
		broken := []tier.Tier[int64]{statsBroken{stopNear{memoryTier[int64]()}}}
		c := newCache(t, tiercache.Config[int64]{Tiers: broken, Observer: observer})
		staleGet(t, c, 0)
		newCache(t, tiercache.Config[int64]{Bus: &statsBus{subscribe: errStatsBroken}, Observer: observer})
		synctest.Wait()
		if len(errs) != 2 {
			t.Fatalf("Error was called with %v, want two errors", errs)
		}
		for i, where := range []string{`cache "test": tier memory: get`, `cache "test": subscribe`} {
			if !errors.Is(errs[i], errStatsBroken) || !strings.Contains(errs[i].Error(), where) {
				t.Errorf("Error was called with %v, want %v of %s", errs[i], errStatsBroken, where)
			}
		}
	})
}

func TestAnObserverIsToldOfProblemsAsTheTierHasThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []tier.Problem
		near := &statsTier{stopNear: stopNear{memoryTier[int64]()}, kind: tier.TooLarge}
		c := newCache(t, tiercache.Config[int64]{
			Tiers:    []tier.Tier[int64]{near},
			Observer: tiercache.Observer{Problem: func(p tier.Problem) { got = append(got, p) }},
		})
		statsSet(t, c)
		synctest.Wait()
		if want := []tier.Problem{{Kind: tier.TooLarge, Tier: "memory", Key: "k"}}; !reflect.DeepEqual(got, want) {
			t.Errorf("Problem was called with %v, want %v", got, want)
		}
	})
}

// observerSmall are the engines with little room.
var observerSmall = map[string]func() tier.Tier[int64]{
	"ristretto": func() tier.Tier[int64] { return tier.Memory[int64](tier.MemoryConfig{MaxEntries: 10}) },
	"otter":     func() tier.Tier[int64] { return ottertier.New[int64](ottertier.Config{MaxEntries: 10}) },
}

// The engine reports evictions in the middle of its work, under its locks.
func TestAHookForProblemsMayUseTheCache(t *testing.T) {
	for name, near := range observerSmall {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var c *tiercache.Cache[int64]
				var kinds [tier.Rejected + 1]int
				calls := 0
				c = newCache(t, tiercache.Config[int64]{
					Tiers: []tier.Tier[int64]{near()},
					Observer: tiercache.Observer{Problem: func(p tier.Problem) {
						kinds[p.Kind]++
						if calls++; calls < 100 { // what it does may cause problems of its own
							observerUse(t, c, p.Key)
						}
					}},
				})
				for i := range 500 {
					if err := c.Set(t.Context(), strconv.Itoa(i), 1); err != nil {
						t.Fatal(err)
					}
				}
				synctest.Wait()
				if kinds[tier.Evicted] == 0 || calls < 100 {
					t.Errorf("the hook was called %d times, for %d evictions, want some and 100", calls, kinds[tier.Evicted])
				}
			})
		})
	}
}

// observerUse calls every method with a key.
func observerUse(t *testing.T, c *tiercache.Cache[int64], key string) {
	t.Helper()
	ctx := t.Context()
	_, _, getErr := c.Get(ctx, key)
	_, loadErr := c.GetOrLoad(ctx, key, new(source).load)
	_, addErr := c.Add(ctx, key, 1)
	err := errors.Join(getErr, loadErr, addErr, c.Set(ctx, key, 1), c.Expire(ctx, key), c.Delete(ctx, key), c.Clear(ctx))
	if err != nil {
		t.Errorf("calls from a hook = %v, want nil", err)
	}
}

// The bus calls its handlers under a lock, and for events that are published from there it would need it again.
func TestHooksForTheBusMayUseTheCache(t *testing.T) {
	flightEngine(t, func(t *testing.T, near tier.Tier[int64]) {
		bus := invalidate.NewMemory()
		var c *tiercache.Cache[int64]
		built := make(chan struct{})
		drops, events := 0, 0
		c = newCache(t, tiercache.Config[int64]{Tiers: []tier.Tier[int64]{near}, Bus: bus, Observer: tiercache.Observer{
			Dropped:     func(int) { <-built; drops++; observerUse(t, c, "k") },
			Invalidated: func(invalidate.Event) { events++; observerUse(t, c, "k") },
		}})
		close(built)
		synctest.Wait()
		other := newCache(t, tiercache.Config[int64]{Bus: bus})
		synctest.Wait()
		for range 10 {
			if err := other.Delete(t.Context(), "k"); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if drops != invalidate.Partitions || events != 10 {
			t.Errorf("Dropped was called %d times, Invalidated %d times, want %d, 10", drops, events, invalidate.Partitions)
		}
	})
}

// observerBehind returns a cache whose hook for events does not return before release is closed. A full queue of notices waits
// for it, and extra more have been left out.
func observerBehind(t *testing.T, extra int) (c *tiercache.Cache[int64], release chan struct{}) {
	t.Helper()
	const queue = 1024
	release = make(chan struct{})
	bus := invalidate.NewMemory()
	next := 0
	c = newCache(t, tiercache.Config[int64]{Bus: bus, Observer: tiercache.Observer{Invalidated: func(e invalidate.Event) {
		<-release
		if want := strconv.Itoa(next); e.Keys[0] != want {
			t.Errorf("Invalidated was called for %s, want %s", e.Keys[0], want)
		}
		next++
	}}})
	synctest.Wait()
	for i := range 1 + queue + extra {
		if err := bus.Publish(t.Context(), invalidate.Event{Op: invalidate.Delete, Cache: "test", Keys: []string{strconv.Itoa(i)}}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // the first one is with the hook, and in nobody's way
	}
	return c, release
}

func TestASlowHookHoldsUpNobodyAndIsLeftOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, release := observerBehind(t, 10)
		if s := c.Stats(); s.NoticesDropped != 10 || s.Invalidated != 1+1024+10 {
			t.Errorf("NoticesDropped = %d, Invalidated = %d, want 10, %d", s.NoticesDropped, s.Invalidated, 1+1024+10)
		}
		close(release)
		synctest.Wait()
	})
}
