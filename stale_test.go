package tiercache_test

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiercache/tiercache"
	"github.com/tiercache/tiercache/tier"
)

var errStaleSource = errors.New("the source is down")

// staleFails is a Loader of a source that is down.
func staleFails(context.Context, string) (int64, error) { return 0, errStaleSource }

// staleCache returns a cache that has 1 under "k", stored now.
func staleCache(t *testing.T, tiers []tier.Tier[int64], p tiercache.Profile) *tiercache.Cache[int64] {
	t.Helper()
	c := newCache(t, tiercache.Config[int64]{Tiers: tiers, Profile: p})
	if err := c.Set(t.Context(), "k", 1); err != nil {
		t.Fatal(err)
	}
	return c
}

// staleGet checks what Get finds under "k". A want of 0 stands for nothing.
func staleGet(t *testing.T, c *tiercache.Cache[int64], want int64) {
	t.Helper()
	if v, ok, err := c.Get(t.Context(), "k"); v != want || ok != (want != 0) || err != nil {
		t.Errorf("Get(k) = %v, %v, %v, want %v, %v, nil", v, ok, err, want, want != 0)
	}
}

func TestAnEntryIsFreshForItsTTLToTheNanosecond(t *testing.T) {
	flightEngine(t, func(t *testing.T, near tier.Tier[int64]) {
		c := staleCache(t, []tier.Tier[int64]{near}, tiercache.Profile{TTL: time.Minute})
		time.Sleep(time.Minute - 1)
		staleGet(t, c, 1)
		time.Sleep(time.Nanosecond)
		staleGet(t, c, 0)
	})
}

// Records have the resolution of the store, a millisecond.
func TestAStoredEntryIsFreshForItsTTLToTheMillisecond(t *testing.T) {
	flightEngine(t, func(t *testing.T, near tier.Tier[int64]) {
		f := newStopFleet(t, near, memoryTier[int64](), true)
		if err := f.there.Set(t.Context(), "k", 1, tiercache.WithTTL(time.Minute), func(p tiercache.Profile) tiercache.Profile {
			p.Jitter = 0
			return p
		}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute - time.Millisecond)
		staleGet(t, f.here, 1) // from the store
		staleGet(t, f.here, 1)
		time.Sleep(time.Millisecond)
		staleGet(t, f.here, 0)
		staleGet(t, f.there, 0)
	})
}

func TestAnEntryForeverDoesNotExpire(t *testing.T) {
	flightTiers(t, func(t *testing.T, tiers []tier.Tier[int64]) {
		c := staleCache(t, tiers, tiercache.Profile{TTL: tiercache.Forever, StaleFor: time.Hour})
		for range 3 {
			time.Sleep(365 * 24 * time.Hour)
			staleGet(t, c, 1)
		}
		if n := c.Stats().StaleServed; n != 0 {
			t.Errorf("StaleServed = %d, want 0", n)
		}
	})
}

func TestJitterSpreadsTheEndOfTheTTLWithinItsBounds(t *testing.T) {
	flightEngine(t, func(t *testing.T, near tier.Tier[int64]) {
		const entries = 1000
		c := newCache(t, tiercache.Config[int64]{
			Tiers:   []tier.Tier[int64]{near},
			Profile: tiercache.Profile{TTL: time.Minute, Jitter: 30 * time.Second},
		})
		var s source
		for i := range entries {
			if _, err := c.GetOrLoad(t.Context(), strconv.Itoa(i), s.load); err != nil {
				t.Fatal(err)
			}
		}
		fresh := func() (n int) {
			for i := range entries {
				if _, ok, _ := c.Get(t.Context(), strconv.Itoa(i)); ok {
					n++
				}
			}
			return n
		}
		time.Sleep(30*time.Second - 1)
		if n := fresh(); n != entries {
			t.Errorf("%d entries are fresh before TTL-Jitter, want %d", n, entries)
		}
		time.Sleep(15 * time.Second)
		if n := fresh(); n < entries/3 || n > entries*2/3 {
			t.Errorf("%d entries are fresh half the Jitter later, want about %d", n, entries/2)
		}
		time.Sleep(15*time.Second + 1)
		if n := fresh(); n != 0 {
			t.Errorf("%d entries are fresh at their TTL, want 0", n)
		}
	})
}

