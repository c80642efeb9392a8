package redisbus_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/tiercache/tiercache/internal/redistest"
	"github.com/tiercache/tiercache/invalidate/redisbus"
)

func TestLogThatHasGoneBackIsNoticed(t *testing.T) {
	for _, c := range []struct {
		name  string
		back  func(t *testing.T, rdb client, n, x string) // n and x are two entries old
		whole bool                                        // every log is concerned
	}{
		{name: "to an older entry", back: func(t *testing.T, rdb client, n, x string) { setHead(t, rdb, 3, n, x) }},
		{name: "and up to the same number", back: func(t *testing.T, rdb client, n, _ string) {
			setHead(t, rdb, 3, strconv.Itoa(number(t, n)+2), nonce())
		}},
		{name: "to nothing", back: func(t *testing.T, rdb client, _, _ string) {
			if err := rdb.Del(t.Context(), logOf(3)).Err(); err != nil {
				t.Fatal(err)
			}
		}},
		{name: "with everything", back: func(t *testing.T, rdb client, _, _ string) {
			if err := rdb.FlushAll(t.Context()).Err(); err != nil {
				t.Fatal(err)
			}
		}, whole: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, rdb := redistest.Mini(t)
			b := newBus(t, rdb, often)
			l := listen(t, b)
			l.settled(t, b)
			l.hears(t, b, keyIn(3, 0))
			n, x := field(t, rdb, 3, "n"), field(t, rdb, 3, "x")
			l.hears(t, b, keyIn(3, 1))
			l.hears(t, b, keyIn(3, 2))
			drops := l.settled(t, b)
			if l.rolledBack() != 0 {
				t.Fatal("RolledBack was called before anything has happened")
			}
			c.back(t, rdb, n, x)
			eventually(t, "the handler is told", func() bool { return l.rolledBack() == 1 })
			if c.whole {
				eventually(t, "everything is dropped", func() bool { return l.dropped() > drops[3] })
			} else {
				l.onlyDropped(t, drops, 3)
			}
			l.confirmedSince(t, b)
			drops = l.settled(t, b)
			l.hears(t, b, keyIn(3, 3))
			l.confirmedSince(t, b)
			l.notDropped(t, drops)
			if got := b.Stats(); got.Diverged == 0 || l.rolledBack() != 1 {
				t.Errorf("Stats() = %+v after %d calls of RolledBack, want Diverged and 1 call", got, l.rolledBack())
			}
		})
	}
}

// Numbers repeat after a rollback. A message that has one of them is not an old one.
func TestMessageAfterARollbackIsNotTakenForAnOldOne(t *testing.T) {
	_, rdb := redistest.Mini(t)
	b := newBus(t, rdb, seldom)
	l := listen(t, b)
	l.inPlace(t, 1)
	l.hears(t, b, keyIn(3, 0))
	n, x := field(t, rdb, 3, "n"), field(t, rdb, 3, "x")
	for i := range 5 {
		l.hears(t, b, keyIn(3, 1+i))
	}
	before := l.dropsOf(3)
	setHead(t, rdb, 3, n, x)
	l.hears(t, b, keyIn(3, 9))
	lose(t, rdb, 4)
	l.hears(t, b, keyIn(4, 0)) // makes it poll
	eventually(t, "the gap is counted", func() bool { return b.Stats().Gaps == 1 })
	l.confirmedSince(t, b)
	if l.dropsOf(3) != before+1 || l.rolledBack() != 1 {
		t.Errorf("dropped %d times and told %d times, want once", l.dropsOf(3)-before, l.rolledBack())
	}
}

