// Package tiertest tests implementations of tier.Tier.
//
// The test of an implementation calls Test with a function that makes a tier:
//
//	func TestConformance(t *testing.T) {
//		tiertest.Test(t, func(t *testing.T) tier.Tier[string] {
//			return mytier.New[string](mytier.Config{MaxEntries: 1 << 20})
//		})
//	}
//
// Run it with the race detector: the parts with many goroutines are there for it, too.
package tiertest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tiercache/tiercache/tier"
)

// Test checks that a tier keeps its contract while nothing fails. New is called for each part of the test. It returns a tier that
// has not been opened and holds nothing, with room for a million entries of 100 bytes. Test opens it if it is a tier.Opener, and closes
// it if it is a tier.Closer; what else new starts should end with its t.
//
// A tier that is a tier.Clearer is taken for one that is shared between processes: it returns new entries with a zero Stamp. Any
// other returns the pointers that it was given, and is written much more.
func Test(t *testing.T, new func(t *testing.T) tier.Tier[string]) {
	for _, part := range []struct {
		name string
		run  func(t *testing.T, s *subject)
	}{
		{"NameIsConstant", nameIsConstant},
		{"MissIsNoError", missIsNoError},
		{"OwnWriteIsReadableAtOnce", ownWriteIsReadableAtOnce},
		{"SecondSetOfANewKeyWins", secondSetOfANewKeyWins},
		{"UpdateIsReadableAtOnce", updateIsReadableAtOnce},
		{"DeletedEntryDoesNotComeBack", deletedEntryDoesNotComeBack},
		{"SetAfterDeleteIsReadable", setAfterDeleteIsReadable},
		{"DeleteRemovesAllItsKeys", deleteRemovesAllItsKeys},
		{"DeleteOfAbsentKeysIsNoError", deleteOfAbsentKeysIsNoError},
		{"KeysAreExact", keysAreExact},
		{"HasKnowsWhatGetFinds", hasKnowsWhatGetFinds},
		{"StaleEntriesAreReturned", staleEntriesAreReturned},
		{"ExpiredEntryReplacesAnOlderOne", expiredEntryReplacesAnOlderOne},
		{"AbsentEntriesAreKept", absentEntriesAreKept},
		{"AllFieldsAreKept", allFieldsAreKept},
		{"EntriesAreNotChanged", entriesAreNotChanged},
		{"ReadersNeverGoBack", readersNeverGoBack},
		{"NothingIsLostSilently", nothingIsLostSilently},
		{"NothingIsServedAfterClose", nothingIsServedAfterClose},
	} {
		t.Run(part.name, func(t *testing.T) { part.run(t, newSubject(t, new(t))) })
	}
}

func nameIsConstant(t *testing.T, s *subject) {
	name := s.tier.Name()
	if name == "" {
		t.Error("Name() is empty")
	}
	s.set(t, entry("k", "v"))
	if again := s.tier.Name(); again != name {
		t.Errorf("Name() = %q, then %q", name, again)
	}
}

func missIsNoError(t *testing.T, s *subject) {
	s.wantMiss(t, "k")
	s.set(t, entry("other", "v"))
	s.wantMiss(t, "k")
}

func ownWriteIsReadableAtOnce(t *testing.T, s *subject) {
	for i := range s.rounds(20_000) {
		e := entry(key(i), "v")
		s.set(t, e)
		s.want(t, e)
	}
}

func secondSetOfANewKeyWins(t *testing.T, s *subject) {
	last := make([]*tier.Entry[string], s.rounds(20_000))
	for i := range last {
		s.set(t, entry(key(i), "first"))
		last[i] = entry(key(i), "second")
		s.set(t, last[i])
		s.want(t, last[i])
	}
	for _, e := range last {
		s.want(t, e) // later, too
	}
}

func updateIsReadableAtOnce(t *testing.T, s *subject) {
	for i := range s.rounds(20_000) {
		e := entry("k", fmt.Sprint(i))
		s.set(t, e)
		s.want(t, e)
	}
}

func deletedEntryDoesNotComeBack(t *testing.T, s *subject) {
	stop := s.traffic(t)
	defer stop()
	var deleted []string
	for i := range s.rounds(20_000) {
		k := key(i)
		s.set(t, entry(k, "v"))
		s.delete(t, k)
		s.wantMiss(t, k)
		deleted = append(deleted, k)
		if i >= 50 {
			s.wantMiss(t, deleted[i-50]) // what was queued has been applied meanwhile
		}
	}
	for _, k := range deleted {
		s.wantMiss(t, k)
	}
}

func setAfterDeleteIsReadable(t *testing.T, s *subject) {
	stop := s.traffic(t)
	defer stop()
	for i := range s.rounds(20_000) {
		k := key(i % 10)
		s.delete(t, k)
		e := entry(k, fmt.Sprint(i))
		s.set(t, e)
		s.want(t, e)
	}
}

