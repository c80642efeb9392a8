package tiercache_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiercache/tiercache"
	"github.com/tiercache/tiercache/backend"
	"github.com/tiercache/tiercache/invalidate"
	"github.com/tiercache/tiercache/tier"
)

type lookupResult = tiercache.Result[int64]

// lookupWants looks k up, and checks all that the Result says.
func lookupWants(t *testing.T, c *tiercache.Cache[int64], load tiercache.Loader[int64], want lookupResult, wantErr error) {
	t.Helper()
	if got, err := c.Lookup(t.Context(), "k", load); got != want || !errors.Is(err, wantErr) {
		t.Errorf("Lookup(k) = %+v, %v, want %+v, %v", got, err, want, wantErr)
	}
}

func TestLookupTellsWhereAValueIsFrom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := backend.NewMemory()
		here := newCache(t, tiercache.Config[int64]{Tiers: []tier.Tier[int64]{memoryTier[int64](), flightFar(store)}, Profile: tiercache.Static()})
		there := newCache(t, tiercache.Config[int64]{Tiers: []tier.Tier[int64]{memoryTier[int64](), flightFar(store)}, Profile: tiercache.Static()})
		var s source
		s.value.Store(7)
		slow := func(ctx context.Context, key string) (int64, error) { time.Sleep(time.Second); return s.load(ctx, key) }

		lookupWants(t, here, nil, lookupResult{}, nil)
		lookupWants(t, here, slow, lookupResult{Value: 7, Found: true, Loaded: true}, nil)
		lookupWants(t, here, slow, lookupResult{Value: 7, Found: true, Tier: "memory"}, nil)
		time.Sleep(time.Minute)
		lookupWants(t, here, nil, lookupResult{Value: 7, Found: true, Tier: "memory", Age: time.Minute}, nil)
		lookupWants(t, there, slow, lookupResult{Value: 7, Found: true, Tier: "remote", Age: time.Minute}, nil)
		time.Sleep(time.Minute)
		lookupWants(t, there, nil, lookupResult{Value: 7, Found: true, Tier: "memory", Age: 2 * time.Minute}, nil)
		if n := s.calls.Load(); n != 1 {
			t.Errorf("%d loads, want 1", n)
		}
	})
}

func TestLookupTellsOfAbsence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, tiercache.Config[int64]{})
		lookupWants(t, c, new(absentSource).load, lookupResult{Absent: true, Loaded: true}, tiercache.ErrNotFound)
		time.Sleep(time.Second)
		for _, load := range []tiercache.Loader[int64]{nil, staleFails} {
			lookupWants(t, c, load, lookupResult{Absent: true, Tier: "memory", Age: time.Second}, tiercache.ErrNotFound)
		}
	})
}

func TestLookupTellsOfStaleValues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := staleCache(t, nil, tiercache.Profile{TTL: time.Minute, StaleFor: time.Hour, StaleAfter: time.Second})
		time.Sleep(2 * time.Minute)
		want := lookupResult{Value: 1, Found: true, Tier: "memory", Stale: true, Age: 2 * time.Minute}
		lookupWants(t, c, nil, want, nil)
		lookupWants(t, c, staleFails, want, nil)
		lookupWants(t, c, new(source).load, lookupResult{Found: true, Loaded: true}, nil)
		time.Sleep(2 * time.Minute)
		if got, err := c.Lookup(t.Context(), "k", nil, tiercache.WithStaleFor(time.Second)); got != (lookupResult{}) || err != nil {
			t.Errorf("Lookup(k) = %+v, %v with options that forbid it, want a miss", got, err)
		}
	})
}

func TestLookupKeepsTheAgeOfAnExpiredValue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := staleCache(t, nil, statsStale)
		time.Sleep(time.Second)
		if err := c.Expire(t.Context(), "k"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		lookupWants(t, c, nil, lookupResult{Value: 1, Found: true, Tier: "memory", Stale: true, Age: 2 * time.Second}, nil)
	})
}

