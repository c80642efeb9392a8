package redisbus_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tiercache/tiercache/internal/redistest"
	"github.com/tiercache/tiercache/invalidate/redisbus"
)

func TestLostMessageIsFoundByAPoll(t *testing.T) {
	_, rdb := redistest.Mini(t)
	b := newBus(t, rdb, often)
	l := listen(t, b)
	drops := l.settled(t, b)
	lose(t, rdb, 3)
	l.onlyDropped(t, drops, 3)
	l.confirmedSince(t, b)
	if got := b.Stats(); got.Behind != 1 || got.Gaps+got.Diverged+got.Silent != 0 {
		t.Errorf("Stats() = %+v, want one log behind and no more", got)
	}
}

// A confirmation that comes before the drop would let a cache serve what the lost event has invalidated.
func TestLostMessageIsNotConfirmedBeforeItsDrop(t *testing.T) {
	_, rdb := redistest.Mini(t)
	b := newBus(t, rdb, often)
	l := listen(t, b)
	l.settled(t, b)
	var lost atomic.Pointer[time.Time]
	done := make(chan struct{})
	dropped := false // by the goroutine of the bus alone
	subscribe(t, b, funcs{
		drop: func(p int) { dropped = dropped || p == 3 && lost.Load() != nil },
		confirm: func(p int, until time.Time) {
			at := lost.Load()
			if p != 3 || at == nil || !until.Add(-b.Bound()).After(*at) {
				return
			}
			if !dropped {
				t.Error("a poll that began after the loss has confirmed what was not dropped")
			}
			select {
			case <-done:
			default:
				close(done)
			}
		},
	})
	polls := b.Stats().Polls
	eventually(t, "the second subscriber is there", func() bool { return b.Stats().Polls > polls+1 })
	lose(t, rdb, 3)
	now := time.Now()
	lost.Store(&now)
	select {
	case <-done:
	case <-time.After(patience):
		t.Error("no poll after the loss confirms anything")
	}
}

func TestNextMessageShowsThatOneWasLost(t *testing.T) {
	_, rdb := redistest.Mini(t)
	b := newBus(t, rdb, seldom)
	l := listen(t, b)
	l.inPlace(t, 1)
	eventually(t, "the poll after the subscription", func() bool { return !l.confirmed().IsZero() })
	var drops = [16]int{}
	for p := range drops {
		drops[p] = l.dropsOf(p)
	}
	lose(t, rdb, 3)
	l.hears(t, b, keyIn(3, 0))
	l.onlyDropped(t, drops, 3)
	eventually(t, "the gap is counted", func() bool { return b.Stats().Gaps == 1 })
	l.confirmedSince(t, b) // long before the next regular poll
	if got := b.Stats(); got.Behind+got.Diverged != 0 {
		t.Errorf("Stats() = %+v, want one gap and no more", got)
	}
}

func TestSubscriptionThatIsDeafIsReplaced(t *testing.T) {
	_, rdb := redistest.Mini(t)
	b := newBus(t, rdb, often)
	l := listen(t, b)
	l.settled(t, b)
	eventually(t, "the subscription is given up", func() bool {
		lose(t, rdb, 3)
		return b.Stats().Silent > 0
	})
	if got := b.Stats(); got.Behind < 2 {
		t.Errorf("Stats() = %+v, want at least two logs behind", got)
	}
	subscribedAgain(t, b, 2)
	l.hears(t, b, "k")
}

func TestOneLossKeepsTheSubscription(t *testing.T) {
	_, rdb := redistest.Mini(t)
	b := newBus(t, rdb, often)
	l := listen(t, b)
	for n := range 3 {
		l.settled(t, b)
		lose(t, rdb, 3)
		eventually(t, "the loss is found", func() bool { return b.Stats().Behind == uint64(n+1) })
	}
	l.settled(t, b)
	if got := b.Stats(); got.Subscribed != 1 || got.Interrupted != 0 {
		t.Errorf("Stats() = %+v, want the first subscription", got)
	}
}

// A client that repeats a command whose reply was lost enters the event twice.
func TestManyEventsAreNoLoss(t *testing.T) {
	s := redistest.Single(t)
	b := newBus(t, s.Client(), often)
	l := listen(t, b)
	drops := l.settled(t, b)
	for n := range 2000 {
		if err := b.Publish(t.Context(), deletion(keyIn(n%16, 0))); err != nil {
			t.Fatalf("Publish: %v", err)
		}
	}
	eventually(t, "all messages come", func() bool { return b.Stats().Received == 2000 })
	l.confirmedSince(t, b)
	l.notDropped(t, drops)
	if got := b.Stats(); got.Gaps+got.Behind+got.Diverged != 0 {
		t.Errorf("Stats() = %+v, want no loss", got)
	}
}

func replay(c *redisbus.Config) { c.ReplayLog = 1000 }

