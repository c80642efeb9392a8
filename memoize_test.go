package tiercache_test

import (
	"context"
	"errors"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiercache/tiercache"
	"github.com/tiercache/tiercache/tier"
)

// A memoSquare is the function to memoize. It has no result for 13.
type memoSquare struct{ calls atomic.Int64 }

func (s *memoSquare) call(_ context.Context, n int64) (int64, error) {
	s.calls.Add(1)
	if n == 13 {
		return 0, tiercache.ErrNotFound
	}
	return n * n, nil
}

func memoKey(n int64) string { return "square:" + strconv.FormatInt(n, 10) }

// memoWants checks a call, and how often the function has been called after it.
func memoWants(t *testing.T, m *tiercache.Memo[int64, int64], s *memoSquare, arg, want int64, wantErr error, calls int64) {
	t.Helper()
	v, err := m.Call(t.Context(), arg)
	if v != want || !errors.Is(err, wantErr) || s.calls.Load() != calls {
		t.Errorf("Call(%d) = %v, %v after %d calls, want %v, %v, %d", arg, v, err, s.calls.Load(), want, wantErr, calls)
	}
}

func TestAMemoCallsItsFunctionOnceForEachKey(t *testing.T) {
	flightTiers(t, func(t *testing.T, tiers []tier.Tier[int64]) {
		c := newCache(t, tiercache.Config[int64]{Tiers: tiers})
		var s memoSquare
		m := tiercache.Memoize(c, memoKey, s.call)
		memoWants(t, m, &s, 3, 9, nil, 1)
		memoWants(t, m, &s, 3, 9, nil, 1)
		memoWants(t, m, &s, 4, 16, nil, 2)
		if key := m.Key(3); key != "square:3" {
			t.Errorf("Key(3) = %q, want %q", key, "square:3")
		}
		if v, ok, err := c.Get(t.Context(), "square:3"); v != 9 || !ok || err != nil {
			t.Errorf("Get(square:3) = %v, %v, %v, want 9, true, nil", v, ok, err)
		}
	})
}

// What the key leaves out is not told apart.
func TestArgumentsOfOneKeyShareTheirResult(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s memoSquare
		m := tiercache.Memoize(newCache(t, tiercache.Config[int64]{}), func(int64) string { return "k" }, s.call)
		memoWants(t, m, &s, 3, 9, nil, 1)
		memoWants(t, m, &s, 4, 9, nil, 1)
	})
}

func TestAMemoRemembersThatThereIsNoResult(t *testing.T) {
	flightTiers(t, func(t *testing.T, tiers []tier.Tier[int64]) {
		var s memoSquare
		m := tiercache.Memoize(newCache(t, tiercache.Config[int64]{Tiers: tiers}), memoKey, s.call, tiercache.WithAbsentFor(time.Minute))
		memoWants(t, m, &s, 13, 0, tiercache.ErrNotFound, 1)
		memoWants(t, m, &s, 13, 0, tiercache.ErrNotFound, 1)
		time.Sleep(time.Minute)
		memoWants(t, m, &s, 13, 0, tiercache.ErrNotFound, 2)
	})
}

func TestAMemoDoesNotRememberErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s source
		m := tiercache.Memoize(newCache(t, tiercache.Config[int64]{}), memoKey, func(ctx context.Context, n int64) (int64, error) {
			if s.calls.Load() == 0 {
				_, _ = s.load(ctx, "")
				return 0, errStaleSource
			}
			return s.load(ctx, "")
		})
		if _, err := m.Call(t.Context(), 3); !errors.Is(err, errStaleSource) {
			t.Errorf("Call(3) = %v, want %v", err, errStaleSource)
		}
		if _, err := m.Call(t.Context(), 3); err != nil {
			t.Errorf("second Call(3) = %v, want nil", err)
		}
	})
}

func TestAMemoForgetsWhatIsInvalidated(t *testing.T) {
	flightTiers(t, func(t *testing.T, tiers []tier.Tier[int64]) {
		var s memoSquare
		m := tiercache.Memoize(newCache(t, tiercache.Config[int64]{Tiers: tiers}), memoKey, s.call)
		memoWants(t, m, &s, 3, 9, nil, 1)
		memoWants(t, m, &s, 4, 16, nil, 2)
		memoWants(t, m, &s, 5, 25, nil, 3)
		if err := m.Invalidate(t.Context(), 3, 4); err != nil {
			t.Fatal(err)
		}
		memoWants(t, m, &s, 5, 25, nil, 3)
		memoWants(t, m, &s, 3, 9, nil, 4)
		memoWants(t, m, &s, 4, 16, nil, 5)
		if err := m.Invalidate(t.Context()); err != nil {
			t.Errorf("Invalidate() of nothing = %v, want nil", err)
		}
	})
}

func TestUncachedNeitherReadsNorFillsTheCache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, tiercache.Config[int64]{})
		var s memoSquare
		m := tiercache.Memoize(c, memoKey, s.call)
		for range 2 {
			if v, err := m.Uncached(t.Context(), 3); v != 9 || err != nil {
				t.Errorf("Uncached(3) = %v, %v, want 9, nil", v, err)
			}
		}
		memoWants(t, m, &s, 3, 9, nil, 3)
		if v, err := m.Uncached(t.Context(), 3); v != 9 || err != nil || s.calls.Load() != 4 {
			t.Errorf("Uncached(3) = %v, %v after %d calls, want 9, nil, 4", v, err, s.calls.Load())
		}
	})
}

func TestConcurrentCallsOfAMemoShareOne(t *testing.T) {
	flightTiers(t, func(t *testing.T, tiers []tier.Tier[int64]) {
		c := newCache(t, tiercache.Config[int64]{Tiers: tiers})
		l := newFlightLoad(9)
		m := tiercache.Memoize(c, memoKey, func(ctx context.Context, _ int64) (int64, error) { return l.load(ctx, "") })
		var calls []*flightCall
		for range 100 {
			calls = append(calls, flightGo(func() (int64, error) { return m.Call(t.Context(), 3) }))
		}
		synctest.Wait()
		close(l.release)
		for _, call := range calls {
			call.wants(t, 9, nil)
		}
		if n := l.calls.Load(); n != 1 {
			t.Errorf("the function was called %d times, want 1", n)
		}
	})
}

func TestTheOptionsOfAMemoAreThoseOfItsCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s memoSquare
		m := tiercache.Memoize(newCache(t, tiercache.Config[int64]{}), memoKey, s.call, tiercache.WithTTL(time.Second))
		memoWants(t, m, &s, 3, 9, nil, 1)
		time.Sleep(time.Second)
		memoWants(t, m, &s, 3, 9, nil, 2)
	})
}
