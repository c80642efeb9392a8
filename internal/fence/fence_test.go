package fence_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiercache/tiercache/internal/clock"
	"github.com/tiercache/tiercache/internal/fence"
)

func newFence(bound time.Duration) *fence.Fence {
	f := new(fence.Fence)
	f.Init(bound)
	return f
}

func wantCurrent(t *testing.T, f *fence.Fence, s fence.Stamp, want bool, when string) {
	t.Helper()
	if got := f.Current(&s); got != want {
		t.Errorf("Current() %s = %t, want %t", when, got, want)
	}
}

func TestStampsLiveUntilTheirKeyIsBumped(t *testing.T) {
	f := newFence(0)
	k, other := f.Stamp("k", 3), f.Stamp("other", 3)
	wantCurrent(t, f, k, true, "of a new stamp")
	after := f.Bump("k", 3)
	wantCurrent(t, f, k, false, "after a bump")
	wantCurrent(t, f, after, true, "of the stamp of the bump")
	wantCurrent(t, f, f.Stamp("k", 3), true, "of a stamp after the bump")
	if other.Slot != k.Slot { // one in 65,536 runs has them share
		wantCurrent(t, f, other, true, "of another key")
	}
	f.Bump("k", 3)
	wantCurrent(t, f, after, false, "after a second bump")
	wantCurrent(t, f, k, false, "two bumps later")
}

func TestDropKillsOnePartition(t *testing.T) {
	f := newFence(0)
	epoch := f.Epoch()
	a, b := f.Stamp("k", 1), f.Stamp("k", 2)
	f.Drop(1)
	wantCurrent(t, f, a, false, "after its partition was dropped")
	wantCurrent(t, f, b, true, "after another partition was dropped")
	if f.Epoch() == epoch {
		t.Error("Epoch() has not changed with a drop")
	}
}

func TestDropAllKillsEverything(t *testing.T) {
	f := newFence(0)
	epoch := f.Epoch()
	var stamps []fence.Stamp
	for part := range fence.Partitions {
		stamps = append(stamps, f.Stamp("k", part))
	}
	f.DropAll()
	for _, s := range stamps {
		wantCurrent(t, f, s, false, fmt.Sprintf("in partition %d after DropAll", s.Partition))
	}
	if f.Epoch() == epoch {
		t.Error("Epoch() has not changed with DropAll")
	}
}

func TestBumpLeavesTheEpochAlone(t *testing.T) {
	f := newFence(0)
	epoch := f.Epoch()
	f.Bump("k", 0)
	if got := f.Epoch(); got != epoch {
		t.Errorf("Epoch() = %d after a bump, want %d as before", got, epoch)
	}
}

func TestADropIsNoBump(t *testing.T) {
	f := newFence(0)
	s := f.Stamp("k", 3)
	f.Drop(3)
	f.Drop(3)
	if f.Bumped(&s) {
		t.Error("Bumped() = true after drops, want false")
	}
	f.Bump("k", 3)
	if !f.Bumped(&s) {
		t.Error("Bumped() = false after a bump, want true")
	}
	again := f.Stamp("k", 3)
	if f.Bumped(&again) {
		t.Error("Bumped() = true for a new stamp, want false")
	}
}

func TestOnlyStampsThatWereTakenAreCurrent(t *testing.T) {
	f := newFence(0)
	wantCurrent(t, f, fence.Stamp{}, false, "of the zero stamp")
	if (fence.Stamp{AsOf: clock.Now()}).Taken() {
		t.Error("Taken() of a stamp that was not = true, want false")
	}
	for part := range fence.Partitions {
		if s := f.Stamp("", part); !s.Taken() {
			t.Errorf("Stamp(\"\", %d).Taken() = false, want true", part)
		}
	}
	// A stamp from outside, of any numbers, is refused without a panic.
	wantCurrent(t, f, fence.Stamp{Sum: 1 << 60, Slot: 1<<16 - 1, Partition: 1<<16 - 1}, false, "of a foreign stamp")
}

func TestConcurrentBumpsAreNotLost(t *testing.T) {
	f := newFence(0)
	const goroutines, bumps = 4, 300_000
	before := f.Stamp("k", 0)
	var wg sync.WaitGroup
	for range goroutines {
		wg.Go(func() {
			for range bumps {
				f.Bump("k", 0)
			}
		})
	}
	wg.Wait()
	if got := f.Stamp("k", 0).Sum - before.Sum; got != goroutines*bumps {
		t.Errorf("%d bumps have moved the sum by %d", goroutines*bumps, got)
	}
}

