// Package invalidatetest tests implementations of invalidate.Bus.
//
// The test of an implementation calls Test with a function that makes two members of one bus:
//
//	func TestConformance(t *testing.T) {
//		invalidatetest.Test(t, func(t *testing.T) (a, b invalidate.Bus) {
//			server := start(t)
//			return mybus.New(server.Dial()), mybus.New(server.Dial())
//		})
//	}
//
// Run it with the race detector: it finds handlers that are called by two goroutines at once.
package invalidatetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tiercache/tiercache/invalidate"
)

// Test checks that a Bus keeps its contract as long as nothing fails. New is called for each part of the test. It
// returns two members of one bus, which carries nothing else: those of two processes, or
// the same one twice if the bus joins the caches of a single process. What it starts should end with its t.
func Test(t *testing.T, new func(t *testing.T) (a, b invalidate.Bus)) {
	for _, part := range []struct {
		name string
		run  func(t *testing.T, a, b invalidate.Bus)
	}{
		{"EventsArriveWhole", eventsArriveWhole},
		{"PublishNeedsNoSubscriber", publishNeedsNoSubscriber},
		{"PublishKeepsNoSlices", publishKeepsNoSlices},
		{"PublishUnderADoneContextFails", publishUnderADoneContextFails},
		{"InvalidEventsAreRefused", invalidEventsAreRefused},
		{"AllOfManyPublishersAreHeard", allOfManyPublishersAreHeard},
		{"DropsComeBeforeEvents", dropsComeBeforeEvents},
		{"SubscriptionsAreIndependent", subscriptionsAreIndependent},
		{"SubscribeEndsWithItsContext", subscribeEndsWithItsContext},
		{"NothingArrivesAfterTheEnd", nothingArrivesAfterTheEnd},
		{"BoundIsConstant", boundIsConstant},
	} {
		t.Run(part.name, func(t *testing.T) {
			a, b := new(t)
			part.run(t, a, b)
		})
	}
}

func eventsArriveWhole(t *testing.T, a, b invalidate.Bus) {
	own, other := subscribe(t, a), subscribe(t, b)
	many := make([]string, 5000)
	for i := range many {
		many[i] = fmt.Sprintf("key:%d", i)
	}
	events := []invalidate.Event{
		{Op: invalidate.Delete, Cache: "c", Origin: "o", Keys: []string{"k"}},
		{Op: invalidate.Delete, Cache: "c", Origin: "o", Keys: []string{"", "twice", "twice"}},
		{Op: invalidate.Delete, Cache: "кэш", Origin: "\x00", Keys: []string{"ключ", "\x00\xff\xfe", "a\r\nb", strings.Repeat("long", 1000)}},
		{Op: invalidate.Delete, Cache: "c", Origin: "many", Keys: many},
		{Op: invalidate.Delete, Cache: "c", Origin: "no keys"},
		{Op: invalidate.Delete, Cache: "no origin", Keys: []string{"k"}},
		{Op: invalidate.Tag, Cache: "c", Origin: "o", Tags: []string{"t", "", "\xff"}},
		{Op: invalidate.Clear, Cache: "c", Origin: "o"},
	}
	for _, e := range events {
		publish(t, a, e)
	}
	own.wait(t, events...)
	other.wait(t, events...)
	publish(t, b, mark("back"))
	own.wait(t, mark("back"))
	// Events may come twice, but none may come that was not published.
	for _, s := range []*subscription{own, other} {
		for _, got := range s.applied() {
			if !slices.ContainsFunc(append(events, mark("back")), func(e invalidate.Event) bool { return isPart(got, e) }) {
				t.Errorf("%.200v arrived, which was not published", got)
			}
		}
	}
}

func publishNeedsNoSubscriber(t *testing.T, a, _ invalidate.Bus) {
	publish(t, a, mark("nobody"))
}

func publishKeepsNoSlices(t *testing.T, a, b invalidate.Bus) {
	own, other := subscribe(t, a), subscribe(t, b)
	keys, tags := []string{"k1", "k2"}, []string{"t1", "t2"}
	deletion := invalidate.Event{Op: invalidate.Delete, Cache: "c", Keys: slices.Clone(keys)}
	tag := invalidate.Event{Op: invalidate.Tag, Cache: "c", Tags: slices.Clone(tags)}
	publish(t, a, invalidate.Event{Op: invalidate.Delete, Cache: "c", Keys: keys})
	publish(t, a, invalidate.Event{Op: invalidate.Tag, Cache: "c", Tags: tags})
	for i := range keys {
		keys[i], tags[i] = "scribble", "scribble"
	}
	own.wait(t, deletion, tag)
	other.wait(t, deletion, tag)
}

func publishUnderADoneContextFails(t *testing.T, a, _ invalidate.Bus) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := a.Publish(ctx, mark("late")); !errors.Is(err, context.Canceled) {
		t.Errorf("Publish under a canceled context: %v, want %v", err, context.Canceled)
	}
	ctx, cancel = context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	if err := a.Publish(ctx, mark("late")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Publish after its deadline: %v, want %v", err, context.DeadlineExceeded)
	}
}

