package backendtest

import (
	"encoding/binary"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tiercache/tiercache/backend"
)

var leaseCases = []testCase{
	{name: "AddStoresWhatIsAbsent", lease: true, run: func(s *subject) {
		key := s.key("k")
		s.add(key, "mine", short, "", true)
		s.wantValue(key, "mine")
		s.pass(2 * short)
		s.add(key, "next", 0, "", true) // after expiry
		s.pass(2 * short)
		s.wantValue(key, "next")
		s.delete(key)
		s.add(key, "", long, "", true) // after a delete
		s.wantValue(key, "")
	}},
	{name: "AddLeavesWhatIsPresent", lease: true, run: func(s *subject) {
		key := s.key("k")
		s.set(key, "theirs", short)
		s.add(key, "mine", long, "theirs", false)
		s.wantValue(key, "theirs")
		s.pass(2 * short)
		s.wantAbsent(key) // the ttl is the old one
		s.set(key, "", long)
		s.add(key, "mine", long, "", false) // an empty value is there
		s.wantValue(key, "")
	}},
	{name: "ReplaceComparesTheHead", lease: true, run: func(s *subject) {
		key := s.key("k")
		s.wantReplace(key, "head", "value", long, false)
		s.wantAbsent(key)
		s.set(key, "head and tail", long)
		for _, other := range []string{"tail", "h e", "Head", "head and tail and more", "\x00"} {
			s.wantReplace(key, other, "value", long, false)
		}
		s.wantValue(key, "head and tail")
		s.wantReplace(key, "head", "new", long, true)
		s.wantValue(key, "new")
		s.wantReplace(key, "new", "", long, true) // a head may be all of the value
		s.wantValue(key, "")
		s.wantReplace(key, "n", "late", long, false)
	}},
	{name: "ReplaceSetsTheTTL", lease: true, run: func(s *subject) {
		s.set(s.key("longer"), "1", short)
		s.set(s.key("kept"), "1", short)
		s.set(s.key("shorter"), "1", 0)
		s.wantReplace(s.key("longer"), "1", "2", long, true)
		s.wantReplace(s.key("kept"), "1", "2", 0, true)
		s.wantReplace(s.key("shorter"), "1", "2", short, true)
		s.pass(2 * short)
		s.wantValue(s.key("longer"), "2")
		s.wantValue(s.key("kept"), "2")
		s.wantAbsent(s.key("shorter"))
		s.wantReplace(s.key("shorter"), "2", "3", long, false) // expired: there is no head
	}},
	{name: "PatchChangesOnlyTheHead", lease: true, run: func(s *subject) {
		key, head := s.key("k"), "\x00\x01\xff\r"
		s.wantPatch(key, "head", "HEAD", false)
		s.wantAbsent(key)
		s.set(key, head+" and a tail", short)
		s.wantPatch(key, "tail", "TAIL", false)
		s.wantPatch(key, head+" and a tail and more", head+" and a tail and MORE", false)
		s.wantValue(key, head+" and a tail")
		s.wantPatch(key, head, "\xfe\x00\x00\n", true)
		s.wantValue(key, "\xfe\x00\x00\n and a tail")
		s.wantPatch(key, head, "\xfe\x00\x00\n", false) // the head has changed
		s.pass(2 * short)
		s.wantAbsent(key) // the ttl is the old one
		s.set(key, "all", 0)
		s.wantPatch(key, "all", "new", true)
		s.pass(2 * short)
		s.wantValue(key, "new") // and so is none
	}},
	{name: "DeleteIfComparesTheHead", lease: true, run: func(s *subject) {
		key := s.key("k")
		s.wantDeleteIf(key, "head", false)
		s.set(key, "head and tail", long)
		s.wantDeleteIf(key, "tail", false)
		s.wantDeleteIf(key, "head and tail and more", false)
		s.wantValue(key, "head and tail")
		s.wantDeleteIf(key, "head", true)
		s.wantAbsent(key)
		s.wantDeleteIf(key, "head", false)
	}},
	{name: "LeaseBuffersBelongToTheCaller", lease: true, run: func(s *subject) {
		key, buf := s.key("k"), []byte("value")
		if _, _, err := backend.Add(s.Context(), s.b, key, buf, long); err != nil {
			s.Fatalf("Add(%q) = %v, want nil", key, err)
		}
		scribble(buf)
		existing, _, err := backend.Add(s.Context(), s.b, key, buf, long)
		if err != nil {
			s.Fatalf("Add(%q) = %v, want nil", key, err)
		}
		scribble(existing)
		s.wantValue(key, "value")
		buf = []byte("other")
		if _, err := backend.Replace(s.Context(), s.b, key, []byte("val"), buf, long); err != nil {
			s.Fatalf("Replace(%q) = %v, want nil", key, err)
		}
		scribble(buf)
		s.wantValue(key, "other")
	}},
	{name: "BadLeaseArgumentsAreErrors", lease: true, run: testBadLease},
	{name: "OneOfManyAddsWins", lease: true, run: testAddContention},
	{name: "ReplaceLosesNoIncrement", lease: true, run: testReplaceContention},
}

