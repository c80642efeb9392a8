// Package backendtest tests implementations of backend.Backend.
//
// The author of a store calls Test from a test of his own:
//
//	func TestConformance(t *testing.T) {
//		backendtest.Test(t, func(t *testing.T) backend.Backend { return mystore.New() }, backendtest.Options{})
//	}
//
// Three methods are enough. What else the store implements, backend.Batcher, backend.Leaser and backend.Clock, is
// tested where it is there. Run it with the race detector: some of the tests use the store from many goroutines.
package backendtest

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiercache/tiercache/backend"
)

// Options say how time passes for the store under test. With the zero Options the tests wait, a fraction of a second in all, until
// the store's own clock has moved.
type Options struct {
	// Advance moves the clock by which the store expires values. Set it if that clock can be moved.
	Advance func(d time.Duration)
	// Bubble runs every test in a testing/synctest bubble of its own. Set it if the store lives in the process and reads
	// the time from package time; then Advance is not needed. The store must not leave goroutines behind.
	Bubble bool
}

// Test tests the Backends that open returns. It calls open once for each test, with the T of that test.
// The results may share their storage with each other and with anything else: every test
// makes up its keys at random.
func Test(t *testing.T, open func(t *testing.T) backend.Backend, opts Options) {
	t.Helper()
	cases := slices.Concat(baseCases, expiryCases, batchCases, leaseCases, clockCases)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			body := func(t *testing.T) {
				s := &subject{T: t, b: open(t), advance: opts.Advance, space: rand.Text() + ":"}
				if opts.Bubble && s.advance == nil {
					s.advance = time.Sleep
				}
				if c.lease {
					s.needLeaser()
				}
				if c.clock {
					s.needClock()
				}
				c.run(s)
			}
			if opts.Bubble {
				synctest.Test(t, body)
			} else {
				body(t)
			}
		})
	}
}

// A testCase is one statement about a store.
type testCase struct {
	name  string
	lease bool // needs a Leaser
	clock bool // needs a Clock
	run   func(s *subject)
}

const (
	short    = 60 * time.Millisecond // a ttl that a test waits for
	long     = time.Hour             // a ttl that no test outlives
	patience = 10 * time.Second      // the longest that anything may take
	poll     = 5 * time.Millisecond
)

// A subject is the store under test together with the test. Its methods fail the test on an unexpected error.
type subject struct {
	*testing.T
	b       backend.Backend
	advance func(time.Duration)
	space   string // begins all keys of the test
	markers int
}

// key returns a key that no other test uses.
func (s *subject) key(name string) string { return s.space + name }

func (s *subject) set(key, value string, ttl time.Duration) {
	s.Helper()
	if err := s.b.Set(s.Context(), key, []byte(value), ttl); err != nil {
		s.Fatalf("Set(%s, %s, %v) = %v, want nil", brief(key), brief(value), ttl, err)
	}
}

func (s *subject) get(key string) (value []byte, ok bool) {
	s.Helper()
	value, ok, err := s.b.Get(s.Context(), key)
	if err != nil {
		s.Fatalf("Get(%s) = _, _, %v, want a nil error", brief(key), err)
	}
	return value, ok
}

func (s *subject) delete(keys ...string) {
	s.Helper()
	if err := s.b.Delete(s.Context(), keys...); err != nil {
		s.Fatalf("Delete of %d keys = %v, want nil", len(keys), err)
	}
}

func (s *subject) wantValue(key, want string) {
	s.Helper()
	if got, ok := s.get(key); !ok || string(got) != want {
		s.Errorf("Get(%s) = %s, %t, want %s, true", brief(key), brief(string(got)), ok, brief(want))
	}
}

func (s *subject) wantAbsent(key string) {
	s.Helper()
	if got, ok := s.get(key); ok {
		s.Errorf("Get(%s) = %s, true, want it absent", brief(key), brief(string(got)))
	}
}

// pass lets d pass on the clock of the store.
func (s *subject) pass(d time.Duration) {
	s.Helper()
	if s.advance != nil {
		s.advance(d)
		return
	}
	// A value that lives for d has expired when d has passed, by whichever clock.
	s.markers++
	marker := s.key("marker" + strconv.Itoa(s.markers))
	s.set(marker, "", d)
	s.eventuallyAbsent(marker)
}

func (s *subject) eventuallyAbsent(key string) {
	s.Helper()
	for deadline := time.Now().Add(patience); ; {
		if _, ok := s.get(key); !ok {
			return
		}
		if time.Now().After(deadline) {
			s.Fatalf("Get(%s) still finds the value, %v after it should have expired", brief(key), patience)
		}
		<-time.After(poll)
	}
}

// prompt runs f and fails the test if that takes unreasonably long.
func (s *subject) prompt(what string, f func() error) (err error) {
	s.Helper()
	done := make(chan error, 1)
	go func() { done <- f() }()
	select {
	case err := <-done:
		return err
	case <-time.After(patience):
		s.Fatalf("%s has not returned after %v", what, patience)
		return nil
	}
}

// needLeaser skips the test if the store has no conditional writes.
func (s *subject) needLeaser() {
	s.Helper()
	_, _, err := backend.Add(s.Context(), s.b, s.key("probe"), []byte("v"), long)
	if errors.Is(err, errors.ErrUnsupported) {
		s.Skipf("%T is no Leaser", s.b)
	}
}

func (s *subject) cancelled() context.Context {
	ctx, cancel := context.WithCancel(s.Context())
	cancel()
	return ctx
}

// brief quotes what may be long.
func brief(v string) string {
	const most = 60
	if len(v) <= most {
		return strconv.Quote(v)
	}
	return strconv.Quote(v[:most]) + "... (" + strconv.Itoa(len(v)) + " bytes)"
}
