package backendtest

import (
	"context"
	"sync"
	"time"

	"github.com/tiercache/tiercache/backend"
)

var clockCases = []testCase{
	{name: "TimeGoesOn", clock: true, run: func(s *subject) {
		first := s.now()
		if first.IsZero() {
			s.Errorf("Now() is the zero time")
		}
		for deadline := time.Now().Add(patience); !s.now().After(first); <-time.After(poll) {
			if time.Now().After(deadline) {
				s.Fatalf("Now() is still %v, after %v", first, patience)
			}
		}
	}},
	{name: "TimeIsTheSameForAll", clock: true, run: func(s *subject) {
		before := s.now()
		times := make([]time.Time, 8)
		var wg sync.WaitGroup
		for i := range times {
			wg.Go(func() { times[i] = s.now() })
		}
		wg.Wait()
		after := s.now()
		const tolerance = time.Second // a clock that is far away may be told better the second time
		for _, now := range times {
			if now.Before(before.Add(-tolerance)) || now.After(after.Add(tolerance)) {
				s.Errorf("Now() = %v between calls that returned %v and %v", now, before, after)
			}
		}
	}},
	{name: "TimeOfACancelledCall", clock: true, run: func(s *subject) {
		var now time.Time
		err := s.prompt("Now with a cancelled context", func() (err error) {
			now, err = s.b.(backend.Clock).Now(s.cancelled())
			return err
		})
		if err == nil && now.IsZero() {
			s.Errorf("Now() with a cancelled context is the zero time without an error")
		}
	}},
}

func (s *subject) now() time.Time {
	s.Helper()
	now, err := s.b.(backend.Clock).Now(context.WithoutCancel(s.Context()))
	if err != nil {
		s.Errorf("Now() = %v, want nil", err)
	}
	return now
}

// needClock skips the test if the store does not tell its time.
func (s *subject) needClock() {
	s.Helper()
	if _, ok := s.b.(backend.Clock); !ok {
		s.Skipf("%T is no Clock", s.b)
	}
}
