package redisstore

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiercache/tiercache/internal/clock"
)

// A world has the three clocks that matter, and a server that answers at the speed of the test.
type world struct {
	mu     sync.Mutex
	mono   clock.Instant
	wall   time.Duration
	server time.Time
	there  time.Duration // how long a question takes to the server
	back   time.Duration // and its answer from there
	down   error         // instead of an answer

	asked atomic.Int32
	hold  chan struct{} // a question waits for it, unless it is nil
}

func newWorld() *world {
	return &world{mono: 1e18, wall: 5e17, server: time.Unix(1_800_000_000, 0), there: time.Millisecond, back: time.Millisecond}
}

func (w *world) keeper() *timekeeper { return &timekeeper{local: w.local, ask: w.ask} }

func (w *world) local() reading {
	w.mu.Lock()
	defer w.mu.Unlock()
	return reading{w.mono, w.wall}
}

// pass lets d pass, as it does for all.
func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mono = w.mono.Add(d)
	w.wall += d
	w.server = w.server.Add(d)
}

// suspend stops the machine of the process, and so its monotonic clock.
func (w *world) suspend(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wall += d
	w.server = w.server.Add(d)
}

// step sets the wall clock of the process.
func (w *world) step(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wall += d
}

func (w *world) ask() (time.Time, error) {
	w.asked.Add(1)
	if w.hold != nil {
		<-w.hold
	}
	w.pass(w.there)
	now := w.truth()
	w.pass(w.back)
	if w.down != nil {
		return time.Time{}, w.down
	}
	return now, nil
}

func (w *world) truth() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.server
}

// check asks k for the time, which must be right to the given exactness.
func (w *world) check(t *testing.T, k *timekeeper, within time.Duration, when string) {
	t.Helper()
	now, err := k.now(t.Context())
	if err != nil {
		t.Fatalf("%s: %v", when, err)
	}
	if off := now.Sub(w.truth()); off.Abs() > within {
		t.Errorf("%s: the time is off by %v, want %v at most", when, off, within)
	}
	synctest.Wait() // for an attempt in the background
}

func (w *world) wantAsked(t *testing.T, want int32, when string) {
	t.Helper()
	if got := w.asked.Load(); got != want {
		t.Errorf("%s: the server has been asked %d times, want %d", when, got, want)
	}
}

func TestTheServerIsAskedEveryTenSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		k := w.keeper()
		w.check(t, k, 0, "at first")
		for range 99 {
			w.pass(100 * time.Millisecond)
			w.check(t, k, 0, "within ten seconds")
		}
		w.wantAsked(t, 1, "within ten seconds")
		w.pass(100 * time.Millisecond)
		w.check(t, k, 0, "after them")
		w.wantAsked(t, 2, "after them")
	})
}

func TestOneAnswerIsForAllWhoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.hold = make(chan struct{})
		k := w.keeper()
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				if _, err := k.now(t.Context()); err != nil {
					t.Errorf("now() = %v, want nil", err)
				}
			})
		}
		ctx, cancel := context.WithCancel(t.Context())
		left := make(chan error, 1)
		go func() {
			_, err := k.now(ctx)
			left <- err
		}()
		synctest.Wait()
		cancel()
		if err := <-left; !errors.Is(err, context.Canceled) {
			t.Errorf("now() of a caller who left = %v, want context.Canceled", err)
		}
		close(w.hold)
		wg.Wait()
		w.wantAsked(t, 1, "by eleven callers")
	})
}

func TestOnlyTheFirstAnswerIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		k := w.keeper()
		w.check(t, k, 0, "at first")
		w.hold = make(chan struct{})
		w.pass(time.Minute)
		for range 10 {
			w.check(t, k, 0, "while the second answer is on its way")
		}
		w.wantAsked(t, 2, "after a minute")
		close(w.hold)
		synctest.Wait()
	})
}