func TestLookupTellsWhatTheBusDoesNotVouchFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, tiercache.Config[int64]{Bus: &statsBus{bound: outageBound}, Outage: tiercache.ServeStale(time.Hour), Profile: statsStale})
		statsSet(t, c)
		time.Sleep(10 * time.Second)
		lookupWants(t, c, staleFails, lookupResult{Value: 1, Found: true, Tier: "memory", Unconfirmed: true, Age: 10 * time.Second}, nil)
		time.Sleep(time.Minute)
		lookupWants(t, c, nil, lookupResult{Value: 1, Found: true, Tier: "memory", Unconfirmed: true, Stale: true, Age: 70 * time.Second}, nil)
	})
}

func TestLookupTellsWhoJoined(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, tiercache.Config[int64]{})
		l := newFlightLoad(1)
		results := make(chan lookupResult, 2)
		for range 2 {
			go func() {
				r, _ := c.Lookup(t.Context(), "k", l.load)
				results <- r
			}()
		}
		synctest.Wait()
		close(l.release)
		first, second := <-results, <-results
		if first.Joined == second.Joined || !first.Loaded || !second.Loaded {
			t.Errorf("Lookup(k) of two callers = %+v and %+v, want both loaded and one joined", first, second)
		}
	})
}

// The value comes from another process, while this one waits for the lease.
func TestLookupTellsWhoFilledMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := statsFleet(t)
		l := newFlightLoad(1)
		there := flightGo(func() (int64, error) { return f.there.GetOrLoad(t.Context(), "k", l.load) })
		synctest.Wait()
		time.AfterFunc(time.Second, func() { close(l.release) })
		got, err := f.here.Lookup(t.Context(), "k", l.load)
		got.Age = 0
		if want := (lookupResult{Value: 1, Found: true, Tier: "remote"}); got != want || err != nil {
			t.Errorf("Lookup(k) = %+v, %v, want %+v, nil", got, err, want)
		}
		there.wants(t, 1, nil)
	})
}

func TestLookupReturnsNothingWithAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, tiercache.Config[int64]{})
		lookupWants(t, c, staleFails, lookupResult{}, errStaleSource)
		for _, load := range []tiercache.Loader[int64]{nil, staleFails} {
			if got, err := c.Lookup(t.Context(), strings.Repeat("k", 2000), load); got != (lookupResult{}) || err == nil {
				t.Errorf("Lookup of a long key = %+v, %v, want an error", got, err)
			}
			if got, err := c.Lookup(t.Context(), "k", load, tiercache.WithTTL(-1)); got != (lookupResult{}) || err == nil {
				t.Errorf("Lookup with a negative TTL = %+v, %v, want an error", got, err)
			}
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		for _, load := range []tiercache.Loader[int64]{nil, staleFails} {
			lookupWants(t, c, load, lookupResult{}, tiercache.ErrClosed)
		}
	})
}

// An entry of a tier that does not know when it was stored has no age.
func TestLookupOfAnEntryOfUnknownAge(t *testing.T) {
	c := newCache(t, tiercache.Config[int64]{Tiers: []tier.Tier[int64]{lookupAgeless{flightFar(backend.NewMemory())}}})
	statsSet(t, c)
	lookupWants(t, c, nil, lookupResult{Value: 1, Found: true, Tier: "remote"}, nil)
}

// A lookupAgeless is a tier that does not know when its entries were stored.
type lookupAgeless struct{ *tier.RemoteTier[int64] }

func (a lookupAgeless) Get(ctx context.Context, key string) (*tier.Entry[int64], bool, error) {
	e, ok, err := a.RemoteTier.Get(ctx, key)
	if ok {
		e.StoredAt = 0
	}
	return e, ok, err
}

func TestLookupClonesWhatItReturns(t *testing.T) {
	c := newCache(t, tiercache.Config[[]int]{Clone: func(v []int) []int { return append([]int(nil), v...) }, Bus: invalidate.NewMemory()})
	load := func(context.Context, string) ([]int, error) { return []int{1}, nil }
	for range 3 {
		r, err := c.Lookup(t.Context(), "k", load)
		if err != nil || len(r.Value) != 1 || r.Value[0] != 1 {
			t.Fatalf("Lookup(k) = %v, %v, want [1], nil", r.Value, err)
		}
		r.Value[0] = 2
	}
}