func TestAStaleValueIsServedAtOnceAndRefreshedInTheBackground(t *testing.T) {
	flightTiers(t, func(t *testing.T, tiers []tier.Tier[int64]) {
		c := staleCache(t, tiers, tiercache.Profile{TTL: time.Minute, StaleFor: time.Hour})
		time.Sleep(time.Minute)
		l := newFlightLoad(2)
		for range 3 {
			began := time.Now()
			ctx, cancel := context.WithCancel(t.Context())
			if v, err := c.GetOrLoad(ctx, "k", l.load); v != 1 || err != nil || time.Since(began) > 0 {
				t.Errorf("GetOrLoad() = %v, %v after %v, want 1, nil, at once", v, err, time.Since(began))
			}
			cancel() // the refresh is not the caller's any more
			synctest.Wait()
		}
		if s := c.Stats(); s.StaleServed != 3 || s.Joined != 2 || s.Misses != 0 {
			t.Errorf("StaleServed = %d, Joined = %d, Misses = %d, want 3, 2, 0", s.StaleServed, s.Joined, s.Misses)
		}
		close(l.release)
		synctest.Wait()
		staleGet(t, c, 2)
		if n := l.calls.Load(); n != 1 {
			t.Errorf("the Loader was called %d times, want 1", n)
		}
	})
}

func TestACallerWaitsForARefreshNoLongerThanStaleAfter(t *testing.T) {
	flightTiers(t, func(t *testing.T, tiers []tier.Tier[int64]) {
		c := staleCache(t, tiers, tiercache.Profile{TTL: time.Minute, StaleFor: time.Hour, StaleAfter: time.Second})
		time.Sleep(time.Minute)
		var loads source
		slow := func(ctx context.Context, key string) (int64, error) {
			n := loads.calls.Add(1) + 1
			time.Sleep(1500 * time.Millisecond)
			return n, ctx.Err()
		}
		began := time.Now()
		first := flightGo(func() (int64, error) { return c.GetOrLoad(t.Context(), "k", slow) })
		first.wants(t, 1, nil)
		if took := time.Since(began); took != time.Second {
			t.Errorf("the stale value came after %v, want 1s", took)
		}
		// The load goes on, and whoever comes for the rest of it is given what it brings.
		if v, err := c.GetOrLoad(t.Context(), "k", slow); v != 2 || err != nil {
			t.Errorf("GetOrLoad() = %v, %v, want 2, nil", v, err)
		}
		if took := time.Since(began); took != 1500*time.Millisecond {
			t.Errorf("the new value came after %v, want 1.5s", took)
		}
		staleGet(t, c, 2)
		if n := c.Stats().StaleServed; n != 1 {
			t.Errorf("StaleServed = %d, want 1", n)
		}
	})
}

func TestACallerThatLeavesWhileItWaitsForARefreshIsGivenTheStaleValue(t *testing.T) {
	flightEngine(t, func(t *testing.T, near tier.Tier[int64]) {
		c := staleCache(t, []tier.Tier[int64]{near}, tiercache.Profile{TTL: time.Minute, StaleFor: time.Hour, StaleAfter: time.Minute})
		time.Sleep(time.Minute)
		l := newFlightLoad(2)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if v, err := c.GetOrLoad(ctx, "k", l.load); v != 1 || err != nil {
			t.Errorf("GetOrLoad() = %v, %v, want 1, nil", v, err)
		}
		close(l.release)
		synctest.Wait()
		staleGet(t, c, 2)
	})
}

func TestStaleValueIsServedWhileLoaderFails(t *testing.T) {
	flightTiers(t, func(t *testing.T, tiers []tier.Tier[int64]) {
		c := staleCache(t, tiers, tiercache.Profile{TTL: time.Minute, StaleFor: time.Hour, StaleAfter: time.Second})
		time.Sleep(time.Minute)
		for range 3 {
			began := time.Now()
			if v, err := c.GetOrLoad(t.Context(), "k", staleFails); v != 1 || err != nil || time.Since(began) > 0 {
				t.Errorf("GetOrLoad() = %v, %v after %v, want 1, nil, as soon as the load has failed", v, err, time.Since(began))
			}
		}
		if s := c.Stats(); s.LoadErrors != 3 || s.StaleServed != 3 {
			t.Errorf("LoadErrors = %d, StaleServed = %d, want 3, 3", s.LoadErrors, s.StaleServed)
		}
		time.Sleep(time.Hour)
		if _, err := c.GetOrLoad(t.Context(), "k", staleFails); !errors.Is(err, errStaleSource) {
			t.Errorf("GetOrLoad() after StaleFor = %v, want %v", err, errStaleSource)
		}
	})
}

