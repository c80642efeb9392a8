package tiercache_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiercache/tiercache"
	"github.com/tiercache/tiercache/tier"
)

// An absentSource has no values.
type absentSource struct{ calls atomic.Int64 }

// load is a tiercache.Loader. What it returns with the error is no value.
func (s *absentSource) load(_ context.Context, key string) (int64, error) {
	s.calls.Add(1)
	return 5, fmt.Errorf("look up %s: %w", key, tiercache.ErrNotFound)
}

// absentWants checks a call that should not find anything.
func absentWants(t *testing.T, c *tiercache.Cache[int64], s *absentSource, calls int64) {
	t.Helper()
	v, err := c.GetOrLoad(t.Context(), "k", s.load)
	if v != 0 || !errors.Is(err, tiercache.ErrNotFound) || s.calls.Load() != calls {
		t.Errorf("GetOrLoad() = %v, %v after %d loads, want 0, %v, %d", v, err, s.calls.Load(), tiercache.ErrNotFound, calls)
	}
}

func TestAbsenceIsRememberedForAbsentFor(t *testing.T) {
	flightTiers(t, func(t *testing.T, tiers []tier.Tier[int64]) {
		c := newCache(t, tiercache.Config[int64]{Tiers: tiers, Profile: tiercache.Profile{TTL: time.Hour, StaleFor: time.Hour, AbsentFor: time.Minute}})
		var s absentSource
		absentWants(t, c, &s, 1)
		absentWants(t, c, &s, 1)
		if _, ok, err := c.Get(t.Context(), "k"); ok || !errors.Is(err, tiercache.ErrNotFound) {
			t.Errorf("Get(k) = %v, %v, want false, %v", ok, err, tiercache.ErrNotFound)
		}
		if s := c.Stats(); s.LoadErrors != 0 || s.Tiers[0].Hits != 2 {
			t.Errorf("LoadErrors = %d, Hits = %d, want 0, 2", s.LoadErrors, s.Tiers[0].Hits)
		}
		time.Sleep(time.Minute - time.Millisecond)
		absentWants(t, c, &s, 1)
		time.Sleep(time.Millisecond) // and an absence is never stale
		if _, ok, err := c.Get(t.Context(), "k"); ok || err != nil {
			t.Errorf("Get(k) after AbsentFor = %v, %v, want false, nil", ok, err)
		}
		absentWants(t, c, &s, 2)
	})
}

func TestAbsenceIsNotRememberedWithoutAbsentFor(t *testing.T) {
	flightTiers(t, func(t *testing.T, tiers []tier.Tier[int64]) {
		c := newCache(t, tiercache.Config[int64]{Tiers: tiers, Profile: tiercache.Profile{TTL: time.Hour}})
		var s absentSource
		absentWants(t, c, &s, 1)
		if _, ok, err := c.Get(t.Context(), "k"); ok || err != nil {
			t.Errorf("Get(k) = %v, %v, want false, nil", ok, err)
		}
		absentWants(t, c, &s, 2)
		if s := c.Stats(); s.LoadErrors != 0 || s.Tiers[0].Fills != 0 {
			t.Errorf("LoadErrors = %d, Fills = %d, want 0, 0", s.LoadErrors, s.Tiers[0].Fills)
		}
	})
}

func TestAnotherProcessKnowsOfAnAbsence(t *testing.T) {
	flightEngine(t, func(t *testing.T, near tier.Tier[int64]) {
		f := newStopFleet(t, near, memoryTier[int64](), true)
		var s absentSource
		absentWants(t, f.here, &s, 1)
		absentWants(t, f.there, &s, 1)
		if err := f.there.Set(t.Context(), "k", 7); err != nil {
			t.Fatal(err)
		}
		if v, err := f.here.GetOrLoad(t.Context(), "k", s.load); v != 7 || err != nil {
			t.Errorf("GetOrLoad() after a Set elsewhere = %v, %v, want 7, nil", v, err)
		}
	})
}

func TestAllCallersOfALoadLearnThatThereIsNothing(t *testing.T) {
	flightEngine(t, func(t *testing.T, near tier.Tier[int64]) {
		c := newCache(t, tiercache.Config[int64]{Tiers: []tier.Tier[int64]{near}})
		var s absentSource
		for _, call := range loadTogether(t, c, s.load) {
			call.wants(t, 0, tiercache.ErrNotFound)
		}
	})
}

func TestARefreshThatFindsNothingRemovesTheStaleValue(t *testing.T) {
	for _, test := range []struct {
		name string
		p    tiercache.Profile
	}{
		{"not remembered, waited for", tiercache.Profile{StaleAfter: time.Second}},
		{"not remembered, in the background", tiercache.Profile{}},
		{"remembered, waited for", tiercache.Profile{StaleAfter: time.Second, AbsentFor: time.Minute}},
		{"remembered, in the background", tiercache.Profile{AbsentFor: time.Minute}},
	} {
		t.Run(test.name, func(t *testing.T) {
			flightTiers(t, func(t *testing.T, tiers []tier.Tier[int64]) {
				p := test.p
				p.TTL, p.StaleFor = time.Minute, time.Hour
				c := staleCache(t, tiers, p)
				time.Sleep(time.Minute)
				var s absentSource
				v, err := c.GetOrLoad(t.Context(), "k", s.load)
				if p.StaleAfter > 0 && !errors.Is(err, tiercache.ErrNotFound) {
					t.Errorf("GetOrLoad() = %v, %v, want 0, %v", v, err, tiercache.ErrNotFound)
				}
				if p.StaleAfter == 0 && (v != 1 || err != nil) {
					t.Errorf("GetOrLoad() = %v, %v, want the stale 1, nil", v, err)
				}
				synctest.Wait()
				_, ok, err := c.Get(t.Context(), "k")
				if ok || errors.Is(err, tiercache.ErrNotFound) != (p.AbsentFor > 0) {
					t.Errorf("Get(k) after the refresh = %v, %v, want no value", ok, err)
				}
			})
		})
	}
}

// A value that was set while the source was asked is newer than its answer.
func TestARefreshThatFindsNothingLeavesWhatWasSetMeanwhile(t *testing.T) {
	flightTiers(t, func(t *testing.T, tiers []tier.Tier[int64]) {
		c := staleCache(t, tiers, tiercache.Profile{TTL: time.Minute, StaleFor: time.Hour})
		time.Sleep(time.Minute)
		answer := make(chan struct{})
		var s absentSource
		if _, err := c.GetOrLoad(t.Context(), "k", func(ctx context.Context, key string) (int64, error) {
			<-answer
			return s.load(ctx, key)
		}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if err := c.Set(t.Context(), "k", 7); err != nil {
			t.Fatal(err)
		}
		close(answer)
		synctest.Wait()
		staleGet(t, c, 7)
	})
}

// An expired value may be served until there is a new one. For an absence there is no reason to.
func TestAnExpiredAbsenceIsLoadedAgain(t *testing.T) {
	flightTiers(t, func(t *testing.T, tiers []tier.Tier[int64]) {
		c := newCache(t, tiercache.Config[int64]{Tiers: tiers, Profile: tiercache.Profile{TTL: time.Hour, StaleFor: time.Hour, AbsentFor: time.Hour}})
		var s absentSource
		absentWants(t, c, &s, 1)
		if err := c.Expire(t.Context(), "k"); err != nil {
			t.Fatal(err)
		}
		if v, err := c.GetOrLoad(t.Context(), "k", func(context.Context, string) (int64, error) { return 7, nil }); v != 7 || err != nil {
			t.Errorf("GetOrLoad() = %v, %v, want 7, nil", v, err)
		}
	})
}