func invalidEventsAreRefused(t *testing.T, a, b invalidate.Bus) {
	own, other := subscribe(t, a), subscribe(t, b)
	for _, e := range []invalidate.Event{
		{Cache: "no operation"},
		{Op: 200, Cache: "unknown operation"},
		{Op: invalidate.Clear, Origin: "no cache"},
	} {
		if err := a.Publish(t.Context(), e); err == nil {
			t.Errorf("Publish(%v) = nil, want an error", e)
		}
	}
	publish(t, a, mark("valid"))
	for _, s := range []*subscription{own, other} {
		s.wait(t, mark("valid"))
		if got := s.applied(); len(got) != 1 {
			t.Errorf("%v arrived, want the valid event only", got)
		}
	}
}

func allOfManyPublishersAreHeard(t *testing.T, a, b invalidate.Bus) {
	subs := []*subscription{subscribe(t, a), subscribe(t, a), subscribe(t, b)}
	const publishers, each = 8, 50
	var all []invalidate.Event
	var running sync.WaitGroup
	for p := range publishers {
		var mine []invalidate.Event
		for i := range each {
			mine = append(mine, mark(fmt.Sprintf("%d of %d", i, p)))
		}
		all = append(all, mine...)
		bus := []invalidate.Bus{a, b}[p%2]
		running.Go(func() {
			for _, e := range mine {
				publish(t, bus, e)
			}
		})
	}
	running.Wait()
	for _, s := range subs {
		s.wait(t, all...)
	}
}

func dropsComeBeforeEvents(t *testing.T, a, b invalidate.Bus) {
	stop := publishForever(t, b)
	for range 20 {
		s := subscribe(t, a) // its recorder objects to an event before the last drop
		s.waitAny(t)
		s.end(t)
	}
	stop()
}

func subscriptionsAreIndependent(t *testing.T, a, b invalidate.Bus) {
	first, second, other := subscribe(t, a), subscribe(t, a), subscribe(t, b)
	publish(t, b, mark("one"))
	first.wait(t, mark("one"))
	second.wait(t, mark("one"))
	first.end(t)
	publish(t, b, mark("two"))
	second.wait(t, mark("two"))
	third := subscribe(t, a)
	second.end(t)
	publish(t, b, mark("three"))
	third.wait(t, mark("three"))
	other.wait(t, mark("one"), mark("two"), mark("three"))
	third.end(t)
	// The bus must come back after its last subscription.
	fourth := subscribe(t, a)
	publish(t, b, mark("four"))
	fourth.wait(t, mark("four"))
}

func subscribeEndsWithItsContext(t *testing.T, a, _ invalidate.Bus) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := await(t, func() error { return a.Subscribe(ctx, new(recorder)) }); !errors.Is(err, context.Canceled) {
		t.Errorf("Subscribe under a canceled context: %v, want %v", err, context.Canceled)
	}
	ctx, cancel = context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := await(t, func() error { return a.Subscribe(ctx, new(recorder)) }); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Subscribe after its deadline: %v, want %v", err, context.DeadlineExceeded)
	}
	subscribe(t, a).end(t) // checks the error too
}

func nothingArrivesAfterTheEnd(t *testing.T, a, b invalidate.Bus) {
	witness := subscribe(t, a)
	stop := publishForever(t, b)
	for i := range 20 {
		s := subscribe(t, a)
		s.waitAny(t)
		s.end(t) // its recorder objects to every later call
		publish(t, b, mark(fmt.Sprint(i)))
		witness.wait(t, mark(fmt.Sprint(i)))
	}
	stop()
}

func boundIsConstant(t *testing.T, a, b invalidate.Bus) {
	before := a.Bound()
	if before < 0 {
		t.Errorf("Bound() = %v, want 0 or more", before)
	}
	s := subscribe(t, a)
	publish(t, b, mark("bound"))
	s.wait(t, mark("bound"))
	s.end(t)
	if after := a.Bound(); after != before {
		t.Errorf("Bound() = %v, was %v", after, before)
	}
	if before == 0 && s.confirmed() > 0 {
		t.Errorf("a bus without a bound calls Confirm")
	}
}

// mark returns an event that is told from others by its origin.
func mark(origin string) invalidate.Event {
	return invalidate.Event{Op: invalidate.Delete, Cache: "mark", Origin: origin, Keys: []string{"k"}}
}

// contains reports whether e is among events. An empty list is as good as none.
// isPart reports whether part is e, or e with some of its keys.
func isPart(part, e invalidate.Event) bool {
	same := part.Op == e.Op && part.Cache == e.Cache && part.Origin == e.Origin && slices.Equal(part.Tags, e.Tags)
	if len(part.Keys) == 0 || len(e.Keys) == 0 {
		return same && len(part.Keys) == len(e.Keys)
	}
	return same && len(minus(part.Keys, e.Keys)) == 0
}

// minus returns those of keys that are not in others.
func minus(keys, others []string) []string {
	there := make(map[string]bool, len(others))
	for _, key := range others {
		there[key] = true
	}
	return slices.DeleteFunc(slices.Clone(keys), func(key string) bool { return there[key] })
}

func publish(t *testing.T, bus invalidate.Bus, e invalidate.Event) {
	t.Helper()
	if err := bus.Publish(t.Context(), e); err != nil {
		t.Errorf("Publish(%.200v): %v", e, err)
	}
}

// publishForever publishes until stop is called or the test ends.
func publishForever(t *testing.T, bus invalidate.Bus) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			if err := bus.Publish(ctx, mark(fmt.Sprintf("forever %d", i))); err != nil && ctx.Err() == nil {
				t.Errorf("Publish: %v", err)
				return
			}
		}
	})
	stop = func() { cancel(); running.Wait() }
	t.Cleanup(stop)
	return stop
}