func TestAStaleValueIsServedForStaleForAndNoLonger(t *testing.T) {
	flightEngine(t, func(t *testing.T, near tier.Tier[int64]) {
		c := staleCache(t, []tier.Tier[int64]{near}, tiercache.Profile{TTL: time.Minute, StaleFor: time.Hour})
		time.Sleep(time.Minute + time.Hour - 1)
		staleGet(t, c, 1)
		time.Sleep(time.Nanosecond)
		staleGet(t, c, 0)
		if _, err := c.GetOrLoad(t.Context(), "k", staleFails, tiercache.WithStaleFor(2*time.Hour)); !errors.Is(err, errStaleSource) {
			t.Errorf("GetOrLoad() with a longer StaleFor = %v, want %v: the entry has expired", err, errStaleSource)
		}
	})
}

func TestACallCanDoWithoutStaleValues(t *testing.T) {
	flightTiers(t, func(t *testing.T, tiers []tier.Tier[int64]) {
		c := staleCache(t, tiers, tiercache.Profile{TTL: time.Minute, StaleFor: time.Hour})
		time.Sleep(time.Minute)
		if _, err := c.GetOrLoad(t.Context(), "k", staleFails, tiercache.WithStaleFor(0)); !errors.Is(err, errStaleSource) {
			t.Errorf("GetOrLoad() without StaleFor = %v, want %v", err, errStaleSource)
		}
		if v, err := c.GetOrLoad(t.Context(), "k", staleFails); v != 1 || err != nil {
			t.Errorf("GetOrLoad() = %v, %v, want 1, nil", v, err)
		}
	})
}

func TestAnExpiredEntryIsStale(t *testing.T) {
	flightTiers(t, func(t *testing.T, tiers []tier.Tier[int64]) {
		c := staleCache(t, tiers, tiercache.Profile{TTL: time.Hour, StaleFor: time.Minute})
		if err := c.Expire(t.Context(), "k", "absent"); err != nil {
			t.Fatal(err)
		}
		staleGet(t, c, 1)
		l := newFlightLoad(2)
		if v, err := c.GetOrLoad(t.Context(), "k", l.load); v != 1 || err != nil {
			t.Errorf("GetOrLoad() = %v, %v, want the stale 1, nil", v, err)
		}
		close(l.release)
		synctest.Wait()
		if v, err := c.GetOrLoad(t.Context(), "k", l.load); v != 2 || err != nil || l.calls.Load() != 1 {
			t.Errorf("GetOrLoad() after the refresh = %v, %v and %d loads, want 2, nil, 1", v, err, l.calls.Load())
		}
	})
}

func TestAnExpiredEntryIsNotServedWithoutStaleFor(t *testing.T) {
	flightTiers(t, func(t *testing.T, tiers []tier.Tier[int64]) {
		c := staleCache(t, tiers, tiercache.Profile{TTL: time.Hour})
		if err := c.Expire(t.Context(), "k"); err != nil {
			t.Fatal(err)
		}
		staleGet(t, c, 0)
		if _, err := c.GetOrLoad(t.Context(), "k", staleFails); !errors.Is(err, errStaleSource) {
			t.Errorf("GetOrLoad() = %v, want %v", err, errStaleSource)
		}
	})
}

func TestARefreshThatHangsIsReplacedAfterLoadTimeout(t *testing.T) {
	flightEngine(t, func(t *testing.T, near tier.Tier[int64]) {
		c := staleCache(t, []tier.Tier[int64]{near}, tiercache.Profile{TTL: time.Minute, StaleFor: time.Hour, LoadTimeout: time.Second})
		time.Sleep(time.Minute)
		hung := make(chan struct{})
		defer close(hung)
		statsLoad(t, c, func(context.Context, string) (int64, error) { <-hung; return 0, errStaleSource })
		time.Sleep(time.Second)
		synctest.Wait()
		var s source
		s.value.Store(2)
		statsLoad(t, c, s.load)
		synctest.Wait()
		staleGet(t, c, 2)
	})
}
