package tiercache_test

import (
	"context"
	"errors"
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

const (
	outageBound = 3 * time.Second
	outageFor   = time.Minute // of ServeStale
)

// An outageBus promises a bound, and does what a test makes it do.
type outageBus struct {
	statsBus
	subscribed chan invalidate.Handler
}

func (b *outageBus) Subscribe(ctx context.Context, h invalidate.Handler) error {
	b.subscribed <- h
	return b.statsBus.Subscribe(ctx, h)
}

// An outageCache is a cache whose bus the test speaks for, with a far tier that can be counted.
type outageCache struct {
	*tiercache.Cache[int64]
	handler invalidate.Handler
	part    int // of "k"
	far     *outageFar
	stale   atomic.Int64 // hits that the observer was told of as stale
	hits    atomic.Int64 // and the others
}

// An outageFar counts the reads of a shared tier.
type outageFar struct {
	backend.Backend
	reads atomic.Int64
}

func (b *outageFar) Get(ctx context.Context, key string) ([]byte, bool, error) {
	b.reads.Add(1)
	return b.Backend.Get(ctx, key)
}

// newOutageCache returns a cache that has 1 under "k", stored now.
func newOutageCache(t *testing.T, policy tiercache.OutagePolicy, profile tiercache.Profile) *outageCache {
	t.Helper()
	bus := &outageBus{statsBus: statsBus{bound: outageBound}, subscribed: make(chan invalidate.Handler, 1)}
	c := &outageCache{far: &outageFar{Backend: backend.NewMemory()}, part: invalidate.Partition("test", "k")}
	c.Cache = newCache(t, tiercache.Config[int64]{
		Tiers:   []tier.Tier[int64]{memoryTier[int64](), flightFar(c.far)},
		Bus:     bus,
		Outage:  policy,
		Profile: profile,
		Observer: tiercache.Observer{Hit: func(_, _ string, stale bool) {
			if stale {
				c.stale.Add(1)
			} else {
				c.hits.Add(1)
			}
		}},
	})
	c.handler = <-bus.subscribed
	statsSet(t, c.Cache)
	return c
}

// confirm vouches for everything until d from now.
func (c *outageCache) confirm(d time.Duration) { c.handler.Confirm(c.part, time.Now().Add(d)) }

// wants reads k by both methods, and checks that they serve want from memory, unconfirmed or not.
func (c *outageCache) wants(t *testing.T, want int64, unconfirmed bool) {
	t.Helper()
	counted := func() [4]int64 {
		return [4]int64{int64(c.Stats().Unconfirmed), c.stale.Load(), c.hits.Load(), c.far.reads.Load()}
	}
	before := counted()
	staleGet(t, c.Cache, want)
	if v, err := c.GetOrLoad(t.Context(), "k", staleFails); v != want || err != nil {
		t.Errorf("GetOrLoad(k) = %v, %v, want %v, nil", v, err, want)
	}
	wantMore := [4]int64{0, 0, 2, 0}
	if unconfirmed {
		wantMore = [4]int64{2, 2, 0, 0}
	}
	after := counted()
	for i, what := range []string{"Unconfirmed", "stale hits observed", "fresh hits observed", "reads of the far tier"} {
		if got := after[i] - before[i]; got != wantMore[i] {
			t.Errorf("%s: %d more after two reads, want %d", what, got, wantMore[i])
		}
	}
}

// wantsFar reads k, and checks that memory does not answer.
func (c *outageCache) wantsFar(t *testing.T) {
	t.Helper()
	before := c.Stats().Tiers[0]
	if _, _, err := c.Get(t.Context(), "k"); err != nil {
		t.Errorf("Get(k) = %v, want no error", err)
	}
	after := c.Stats().Tiers[0]
	if after.Untrusted != before.Untrusted+1 || after.Hits+after.StaleHits != before.Hits+before.StaleHits {
		t.Errorf("memory has answered past the bound: %+v, before that %+v", after, before)
	}
}

func TestBypassServesNothingPastTheBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newOutageCache(t, tiercache.Bypass, tiercache.Static())
		time.Sleep(outageBound)
		c.wants(t, 1, false)
		time.Sleep(time.Nanosecond)
		c.wantsFar(t)
		if n := c.Stats().Unconfirmed; n != 0 {
			t.Errorf("Unconfirmed = %d, want 0", n)
		}
	})
}

func TestServeStaleServesForAWhilePastTheBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newOutageCache(t, tiercache.ServeStale(outageFor), tiercache.Static())
		time.Sleep(outageBound)
		c.wants(t, 1, false)
		time.Sleep(time.Nanosecond)
		c.wants(t, 1, true)
		time.Sleep(outageFor - time.Nanosecond)
		c.wants(t, 1, true)
		time.Sleep(time.Nanosecond)
		c.wantsFar(t)
	})
}

func TestServeStaleCountsFromTheLastConfirmation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newOutageCache(t, tiercache.ServeStale(outageFor), tiercache.Static())
		time.Sleep(time.Hour)
		c.confirm(outageBound)
		time.Sleep(outageBound)
		c.wants(t, 1, false)
		time.Sleep(outageFor)
		c.wants(t, 1, true)
		time.Sleep(time.Nanosecond)
		c.wantsFar(t)
	})
}

func TestServeStaleServesNothingThatWasInvalidated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, invalidation := range map[string]func(c *outageCache){
			"Apply": func(c *outageCache) {
				c.handler.Apply(invalidate.Event{Op: invalidate.Delete, Cache: "test", Keys: []string{"k"}})
			},
			"Drop": func(c *outageCache) { c.handler.Drop(c.part) },
		} {
			c := newOutageCache(t, tiercache.ServeStale(outageFor), tiercache.Static())
			time.Sleep(outageBound + time.Nanosecond)
			c.wants(t, 1, true)
			invalidation(c)
			before := c.Stats().Tiers[0].Fenced
			_, _, _ = c.Get(t.Context(), "k")
			if c.Stats().Tiers[0].Fenced != before+1 {
				t.Errorf("after %s memory still serves the value", name)
			}
		}
	})
}

func TestServeStaleServesAbsence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, tiercache.Config[int64]{
			Bus:     &statsBus{bound: outageBound},
			Outage:  tiercache.ServeStale(outageFor),
			Profile: tiercache.Profile{TTL: time.Hour, AbsentFor: time.Hour},
		})
		statsLoad(t, c, new(absentSource).load)
		time.Sleep(outageBound + outageFor)
		if _, err := c.GetOrLoad(t.Context(), "k", staleFails); !errors.Is(err, tiercache.ErrNotFound) {
			t.Errorf("GetOrLoad(k) = %v, want ErrNotFound", err)
		}
		if _, _, err := c.Get(t.Context(), "k"); !errors.Is(err, tiercache.ErrNotFound) {
			t.Errorf("Get(k) = %v, want ErrNotFound", err)
		}
		if n := c.Stats().Unconfirmed; n != 2 {
			t.Errorf("Unconfirmed = %d, want 2", n)
		}
		time.Sleep(time.Nanosecond)
		if _, err := c.GetOrLoad(t.Context(), "k", staleFails); !errors.Is(err, errStaleSource) {
			t.Errorf("GetOrLoad(k) = %v past ServeStale, want the error of the source", err)
		}
	})
}

// The source is down, the entry is past its TTL, and the bus cannot vouch for it.
func TestOutagePolicyHoldsForStaleEntriesToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, test := range map[string]struct {
			policy tiercache.OutagePolicy
			want   int64
			err    error
		}{
			"Bypass":     {tiercache.Bypass, 0, errStaleSource},
			"ServeStale": {tiercache.ServeStale(time.Hour), 1, nil},
		} {
			c := newCache(t, tiercache.Config[int64]{Bus: &statsBus{bound: outageBound}, Outage: test.policy, Profile: statsStale})
			statsSet(t, c)
			time.Sleep(2 * statsStale.TTL)
			v, err := c.GetOrLoad(t.Context(), "k", staleFails)
			if v != test.want || !errors.Is(err, test.err) {
				t.Errorf("%s: GetOrLoad(k) = %v, %v, want %v, %v", name, v, err, test.want, test.err)
			}
			s := c.Stats()
			if s.StaleServed != uint64(test.want) || s.Unconfirmed != uint64(test.want) {
				t.Errorf("%s: StaleServed = %d, Unconfirmed = %d, want %d", name, s.StaleServed, s.Unconfirmed, test.want)
			}
			synctest.Wait()
		}
	})
}