func TestAStepOfTheWallClockMovesNothing(t *testing.T) {
	for _, step := range []time.Duration{time.Hour, -time.Hour} {
		for _, down := range []error{nil, errors.New("down")} {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				k := w.keeper()
				w.check(t, k, 0, "at first")
				w.step(step)
				w.down = down
				w.check(t, k, 0, "after a step of "+step.String())
				w.pass(time.Second)
				w.check(t, k, 0, "and a second later")
			})
		}
	}
}

func TestTheTimeIsRightAfterASuspend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		k := w.keeper()
		w.check(t, k, 0, "at first")
		// Not even a slow answer, which proves little, may be taken for a confirmation of the one from before.
		w.there, w.back = 3*time.Second, 3*time.Second
		w.suspend(2 * time.Second)
		w.check(t, k, 0, "after a suspend")
		w.wantAsked(t, 2, "after a suspend")
		w.there, w.back = time.Millisecond, time.Millisecond
		w.suspend(time.Hour)
		w.check(t, k, 0, "after a long one")
		w.pass(time.Second)
		w.check(t, k, 0, "and a second later")
		w.wantAsked(t, 3, "after a long one")
	})
}

// What is measured while the machine goes to sleep is not to be trusted when it wakes up.
func TestASuspendDuringAQuestionIsNoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.hold = make(chan struct{})
		k := w.keeper()
		go func() {
			synctest.Wait()
			w.suspend(time.Hour)
			close(w.hold)
		}()
		_, _ = k.now(t.Context())
		w.check(t, k, 0, "after a suspend during the first question")
		w.wantAsked(t, 2, "after it")
	})
}

func TestAServerThatDoesNotAnswerIsAskedOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.down = errors.New("down")
		k := w.keeper()
		for range 10 {
			if _, err := k.now(t.Context()); !errors.Is(err, w.down) {
				t.Fatalf("now() = %v, want %v", err, w.down)
			}
		}
		w.wantAsked(t, 1, "within a second")
		w.pass(time.Second)
		if _, err := k.now(t.Context()); !errors.Is(err, w.down) {
			t.Fatalf("now() = %v, want %v", err, w.down)
		}
		w.wantAsked(t, 2, "after a second")
		w.down = nil
		w.pass(askAgain)
		w.check(t, k, 0, "when it answers again")
		w.down = errors.New("down again")
		for range 100 {
			w.pass(askAgain)
			w.check(t, k, 0, "when it is down again")
		}
	})
}

// The clock of a server that takes over shows something else.
func TestAFailoverIsNoticedWithinTenSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		k := w.keeper()
		w.check(t, k, 0, "at first")
		w.server = w.server.Add(-time.Minute)
		w.there, w.back = 20*time.Millisecond, 20*time.Millisecond // and it is farther away
		w.pass(askEvery)
		_, _ = k.now(t.Context())
		synctest.Wait()
		w.check(t, k, 0, "ten seconds after a failover")
	})
}

// A slow answer that fits what is known tells nothing new. One that does not fit does.
func TestTheMostExactAnswerCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		k := w.keeper()
		w.check(t, k, 0, "at first")
		w.there, w.back = 0, 80*time.Millisecond
		w.pass(askEvery)
		w.check(t, k, 0, "before a slow answer")
		w.check(t, k, 0, "after a slow answer")
		w.there, w.back = time.Millisecond/4, time.Millisecond/4
		w.server = w.server.Add(300 * time.Microsecond) // the clocks drift
		w.pass(askEvery)
		_, _ = k.now(t.Context())
		synctest.Wait()
		w.check(t, k, 0, "after a faster answer")
	})
}

func TestAnAnswerIsExactToHalfItsRoundTrip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 200 {
			w := newWorld()
			w.there, w.back = rand.N(100*time.Millisecond), rand.N(100*time.Millisecond)
			w.check(t, w.keeper(), (w.there+w.back)/2, "after one answer")
		}
	})
}
