package redisbus_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tiercache/tiercache/invalidate"
	"github.com/tiercache/tiercache/invalidate/redisbus"
)

func coalesce(d time.Duration) func(*redisbus.Config) {
	return func(c *redisbus.Config) { c.Coalesce = d }
}

// manyKeys is a deletion of n keys.
func manyKeys(n int) invalidate.Event {
	e := deletion("")
	e.Keys = slices.Repeat([]string{"k"}, n)
	return e
}

func TestEventsAtOneTimeAreOneMessage(t *testing.T) {
	b, _, y, l := pair(t, coalesce(50*time.Millisecond))
	if err := b.Publish(t.Context(), deletion("warm")); err != nil {
		t.Fatal(err)
	}
	y.take()
	const n = 200
	var publishing sync.WaitGroup
	for i := range n {
		publishing.Go(func() {
			if err := b.Publish(t.Context(), deletion(fmt.Sprint("k", i))); err != nil {
				t.Errorf("Publish: %v", err)
			}
		})
	}
	publishing.Wait()
	_, commands := y.take()
	if got := commands["evalsha"]; got == 0 || got > n/4 {
		t.Errorf("%d events were %d messages, want few", n, got)
	}
	for i := range n {
		eventually(t, "each event arrives", func() bool { return l.heard(fmt.Sprint("k", i)) })
	}
	if got := b.Stats(); got.Published != n+1 || got.Coalesced != n-uint64(commands["evalsha"]) {
		t.Errorf("Stats() = %+v of %d messages, want all events published", got, commands["evalsha"])
	}
}

// gate makes the publisher wait until the gate is opened with an error, or nil.
func gate(y *tally) (open func(error)) {
	opened := make(chan struct{})
	var result error
	y.mu.Lock()
	defer y.mu.Unlock()
	y.before = func([]redis.Cmder) error { <-opened; return result }
	return func(err error) { result = err; close(opened) }
}

func TestCoalescedEventIsAcknowledgedAfterItsMessage(t *testing.T) {
	refused := errors.New("refused")
	for _, want := range []error{nil, refused} {
		t.Run(fmt.Sprint(want), func(t *testing.T) {
			b, _, y, _ := pair(t, coalesce(10*time.Millisecond))
			open := gate(y)
			ctx, cancel := context.WithCancel(t.Context())
			left := make(chan error, 1)
			acks := make(chan error, 10)
			go func() { left <- b.Publish(ctx, deletion("left")) }()
			for i := range cap(acks) {
				go func() { acks <- b.Publish(t.Context(), deletion(fmt.Sprint("k", i))) }()
			}
			eventually(t, "a message is under way", func() bool {
				y.mu.Lock()
				defer y.mu.Unlock()
				return y.trips > 0
			})
			cancel()
			if err := <-left; !errors.Is(err, context.Canceled) {
				t.Errorf("Publish = %v after its context has ended, want that", err)
			}
			select {
			case err := <-acks:
				t.Errorf("Publish = %v before the message was sent", err)
			case <-time.After(100 * time.Millisecond):
			}
			open(want)
			for range cap(acks) {
				if err := <-acks; !errors.Is(err, want) {
					t.Errorf("Publish = %v, want %v", err, want)
				}
			}
		})
	}
}

func TestEventsOfDifferentSendersAreNotMixed(t *testing.T) {
	b, _, y, _ := pair(t, coalesce(100*time.Millisecond))
	if err := b.Publish(t.Context(), deletion("warm")); err != nil {
		t.Fatal(err)
	}
	y.take()
	got := make(chan invalidate.Event, 10)
	subscribe(t, b, funcs{apply: func(e invalidate.Event) { got <- e }, drop: func(int) {}})
	eventually(t, "the subscription is in place", func() bool { return b.Stats().Connected })
	var publishing sync.WaitGroup
	for _, sender := range []string{"a1", "a2", "b1"} {
		for i := range 2 {
			publishing.Go(func() {
				e := invalidate.Event{Op: invalidate.Delete, Cache: sender[:1], Origin: sender, Keys: []string{fmt.Sprint(sender, i)}}
				if err := b.Publish(t.Context(), e); err != nil {
					t.Errorf("Publish: %v", err)
				}
			})
		}
	}
	publishing.Wait()
	keys := 0
	for keys < 6 {
		e := <-got
		for _, k := range e.Keys {
			keys++
			if e.Cache != k[:1] || e.Origin != k[:2] {
				t.Errorf("key %q came in an event of cache %q and origin %q", k, e.Cache, e.Origin)
			}
		}
	}
}

func TestInvalidEventDoesNotSpoilTheOthers(t *testing.T) {
	b, _, _, l := pair(t, coalesce(100*time.Millisecond))
	good := make(chan error, 1)
	go func() { good <- b.Publish(t.Context(), deletion("good")) }()
	bad := deletion("bad")
	bad.Tags = []string{"a tag"}
	if err := b.Publish(t.Context(), bad); err == nil {
		t.Error("Publish of an event that is not valid = nil")
	}
	if err := <-good; err != nil {
		t.Errorf("Publish: %v", err)
	}
	eventually(t, "the event arrives", func() bool { return l.heard("good") })
}

// With an hour to wait, whatever returns has not waited.
func TestLargeEventsDoNotWait(t *testing.T) {
	b, rdb, _, l := pair(t, coalesce(time.Hour))
	if err := b.Publish(t.Context(), manyKeys(512)); err != nil {
		t.Errorf("Publish: %v", err)
	}
	if err := b.Publish(t.Context(), invalidate.Event{Op: invalidate.Clear, Cache: "c"}); err != nil {
		t.Errorf("Publish: %v", err)
	}
	rdb.Set(t.Context(), "name", "v", 0)
	acks := make(chan error, 2)
	go func() { acks <- b.Publish(t.Context(), manyKeys(300)) }()
	go func() { acks <- b.PublishDelete(t.Context(), manyKeys(300), rdb, []string{"name"}) }()
	for range cap(acks) {
		select {
		case err := <-acks:
			if err != nil {
				t.Errorf("Publish: %v", err)
			}
		case <-time.After(patience):
			t.Fatal("a batch that is full still waits")
		}
	}
	eventually(t, "the events arrive", func() bool { return l.heard("k") })
	if rdb.Exists(t.Context(), "name").Val() != 0 {
		t.Error("the name is still there")
	}
}