// A process whose subscription is down when it publishes is the only one who knows of the event.
func TestRollbackOfWhatOnlyThePublisherKnowsIsNoticed(t *testing.T) {
	s := redistest.Single(t)
	var v valve
	admin := s.Client()
	b := newBus(t, s.Client(v.install), seldom, impatient)
	l := listen(t, b)
	l.inPlace(t, 1)
	l.hears(t, b, keyIn(3, 0))
	n, x := field(t, admin, 3, "n"), field(t, admin, 3, "x")
	eventually(t, "the poll after the subscription", func() bool { return !l.confirmed().IsZero() })
	v.deaf.Store(true)
	if err := admin.ClientKillByFilter(t.Context(), "type", "pubsub").Err(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the bus notices", func() bool { return !b.Stats().Connected })
	if err := b.Publish(t.Context(), deletion(keyIn(3, 1))); err != nil {
		t.Fatalf("Publish: %v", err)
	}
	setHead(t, admin, 3, n, x)
	v.deaf.Store(false)
	eventually(t, "the handler is told", func() bool { return l.rolledBack() == 1 })
	if l.heard(keyIn(3, 1)) {
		t.Error("the message came: the test shows nothing")
	}
	drops := l.dropsOf(3)
	l.hears(t, b, keyIn(3, 2))
	lose(t, admin, 4)
	l.hears(t, b, keyIn(4, 0)) // makes it poll
	eventually(t, "another poll", func() bool { return b.Stats().Gaps == 1 })
	l.confirmedSince(t, b)
	if l.rolledBack() != 1 || l.dropsOf(3) != drops {
		t.Error("the same rollback was noticed twice")
	}
}

// A log that has gone back and then grown beyond what was received looks as if messages had been lost.
func TestRollbackThatIsOvertakenIsNoticed(t *testing.T) {
	for _, c := range []struct {
		name   string
		config func(*redisbus.Config)
	}{{"without a replay log", often}, {"with one", replay}} {
		t.Run(c.name, func(t *testing.T) {
			s := redistest.Single(t)
			var v valve
			admin := s.Client()
			b := newBus(t, s.Client(v.install), often, c.config)
			l := listen(t, b)
			l.settled(t, b)
			l.hears(t, b, keyIn(3, 0))
			if err := admin.Save(t.Context()).Err(); err != nil {
				t.Fatal(err)
			}
			l.hears(t, b, keyIn(3, 1))
			l.hears(t, b, keyIn(3, 2))
			drops := l.settled(t, b)
			v.shut()
			s.Restart() // with what was saved
			if got := number(t, field(t, admin, 3, "n")); got != 1 {
				t.Fatalf("the log is at %d after the restart, want 1", got)
			}
			for range 5 {
				lose(t, admin, 3)
			}
			v.open()
			eventually(t, "the handler is told", func() bool { return l.rolledBack() == 1 })
			l.onlyDropped(t, drops, 3)
			if got := b.Stats(); got.Takeovers != 1 || got.Behind != 1 || got.Diverged != 0 {
				t.Errorf("Stats() = %+v, want one log behind and a takeover", got)
			}
			l.confirmedSince(t, b)
		})
	}
}

// That nothing is lost is not to be seen: the logs of a server that has lost the last events may look the same. So the writes are repeated, but nothing
// is dropped.
func TestRestartWithoutLossDropsNothing(t *testing.T) {
	s := redistest.Single(t)
	admin := s.Client()
	b := newBus(t, s.Client(), often)
	l := listen(t, b)
	l.settled(t, b)
	l.hears(t, b, "k")
	if err := admin.Save(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	drops := l.settled(t, b)
	s.Restart()
	l.confirmedSince(t, b)
	subscribedAgain(t, b, 2)
	l.hears(t, b, "l")
	l.confirmedSince(t, b)
	l.notDropped(t, drops)
	eventually(t, "the handler is told", func() bool { return l.rolledBack() == 1 })
	if got := b.Stats(); got.Takeovers != 1 || got.Diverged != 0 {
		t.Errorf("Stats() = %+v, want a takeover", got)
	}
}

func TestLogOfAnotherTypeConfirmsNothing(t *testing.T) {
	_, rdb := redistest.Mini(t)
	errs := make(chan error, 100)
	b := newBus(t, rdb, often, func(c *redisbus.Config) { c.OnError = func(err error) { errs <- err } })
	l := listen(t, b)
	l.settled(t, b)
	if err := rdb.Set(t.Context(), logOf(3), "no log", 0).Err(); err != nil {
		t.Fatal(err)
	}
	failed := b.Stats().PollErrors
	eventually(t, "polls fail", func() bool { return b.Stats().PollErrors > failed+1 })
	until := l.untilOf(3)
	other := l.untilOf(4)
	eventually(t, "more polls fail", func() bool { return b.Stats().PollErrors > failed+4 })
	if got := l.untilOf(3); got != until {
		t.Errorf("the partition was confirmed for another %v", got.Sub(until))
	}
	if !l.untilOf(4).After(other) {
		t.Error("the other partitions are not confirmed")
	}
	if err := b.Publish(t.Context(), deletion(keyIn(3, 0))); err == nil {
		t.Error("Publish = nil, want an error")
	}
	if len(errs) != 1 {
		t.Errorf("OnError was called %d times, want once", len(errs))
	}
	if err := rdb.Del(t.Context(), logOf(3)).Err(); err != nil {
		t.Fatal(err)
	}
	l.confirmedSince(t, b)
	if l.rolledBack() != 1 {
		t.Errorf("RolledBack was called %d times, want once", l.rolledBack())
	}
	l.hears(t, b, keyIn(3, 1))
}

// untilOf returns until when a partition is confirmed.
func (l *listener) untilOf(p int) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.until[p]
}

// A process that is deaf does not look at a log before others have made it longer than it was. They have seen that it went back, and
// have told.
func TestRollbackIsToldToThoseWhoCannotSeeIt(t *testing.T) {
	_, rdb := redistest.Mini(t)
	quick, slow := newBus(t, rdb, often), newBus(t, rdb, seldom)
	sees, late := listen(t, quick), listen(t, slow)
	sees.settled(t, quick)
	late.inPlace(t, 1)
	eventually(t, "the other has no reason left to poll", func() bool { return slow.Stats().Polls == 2 })
	sees.hears(t, quick, keyIn(3, 0))
	n, x := field(t, rdb, 3, "n"), field(t, rdb, 3, "x")
	sees.hears(t, quick, keyIn(3, 1))
	eventually(t, "both have it", func() bool { return late.heard(keyIn(3, 1)) })
	epoch := field(t, rdb, 3, "e")
	setHead(t, rdb, 3, n, x)
	eventually(t, "one sees that the log went back", func() bool { return sees.rolledBack() == 1 })
	eventually(t, "it gives it another epoch", func() bool { return field(t, rdb, 3, "e") != epoch })
	for range 3 {
		lose(t, rdb, 3) // now it is longer than it was
	}
	if late.rolledBack() != 0 {
		t.Fatal("the other has seen the rollback by itself")
	}
	sees.hears(t, quick, keyIn(3, 2))
	eventually(t, "the other is told", func() bool { return late.rolledBack() == 1 })
	if got := sees.rolledBack(); got != 1 {
		t.Errorf("the one that saw it was told %d times, want once", got)
	}
}
