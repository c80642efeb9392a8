package invalidatetest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/tiercache/tiercache/invalidate"
)

// patience is how long anything may take on a busy machine.
const patience = 20 * time.Second

// A recorder is a handler that remembers what it is told and objects to what a bus must not do.
type recorder struct {
	calls int // not guarded: the race detector sees two calls that nothing orders

	mu       sync.Mutex
	inside   bool                        // guarded by mu, as is the rest; a call is under way
	ended    bool                        // Subscribe has returned
	drops    [invalidate.Partitions]bool // partitions dropped at least once
	events   []invalidate.Event
	confirms int
	wrong    []string      // what the bus did wrong
	changed  chan struct{} // closed at the next call; nil if nobody waits
}

// enter begins a call of the handler and leave ends it. The lock is not held in between, so that a second call
// can be seen.
func (r *recorder) enter(method string) {
	r.calls++
	r.mu.Lock()
	if r.inside {
		r.object(method + " is called while the handler is busy")
	}
	if r.ended {
		r.object(method + " is called after Subscribe has returned")
	}
	r.inside = true
	r.mu.Unlock()
}

func (r *recorder) leave(note func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.inside = false
	note()
	if r.changed != nil {
		close(r.changed)
		r.changed = nil
	}
}

func (r *recorder) object(what string) {
	if len(r.wrong) < 5 && !slices.Contains(r.wrong, what) {
		r.wrong = append(r.wrong, what)
	}
}

func (r *recorder) dropped() bool { return !slices.Contains(r.drops[:], false) }

func (r *recorder) Apply(e invalidate.Event) {
	r.enter("Apply")
	r.leave(func() {
		if !r.dropped() {
			r.object("Apply is called before Drop of every partition")
		}
		r.events = append(r.events, e)
	})
}

func (r *recorder) Drop(partition int) {
	r.enter("Drop")
	r.leave(func() {
		if partition < 0 || partition >= invalidate.Partitions {
			r.object("Drop is called for a partition that does not exist")
			return
		}
		r.drops[partition] = true
	})
}

func (r *recorder) Confirm(int, time.Time) {
	r.enter("Confirm")
	r.leave(func() { r.confirms++ })
}

// until waits until ok, which is called under the lock, is true.
func (r *recorder) until(ok func() bool) bool {
	timeout := time.After(patience)
	for {
		r.mu.Lock()
		if ok() {
			r.mu.Unlock()
			return true
		}
		if r.changed == nil {
			r.changed = make(chan struct{})
		}
		changed := r.changed
		r.mu.Unlock()
		select {
		case <-changed:
		case <-timeout:
			return false
		}
	}
}

// A subscription is a recorder at work.
type subscription struct {
	recorder
	cancel context.CancelFunc
	done   chan struct{} // closed when Subscribe has returned
	err    error         // of Subscribe; valid after done
}

// subscribe begins a subscription and waits until it is in place. It ends with the test, which
// fails if the bus did something wrong.
func subscribe(t *testing.T, bus invalidate.Bus) *subscription {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	s := &subscription{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(s.done)
		s.err = bus.Subscribe(ctx, &s.recorder)
		s.mu.Lock()
		s.ended = true
		s.mu.Unlock()
	}()
	t.Cleanup(func() {
		s.end(t)
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, w := range s.wrong {
			t.Error(w)
		}
	})
	if !s.until(s.dropped) {
		t.Fatalf("Drop was not called for every partition within %v", patience)
	}
	return s
}

// end ends the subscription. To end it again does nothing.
func (s *subscription) end(t *testing.T) {
	t.Helper()
	s.cancel()
	select {
	case <-s.done:
	case <-time.After(patience):
		t.Fatalf("Subscribe does not return within %v of the end of its context", patience)
	}
	if !errors.Is(s.err, context.Canceled) {
		t.Errorf("Subscribe returned %v, want %v", s.err, context.Canceled)
	}
}

// wait waits until all events have arrived, each as a whole or in parts.
func (s *subscription) wait(t *testing.T, events ...invalidate.Event) {
	t.Helper()
	missing := slices.Clone(events)
	seen := 0
	ok := s.until(func() bool {
		for ; seen < len(s.events); seen++ {
			got := s.events[seen]
			missing = slices.DeleteFunc(missing, func(e invalidate.Event) bool { return isPart(got, e) && len(minus(e.Keys, got.Keys)) == 0 })
			for i, e := range missing {
				if isPart(got, e) {
					missing[i].Keys = minus(e.Keys, got.Keys)
				}
			}
		}
		return len(missing) == 0
	})
	if !ok {
		t.Fatalf("%d of %d events did not arrive within %v, the first is %.200v", len(missing), len(events), patience, missing[0])
	}
}

// waitAny waits until an event has arrived.
func (s *subscription) waitAny(t *testing.T) {
	t.Helper()
	if !s.until(func() bool { return len(s.events) > 0 }) {
		t.Fatalf("no event arrived within %v", patience)
	}
}

func (s *subscription) applied() []invalidate.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.events)
}

func (s *subscription) confirmed() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.confirms
}

// await calls f and fails the test if it does not return.
func await(t *testing.T, f func() error) error {
	t.Helper()
	result := make(chan error, 1)
	go func() { result <- f() }()
	select {
	case err := <-result:
		return err
	case <-time.After(patience):
		t.Fatalf("Subscribe does not return within %v of the end of its context", patience)
		return nil
	}
}