func deleteRemovesAllItsKeys(t *testing.T, s *subject) {
	var keys []string
	for i := range s.rounds(1000) {
		keys = append(keys, key(i))
		s.set(t, entry(key(i), "v"))
	}
	kept := entry("kept", "v")
	s.set(t, kept)
	s.delete(t, keys...)
	for _, k := range keys {
		s.wantMiss(t, k)
	}
	s.want(t, kept)
	if !slices.Equal(keys[:2], []string{key(0), key(1)}) {
		t.Errorf("Delete changed the slice of its keys to %q, ...", keys[:2])
	}
}

func deleteOfAbsentKeysIsNoError(t *testing.T, s *subject) {
	s.delete(t)
	s.delete(t, "never set")
	s.set(t, entry("k", "v"))
	s.delete(t, "k", "never set", "k")
	s.delete(t, "k")
	s.wantMiss(t, "k")
}

func keysAreExact(t *testing.T, s *subject) {
	names := []string{"a", "A", "a ", " a", "aa", "a:", "a:b", "a/b", "a\x00", "a\x00b", "{a}", "{a}b", "*", "a*", "a?", "é", "e\u0301", "\xff", "a\r\n", strings.Repeat("a", 1000), strings.Repeat("a", 999)}
	var entries []*tier.Entry[string]
	for _, name := range names {
		e := entry(name, "value of "+name)
		entries = append(entries, e)
		s.set(t, e)
	}
	for i, e := range entries {
		for _, kept := range entries[i:] {
			s.want(t, kept)
		}
		s.delete(t, e.Key)
		s.wantMiss(t, e.Key)
	}
}

func hasKnowsWhatGetFinds(t *testing.T, s *subject) {
	p, ok := s.tier.(tier.Peeker)
	if !ok {
		t.Skip("the tier is no tier.Peeker")
	}
	for i := range s.rounds(2000) {
		k := key(i)
		if p.Has(k) {
			t.Fatalf("Has(%q) = true before Set, want false", k)
		}
		s.set(t, entry(k, "v"))
		if !p.Has(k) {
			t.Fatalf("Has(%q) = false after Set, want true", k)
		}
		s.delete(t, k)
		s.wantMiss(t, k)
		s.set(t, entry(k, "w"))
		if !p.Has(k) {
			t.Fatalf("Has(%q) = false after Set, Delete and Set, want true", k)
		}
	}
}

func staleEntriesAreReturned(t *testing.T, s *subject) {
	e := entry("k", "v")
	e.FreshUntil = tier.Now().Add(-time.Minute)
	s.set(t, e)
	s.want(t, e)
}

// An expired entry may be returned or not, but it has replaced what was there before.
func expiredEntryReplacesAnOlderOne(t *testing.T, s *subject) {
	for i := range s.rounds(1000) {
		k := key(i)
		s.set(t, entry(k, "older"))
		e := entry(k, "expired")
		e.FreshUntil = tier.Now().Add(-time.Minute)
		e.ExpiresAt = tier.Now().Add(-time.Second)
		s.set(t, e)
		if got := s.get(t, k); got != nil && got.Value != "expired" {
			t.Fatalf("Get(%q) = %q after an expired entry was set, want that or a miss", k, got.Value)
		}
	}
}

func absentEntriesAreKept(t *testing.T, s *subject) {
	e := entry("k", "")
	e.Absent = true
	s.set(t, e)
	s.want(t, e)
	e = entry("k", "")
	s.set(t, e)
	s.want(t, e) // an empty value is not an absent one
}

func allFieldsAreKept(t *testing.T, s *subject) {
	for _, tags := range [][]tier.Tag{
		nil,
		{{Name: "a", Mark: 1}},
		{{Name: "b", Mark: 1<<64 - 1}, {Name: "", Mark: 0}, {Name: strings.Repeat("long", 100), Mark: 7}},
	} {
		e := entry("k", strings.Repeat("value", 100))
		e.Tags = tags
		e.Stamp.Sum = 42
		s.set(t, e)
		s.want(t, e)
	}
}

func entriesAreNotChanged(t *testing.T, s *subject) {
	e := entry("k", "v")
	e.Tags = []tier.Tag{{Name: "a", Mark: 1}, {Name: "b", Mark: 2}}
	e.Size = 1
	before := *e
	before.Tags = slices.Clone(e.Tags)
	s.set(t, e)
	s.want(t, e)
	s.set(t, entry("k", "w"))
	s.delete(t, "k")
	if diff := difference(e, &before); diff != "" {
		t.Errorf("the tier changed the entry it was given: %s", diff)
	}
}

// nothingIsServedAfterClose also checks that a second Close and calls after it are harmless.
func nothingIsServedAfterClose(t *testing.T, s *subject) {
	c, ok := s.tier.(tier.Closer)
	if !ok {
		t.Skip("the tier is no tier.Closer")
	}
	s.set(t, entry("k", "v"))
	if err := c.Close(); err != nil {
		t.Fatalf("Close() = %v, want nil", err)
	}
	ctx := context.Background()
	_ = s.tier.Set(ctx, entry("l", "v")) // an error is allowed, as is none
	_ = s.tier.Delete(ctx, "l")
	for _, k := range []string{"k", "l"} {
		if _, ok, _ := s.tier.Get(ctx, k); ok {
			t.Errorf("Get(%q) found an entry after Close", k)
		}
	}
}
