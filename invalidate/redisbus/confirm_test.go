package redisbus_test

import (
	"sync"
	"testing"
	"time"

	"github.com/tiercache/tiercache/internal/redistest"
	"github.com/tiercache/tiercache/invalidate"
	"github.com/tiercache/tiercache/invalidate/redisbus"
)

// funcs is a handler made of functions, any of which may be nil.
type funcs struct {
	apply   func(invalidate.Event)
	drop    func(int)
	confirm func(int, time.Time)
}

func (f funcs) Apply(e invalidate.Event) {
	if f.apply != nil {
		f.apply(e)
	}
}

func (f funcs) Drop(p int) {
	if f.drop != nil {
		f.drop(p)
	}
}

func (f funcs) Confirm(p int, until time.Time) {
	if f.confirm != nil {
		f.confirm(p, until)
	}
}

// subscribe ends with the test.
func subscribe(t *testing.T, b *redisbus.Bus, h invalidate.Handler) {
	t.Helper()
	done := make(chan struct{})
	ctx := t.Context()
	go func() {
		defer close(done)
		_ = b.Subscribe(ctx, h) // the error is that of ctx
	}()
	t.Cleanup(func() { <-done })
}

// What was published after a poll had been sent may be missing in its answer, however late that comes.
func TestConfirmationCountsFromTheBeginningOfThePoll(t *testing.T) {
	_, rdb := redistest.Mini(t)
	const delay = 200 * time.Millisecond
	var mu sync.Mutex
	var answered time.Time
	rdb.AddHook(&tally{after: func() {
		mu.Lock()
		answered = time.Now()
		mu.Unlock()
		time.Sleep(delay) // the answer takes its time
	}})
	b := newBus(t, rdb, often)
	began := time.Now()
	confirmed := make(chan struct{}, 1000)
	subscribe(t, b, funcs{confirm: func(_ int, until time.Time) {
		mu.Lock()
		defer mu.Unlock()
		if latest := answered.Add(b.Bound()); until.After(latest) {
			t.Errorf("confirmed until %v after the answer was sent plus Bound", until.Sub(latest))
		}
		if until.Before(began.Add(b.Bound())) {
			t.Errorf("confirmed until %v before the subscription began plus Bound", began.Add(b.Bound()).Sub(until))
		}
		confirmed <- struct{}{}
	}})
	for range 3 * invalidate.Partitions {
		<-confirmed
	}
}

func TestNothingIsConfirmedBeforeTheSubscriptionIsInPlace(t *testing.T) {
	s := redistest.Single(t)
	var v valve
	v.deaf.Store(true)
	b := newBus(t, s.Client(v.install), often, impatient)
	l := listen(t, b)
	eventually(t, "polls go on", func() bool { return b.Stats().Polls >= 5 })
	if l.touched() || !l.confirmed().IsZero() {
		t.Error("something was dropped or confirmed though there is no subscription")
	}
	v.deaf.Store(false)
	l.confirmedSince(t, b)
	if l.early {
		t.Error("a partition was confirmed before it was dropped")
	}
}

func TestNothingIsConfirmedWhileRedisIsSilent(t *testing.T) {
	s := redistest.Single(t)
	b := newBus(t, s.Client(), often, func(c *redisbus.Config) { c.Timeout = 100 * time.Millisecond })
	l := listen(t, b)
	drops := l.settled(t, b)
	s.Pause()
	failed := b.Stats().PollErrors
	eventually(t, "a poll fails", func() bool { return b.Stats().PollErrors > failed })
	until := l.confirmed()
	eventually(t, "more polls fail", func() bool { return b.Stats().PollErrors > failed+3 })
	if got := l.confirmed(); got != until {
		t.Errorf("confirmed for another %v while nothing answers", got.Sub(until))
	}
	if age := b.Stats().ConfirmedAge; age < 300*time.Millisecond {
		t.Errorf("ConfirmedAge = %v, want at least the time of three polls that failed", age)
	}
	s.Resume()
	l.confirmedSince(t, b)
	l.notDropped(t, drops)
}

func TestLateSubscriberIsConfirmedAfterItsOwnDrop(t *testing.T) {
	_, rdb := redistest.Mini(t)
	b := newBus(t, rdb, often)
	early := listen(t, b)
	drops := early.settled(t, b)
	for range 20 {
		late := listen(t, b)
		late.confirmedSince(t, b)
		late.mu.Lock()
		if late.early {
			t.Error("a partition was confirmed before it was dropped")
		}
		late.mu.Unlock()
		late.end(t)
	}
	early.notDropped(t, drops)
}

func TestStatsMayBeAskedByAHandler(t *testing.T) {
	_, rdb := redistest.Mini(t)
	b := newBus(t, rdb, often)
	confirmed := make(chan struct{}, 1000)
	subscribe(t, b, funcs{
		apply:   func(invalidate.Event) { b.Stats() },
		drop:    func(int) { b.Stats() },
		confirm: func(int, time.Time) { b.Stats(); confirmed <- struct{}{} },
	})
	select {
	case <-confirmed:
	case <-time.After(patience):
		t.Fatal("nothing is confirmed: Stats waits for the handler that asks for them")
	}
}
