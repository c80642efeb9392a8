package clock_test

import (
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiercache/tiercache/internal/clock"
)

func TestNowFollowsTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before := clock.Now()
		time.Sleep(time.Hour + 1)
		if got := clock.Now().Sub(before); got != time.Hour+1 {
			t.Errorf("an hour and a nanosecond took %v", got)
		}
	})
}

// Code all over the module takes zero for a time that has passed.
func TestNowIsAfterZeroInABubbleToo(t *testing.T) {
	if now := clock.Now(); now <= 0 {
		t.Errorf("Now() = %d, want more than 0", now)
	}
	synctest.Test(t, func(t *testing.T) {
		if now := clock.Now(); now <= 0 {
			t.Errorf("Now() in a bubble = %d, want more than 0", now)
		}
	})
}

func TestNowNeverGoesBack(t *testing.T) {
	last := clock.Instant(0)
	for range 10_000 {
		now := clock.Now()
		if now < last {
			t.Fatalf("Now() = %d after %d", now, last)
		}
		last = now
	}
}

func TestAddSaturates(t *testing.T) {
	const earliest = clock.Instant(math.MinInt64)
	for _, c := range []struct {
		at   clock.Instant
		d    time.Duration
		want clock.Instant
	}{
		{5, 0, 5},
		{5, 3, 8},
		{5, -8, -3},
		{5, math.MaxInt64, clock.Never},
		{5, math.MaxInt64 - 5, clock.Never},
		{5, math.MaxInt64 - 6, clock.Never - 1},
		{0, math.MaxInt64, clock.Never},
		{-5, math.MaxInt64, math.MaxInt64 - 5},
		{clock.Never, 1, clock.Never},
		{clock.Never, math.MaxInt64, clock.Never},
		{clock.Never, -1, clock.Never - 1},
		{5, math.MinInt64, math.MinInt64 + 5},
		{-5, math.MinInt64, earliest},
		{earliest, -1, earliest},
		{earliest, 1, math.MinInt64 + 1},
	} {
		if got := c.at.Add(c.d); got != c.want {
			t.Errorf("%d.Add(%d) = %d, want %d", c.at, c.d, got, c.want)
		}
	}
}

func TestInstantsAndTimesAreTheSamePoints(t *testing.T) {
	now := time.Now()
	at := clock.At(now)
	if d := clock.Now().Sub(at); d < 0 || d > time.Minute {
		t.Errorf("At(time.Now()) is %v ago, want a moment", d)
	}
	if got := at.Time(); !got.Equal(now) {
		t.Errorf("At(t).Time() = %v, want %v", got, now)
	}
	later := at.Add(time.Hour)
	if got := later.Time().Sub(now); got != time.Hour {
		t.Errorf("an hour later is %v later", got)
	}
	if got := clock.At(later.Time()); got != later {
		t.Errorf("At(Time()) = %d, want %d", got, later)
	}
	// Without the monotonic reading the wall clock has to do. It may have been set meanwhile, but not by an hour.
	if d := clock.At(now.Round(0)).Sub(at).Abs(); d > time.Hour {
		t.Errorf("At of the same time without its monotonic reading is off by %v", d)
	}
}