func TestLostEventIsFetchedFromTheReplayLog(t *testing.T) {
	for _, c := range []struct {
		name  string
		after int // messages that come after the loss
	}{{"found by a poll", 0}, {"found by the next message", 5}} {
		t.Run(c.name, func(t *testing.T) {
			_, rdb := redistest.Mini(t)
			b := newBus(t, rdb, often, replay)
			l := listen(t, b)
			drops := l.settled(t, b)
			loseKept(t, rdb, 3, "lost")
			for n := range c.after {
				l.hears(t, b, keyIn(3, n))
			}
			eventually(t, "the lost event comes", func() bool { return l.heard("lost") })
			l.confirmedSince(t, b)
			l.notDropped(t, drops)
			got := b.Stats()
			if got.Replayed == 0 || got.Behind+got.Diverged != 0 {
				t.Errorf("Stats() = %+v, want an event replayed and nothing dropped", got)
			}
			l.hears(t, b, keyIn(3, 99))
			l.confirmedSince(t, b)
			if again := b.Stats(); again.Replayed != got.Replayed || again.Gaps != got.Gaps {
				t.Errorf("Stats() = %+v, and then %+v: the gap has been filled only once it was over", got, again)
			}
		})
	}
}

// While a gap is filled more messages come. They must not be the next gap, or it would never end.
func TestGapEndsUnderLoad(t *testing.T) {
	s := redistest.Single(t)
	b := newBus(t, s.Client(), often, replay, func(c *redisbus.Config) { c.ReplayLog = 100_000 })
	l := listen(t, b)
	drops := l.settled(t, b)
	stop := make(chan struct{})
	var publishing sync.WaitGroup
	publishing.Go(func() {
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			default:
			}
			if err := b.Publish(t.Context(), deletion(keyIn(3, n))); err != nil {
				t.Errorf("Publish: %v", err)
				return
			}
		}
	})
	defer publishing.Wait()
	defer close(stop)
	eventually(t, "events come", func() bool { return b.Stats().Received > 100 })
	lose(t, s.Client(), 3) // not kept: it is dropped
	eventually(t, "the loss is found", func() bool { return b.Stats().Behind == 1 })
	drops[3] = l.dropsOf(3)
	l.confirmedSince(t, b)
	before := b.Stats()
	eventually(t, "polls go on", func() bool { return b.Stats().Polls > before.Polls+20 })
	if after := b.Stats(); after.Replayed != before.Replayed || after.Gaps != before.Gaps || after.Behind != before.Behind {
		t.Errorf("Stats() = %+v, and then %+v: the gap has not ended", before, after)
	}
	l.notDropped(t, drops)
}

func TestEventThatIsNotInTheReplayLogAnyMoreIsALoss(t *testing.T) {
	_, rdb := redistest.Mini(t)
	b := newBus(t, rdb, often, replay)
	l := listen(t, b)
	drops := l.settled(t, b)
	lose(t, rdb, 3)
	l.hears(t, b, keyIn(3, 0))
	l.onlyDropped(t, drops, 3)
	l.confirmedSince(t, b)
	if got := b.Stats(); got.Gaps != 1 || got.Behind != 1 || got.Replayed != 0 {
		t.Errorf("Stats() = %+v, want one loss, found by both", got)
	}
	drops = l.settled(t, b)
	l.hears(t, b, keyIn(3, 1))
	l.confirmedSince(t, b)
	l.notDropped(t, drops)
}

func TestReplayLogBeginsAnewWithItsLog(t *testing.T) {
	s := redistest.Single(t)
	rdb := s.Client()
	b := newBus(t, rdb, often, replay)
	l := listen(t, b)
	l.settled(t, b)
	stream := logOf(3) + ":replay"
	for n := range 5 {
		l.hears(t, b, keyIn(3, n))
	}
	if err := rdb.Del(t.Context(), logOf(3)).Err(); err != nil {
		t.Fatal(err)
	}
	l.hears(t, b, keyIn(3, 5))
	if got, err := rdb.XLen(t.Context(), stream).Result(); got > 1 || err != nil {
		t.Errorf("XLEN = %d, %v, want only what is in the new log", got, err)
	}
	// An entry of a later number would refuse the next one.
	if err := rdb.Do(t.Context(), "XADD", stream, "999999-0", "m", "").Err(); err != nil {
		t.Fatal(err)
	}
	l.hears(t, b, keyIn(3, 6))
	if err := rdb.Set(t.Context(), stream, "", 0).Err(); err != nil {
		t.Fatal(err)
	}
	l.hears(t, b, keyIn(3, 7))
	drops := l.settled(t, b)
	loseKept(t, rdb, 3, "lost")
	eventually(t, "the lost event comes", func() bool { return l.heard("lost") })
	l.notDropped(t, drops)
}