func testBadLease(s *subject) {
	key, head, ctx := s.key("k"), []byte("va"), s.Context()
	s.set(key, "value", long)
	calls := map[string]func() error{
		"Add with a negative ttl": func() error {
			_, _, err := backend.Add(ctx, s.b, s.key("absent"), head, -1)
			return err
		},
		"Add with a cancelled context": func() error {
			_, _, err := backend.Add(s.cancelled(), s.b, s.key("absent"), head, long)
			return err
		},
	}
	bad := func(what string, f func() (bool, error)) {
		calls[what] = func() error {
			done, err := f()
			if done {
				s.Errorf("%s = true, want false", what)
			}
			return err
		}
	}
	replace := func(head []byte, ttl time.Duration) func() (bool, error) {
		return func() (bool, error) { return backend.Replace(ctx, s.b, key, head, []byte("new"), ttl) }
	}
	patch := func(head, newHead string) func() (bool, error) {
		return func() (bool, error) { return backend.Patch(ctx, s.b, key, []byte(head), []byte(newHead)) }
	}
	bad("Replace with a negative ttl", replace(head, -1))
	bad("Replace with a nil head", replace(nil, long))
	bad("Replace with an empty head", replace([]byte{}, long))
	bad("Replace with a cancelled context", func() (bool, error) {
		return backend.Replace(s.cancelled(), s.b, key, head, []byte("new"), long)
	})
	bad("Patch with empty heads", patch("", ""))
	bad("Patch with a longer head", patch("va", "new"))
	bad("Patch with a shorter head", patch("va", "n"))
	bad("Patch with a cancelled context", func() (bool, error) {
		return backend.Patch(s.cancelled(), s.b, key, head, []byte("ne"))
	})
	bad("DeleteIf with an empty head", func() (bool, error) { return backend.DeleteIf(ctx, s.b, key, nil) })
	bad("DeleteIf with a cancelled context", func() (bool, error) { return backend.DeleteIf(s.cancelled(), s.b, key, head) })
	for what, call := range calls {
		if err := s.prompt(what, call); err == nil {
			s.Errorf("%s = nil, want an error", what)
		}
	}
	s.wantValue(key, "value")
	s.wantAbsent(s.key("absent"))
}

// testAddContention has goroutines add the same keys at once. For every key one of them must win, and all
// others must be shown its value.
func testAddContention(s *subject) {
	const workers, keys = 16, 20
	for k := range keys {
		key := s.key(fmt.Sprint(k))
		var winners atomic.Int32
		var seen [workers]string
		var wg sync.WaitGroup
		for w := range workers {
			wg.Go(func() {
				mine := fmt.Sprint("value of ", w)
				existing, added, err := backend.Add(s.Context(), s.b, key, []byte(mine), long)
				switch {
				case err != nil:
					s.Errorf("Add(%q) = %v, want nil", key, err)
				case added:
					winners.Add(1)
					seen[w] = mine
				default:
					seen[w] = string(existing)
				}
			})
		}
		wg.Wait()
		if n := winners.Load(); n != 1 {
			s.Errorf("%d of %d concurrent calls of Add stored a value, want 1", n, workers)
		}
		stored, _ := s.get(key)
		for w, v := range seen {
			if v != string(stored) {
				s.Errorf("Add showed %q to goroutine %d, want %q", v, w, stored)
			}
		}
	}
}

// testReplaceContention counts in a value whose head is the count, by compare and swap.
func testReplaceContention(s *subject) {
	const workers, rounds = 8, 10
	key := s.key("counter")
	tail := strings.Repeat("x", 100)
	encode := func(n uint64) []byte { return append(binary.BigEndian.AppendUint64(nil, n), tail...) }
	s.set(key, string(encode(0)), long)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for done := 0; done < rounds; {
				v, ok, err := s.b.Get(s.Context(), key)
				if err != nil || !ok || len(v) != 8+len(tail) {
					s.Errorf("Get(%q) = %q, %t, %v, want the counter", key, v, ok, err)
					return
				}
				replaced, err := backend.Replace(s.Context(), s.b, key, v[:8], encode(binary.BigEndian.Uint64(v)+1), long)
				if err != nil {
					s.Errorf("Replace(%q) = %v, want nil", key, err)
					return
				}
				if replaced {
					done++
				}
			}
		})
	}
	wg.Wait()
	s.wantValue(key, string(encode(workers*rounds)))
}

func (s *subject) add(key, value string, ttl time.Duration, existing string, added bool) {
	s.Helper()
	got, ok, err := backend.Add(s.Context(), s.b, key, []byte(value), ttl)
	if err != nil || ok != added || string(got) != existing {
		s.Errorf("Add(%q, %q) = %q, %t, %v, want %q, %t, nil", key, value, got, ok, err, existing, added)
	}
}

func (s *subject) wantReplace(key, head, value string, ttl time.Duration, want bool) {
	s.Helper()
	if got, err := backend.Replace(s.Context(), s.b, key, []byte(head), []byte(value), ttl); err != nil || got != want {
		s.Errorf("Replace(%q, head %q) = %t, %v, want %t, nil", key, head, got, err, want)
	}
}

func (s *subject) wantPatch(key, head, newHead string, want bool) {
	s.Helper()
	if got, err := backend.Patch(s.Context(), s.b, key, []byte(head), []byte(newHead)); err != nil || got != want {
		s.Errorf("Patch(%q, %q, %q) = %t, %v, want %t, nil", key, head, newHead, got, err, want)
	}
}

func (s *subject) wantDeleteIf(key, head string, want bool) {
	s.Helper()
	if got, err := backend.DeleteIf(s.Context(), s.b, key, []byte(head)); err != nil || got != want {
		s.Errorf("DeleteIf(%q, head %q) = %t, %v, want %t, nil", key, head, got, err, want)
	}
}
