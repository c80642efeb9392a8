package tiertest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/tiercache/tiercache/tier"
)

// A subject is a tier under test.
type subject struct {
	tier   tier.Tier[string]
	shared bool // between processes

	mu   sync.Mutex
	lost map[string]bool // keys that the tier has reported as rejected, dropped or evicted
}

// newSubject opens a tier and closes it when the test ends.
func newSubject(t *testing.T, under tier.Tier[string]) *subject {
	t.Helper()
	s := &subject{tier: under, lost: make(map[string]bool)}
	_, s.shared = under.(tier.Clearer)
	if o, ok := under.(tier.Opener); ok {
		err := o.Open(tier.Scope{
			Cache:         "tiertest",
			MaxValueBytes: 1 << 20,
			Epoch:         func() uint64 { return 1 },
			Report:        s.report,
		})
		if err != nil {
			t.Fatalf("Open() = %v, want nil", err)
		}
	}
	if c, ok := under.(tier.Closer); ok {
		t.Cleanup(func() { _ = c.Close() }) // some parts have closed it already
	}
	return s
}

func (s *subject) report(p tier.Problem) {
	switch p.Kind {
	case tier.Dropped, tier.Evicted, tier.Rejected:
		s.mu.Lock()
		defer s.mu.Unlock()
		s.lost[p.Key] = true
	}
}

func (s *subject) reported(key string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lost[key]
}

// rounds returns n, or less for a tier that has to be asked over a network.
func (s *subject) rounds(n int) int {
	if s.shared {
		return max(n/100, 10)
	}
	if testing.Short() {
		return max(n/10, 10)
	}
	return n
}

func key(i int) string { return fmt.Sprintf("key:%d", i) }

// entry returns an entry that is fresh for a minute and served for an hour.
func entry(key, value string) *tier.Entry[string] {
	now := tier.Now()
	return &tier.Entry[string]{
		Key:        key,
		Value:      value,
		FreshUntil: now.Add(time.Minute),
		ExpiresAt:  now.Add(time.Hour),
	}
}

func (s *subject) set(t *testing.T, e *tier.Entry[string]) {
	t.Helper()
	if err := s.tier.Set(context.Background(), e); err != nil {
		t.Fatalf("Set(%q) = %v, want nil", e.Key, err)
	}
}

func (s *subject) delete(t *testing.T, keys ...string) {
	t.Helper()
	if err := s.tier.Delete(context.Background(), keys...); err != nil {
		t.Fatalf("Delete(%q) = %v, want nil", keys, err)
	}
}

// get returns the entry of key, nil for a miss.
func (s *subject) get(t *testing.T, key string) *tier.Entry[string] {
	t.Helper()
	e, ok, err := s.tier.Get(context.Background(), key)
	if err != nil {
		t.Fatalf("Get(%q) = error %v, want none", key, err)
	}
	if !ok {
		return nil
	}
	if e == nil {
		t.Fatalf("Get(%q) = nil, true", key)
	}
	return e
}

func (s *subject) wantMiss(t *testing.T, key string) {
	t.Helper()
	if e := s.get(t, key); e != nil {
		t.Fatalf("Get(%q) = %q, want a miss", key, e.Value)
	}
}

// want checks that the tier has e: the very same if it is in this process, else an equal one.
func (s *subject) want(t *testing.T, e *tier.Entry[string]) {
	t.Helper()
	got := s.get(t, e.Key)
	switch {
	case got == nil:
		t.Fatalf("Get(%q) is a miss, want %q", e.Key, e.Value)
	case !s.shared && got != e:
		t.Fatalf("Get(%q) = entry %p with value %q, want the entry that was set, %p with value %q", e.Key, got, got.Value, e, e.Value)
	case !s.shared:
		return
	case got == e:
		t.Fatalf("Get(%q) returned the entry that was set: a shared tier returns a new one", e.Key)
	case got.Stamp != tier.Stamp{AsOf: got.Stamp.AsOf} || got.Stamp.AsOf > tier.Now():
		t.Fatalf("Get(%q) has Stamp %+v, want zero from a shared tier, or AsOf alone and in the past", e.Key, got.Stamp)
	}
	if diff := difference(got, e); diff != "" {
		t.Fatalf("Get(%q): %s", e.Key, diff)
	}
}

// difference says how got differs from want. What shared tiers do not keep, the Stamp and the Size, is left out,
// and instants may differ by what is lost on the way through another clock.
func difference(got, want *tier.Entry[string]) string {
	const tolerance = 2 * time.Second
	switch {
	case got.Key != want.Key:
		return fmt.Sprintf("Key is %q, want %q", got.Key, want.Key)
	case got.Value != want.Value:
		return fmt.Sprintf("Value is %q, want %q", got.Value, want.Value)
	case got.Absent != want.Absent:
		return fmt.Sprintf("Absent is %v, want %v", got.Absent, want.Absent)
	case !slices.Equal(got.Tags, want.Tags):
		return fmt.Sprintf("Tags are %v, want %v", got.Tags, want.Tags)
	case got.FreshUntil.Sub(want.FreshUntil).Abs() > tolerance:
		return fmt.Sprintf("FreshUntil is off by %v", got.FreshUntil.Sub(want.FreshUntil))
	case got.ExpiresAt.Sub(want.ExpiresAt).Abs() > tolerance:
		return fmt.Sprintf("ExpiresAt is off by %v", got.ExpiresAt.Sub(want.ExpiresAt))
	}
	return ""
}