// Of two stale entries, one that the bus vouches for is better than one that was fresh later.
func TestConfirmedStaleEntryIsBetterThanAnUnconfirmedOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newOutageCache(t, tiercache.ServeStale(time.Hour), statsStale)
		there := newCache(t, tiercache.Config[int64]{Tiers: []tier.Tier[int64]{flightFar(c.far)}, Profile: statsStale})
		if err := there.Set(t.Context(), "k", 2, tiercache.WithTTL(time.Second)); err != nil { // and nobody hears of it
			t.Fatal(err)
		}
		time.Sleep(2 * statsStale.TTL)
		staleGet(t, c.Cache, 2)
		if n := c.Stats().Unconfirmed; n != 0 {
			t.Errorf("Unconfirmed = %d, want 0", n)
		}
	})
}

// As above, with the better one in the nearer tier: the farther one missed the second of two fills.
func TestUnconfirmedStaleEntryDoesNotReplaceAConfirmedOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		deaf := &outageDeafTier{Tier: outageTier("second")}
		bus := &outageBus{statsBus: statsBus{bound: outageBound}, subscribed: make(chan invalidate.Handler, 1)}
		c := newCache(t, tiercache.Config[int64]{
			Tiers:   []tier.Tier[int64]{memoryTier[int64](), deaf},
			Bus:     bus,
			Outage:  tiercache.ServeStale(2 * time.Second),
			Profile: tiercache.Profile{TTL: 6500 * time.Millisecond, StaleFor: time.Hour},
		})
		h := <-bus.subscribed
		var s source
		s.value.Store(1)
		statsLoad(t, c, s.load)
		time.Sleep(5*time.Second + time.Nanosecond)
		s.value.Store(2)
		deaf.deaf.Store(true)
		statsLoad(t, c, s.load, tiercache.WithTTL(time.Second))
		h.Confirm(invalidate.Partition("test", "k"), time.Now().Add(time.Second/2))
		time.Sleep(2 * time.Second) // both are stale: since a second ago, and since half a second ago
		staleGet(t, c, 2)
	})
}

// An outageDeafTier forgets what it is told while it is deaf.
type outageDeafTier struct {
	tier.Tier[int64]
	deaf atomic.Bool
}

func (d *outageDeafTier) Set(ctx context.Context, e *tier.Entry[int64]) error {
	if d.deaf.Load() {
		return nil
	}
	return d.Tier.Set(ctx, e)
}

func (d *outageDeafTier) Open(s tier.Scope) error { return d.Tier.(tier.Opener).Open(s) }
func (d *outageDeafTier) Close() error            { return d.Tier.(tier.Closer).Close() }

// outageTier returns another near tier.
func outageTier(name string) tier.Tier[int64] {
	return tier.Memory[int64](tier.MemoryConfig{Name: name, MaxEntries: 100})
}

func TestOutagePolicyThatCannotBeIsRefused(t *testing.T) {
	for _, test := range []struct {
		name   string
		policy tiercache.OutagePolicy
		bus    invalidate.Bus
		want   string // part of the error; empty: none
	}{
		{"negative", tiercache.ServeStale(-1), &statsBus{bound: time.Second}, "Outage: negative"},
		{"negative, without a bus", tiercache.ServeStale(-1), nil, "Outage: negative"},
		{"without a bus", tiercache.ServeStale(time.Second), nil, "Outage: it is ServeStale(1s), which needs a Bus with a Bound"},
		{"without a bound", tiercache.ServeStale(time.Second), invalidate.NewMemory(), "Outage: it is ServeStale(1s), which needs a Bus with a Bound"},
		{"with a bound", tiercache.ServeStale(time.Second), &statsBus{bound: time.Second}, ""},
		{"for ever", tiercache.ServeStale(tiercache.Forever), &statsBus{bound: time.Second}, ""},
		{"Bypass", tiercache.Bypass, nil, ""},
	} {
		c, err := tiercache.New(tiercache.Config[int64]{
			Name: "x", Tiers: []tier.Tier[int64]{memoryTier[int64]()}, Profile: tiercache.Standard(), Bus: test.bus, Outage: test.policy,
		})
		if c != nil {
			if err := c.Close(); err != nil {
				t.Errorf("%s: Close() = %v", test.name, err)
			}
		}
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: New() = %v, want an error with %q", test.name, err, test.want)
		}
	}
}