func TestNoStampOutlivesAConcurrentInvalidation(t *testing.T) {
	f := newFence(0)
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 5000 {
				s := f.Stamp("k", g)
				if i%2 == 0 {
					f.Bump("k", g)
				} else {
					f.Drop(g)
				}
				if f.Current(&s) {
					t.Errorf("a stamp is current after invalidation %d of goroutine %d", i, g)
					return
				}
			}
		})
	}
	wg.Wait()
	wantCurrent(t, f, f.Stamp("k", 0), true, "when everybody has ended")
}

func TestWithoutABoundTrustNeverEnds(t *testing.T) {
	f := newFence(0)
	s := f.Stamp("k", 0)
	if !f.Trusted(&s, s.AsOf.Add(100*365*24*time.Hour)) || !f.Trusted(&s, clock.Never) {
		t.Error("Trusted() = false without a bound, want true for ever")
	}
}

func TestTrustEndsAfterTheBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const bound = time.Second
		f := newFence(bound)
		s := f.Stamp("k", 5)
		check := func(want bool, when string) {
			t.Helper()
			if got := f.Trusted(&s, clock.Now()); got != want {
				t.Errorf("Trusted() %s = %t, want %t", when, got, want)
			}
		}
		check(true, "at once")
		time.Sleep(bound)
		check(true, "after the bound")
		time.Sleep(time.Nanosecond)
		check(false, "a nanosecond after the bound")

		f.Confirm(4, clock.Now().Add(bound))
		check(false, "after another partition was confirmed")
		f.Confirm(5, clock.Now().Add(bound))
		check(true, "after a confirmation")
		f.Confirm(5, clock.Now().Add(-bound))
		check(true, "after an older confirmation")
		time.Sleep(bound)
		check(true, "until the end of what was confirmed")
		time.Sleep(time.Nanosecond)
		check(false, "after the end of what was confirmed")

		s = f.Bump("k", 5)
		check(true, "of the stamp of a bump")
	})
}

func TestTrustedUntilIsTheLastInstantOfTrust(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const bound = time.Second
		f := newFence(bound)
		s := f.Stamp("k", 5)
		check := func(when string) {
			t.Helper()
			until := f.TrustedUntil(&s)
			if !f.Trusted(&s, until) || f.Trusted(&s, until+1) {
				t.Errorf("%s: TrustedUntil() is not the last instant at which Trusted() = true", when)
			}
		}
		check("before a confirmation")
		time.Sleep(time.Minute)
		f.Confirm(5, clock.Now().Add(bound))
		check("after a confirmation")
		s = f.Stamp("k", 5)
		time.Sleep(time.Minute)
		s = f.Stamp("k", 5)
		check("with a stamp that is later than the confirmation")
	})
	f := newFence(0)
	if s := f.Stamp("k", 0); f.TrustedUntil(&s) != clock.Never {
		t.Error("TrustedUntil() ends without a bound")
	}
}

func TestLeaseAgeIsThatOfTheOldestConfirmation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const bound = time.Second
		f := newFence(bound)
		check := func(want time.Duration, when string) {
			t.Helper()
			if got := f.LeaseAge(clock.Now()); got != want {
				t.Errorf("LeaseAge() = %v %s, want %v", got, when, want)
			}
		}
		time.Sleep(time.Minute)
		check(time.Minute, "a minute after Init")
		asked := clock.Now()
		time.Sleep(bound / 4)
		for part := range fence.Partitions - 1 {
			f.Confirm(part, asked.Add(bound))
		}
		check(time.Minute+bound/4, "when one partition was never confirmed")
		f.Confirm(fence.Partitions-1, asked.Add(bound))
		check(bound/4, "when all were confirmed")
		f.Confirm(3, asked.Add(2*bound))
		check(bound/4, "when one was confirmed again")
		time.Sleep(time.Hour)
		check(bound/4+time.Hour, "an hour later")
	})
	if got := newFence(0).LeaseAge(clock.Now().Add(time.Hour)); got != 0 {
		t.Errorf("LeaseAge() = %v without a bound, want 0", got)
	}
}

// Everybody confirms the next nanosecond, so the latest confirmation is always contended.
func TestConcurrentConfirmationsShortenNothing(t *testing.T) {
	f := newFence(time.Nanosecond)
	s := f.Stamp("k", 0)
	var latest atomic.Int64
	latest.Store(int64(s.AsOf.Add(time.Hour)))
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			confirmed := s.AsOf
			for range 300_000 {
				until := clock.Instant(latest.Add(1))
				if !f.Trusted(&s, confirmed) { // as late as possible after it was confirmed
					t.Error("a confirmation was taken back")
					return
				}
				f.Confirm(0, until)
				confirmed = until
			}
		})
	}
	wg.Wait()
	if f.Trusted(&s, clock.Instant(latest.Load()+1)) {
		t.Error("trust goes beyond the last confirmation")
	}
}
