package backendtest

import (
	"fmt"

	"github.com/tiercache/tiercache/backend"
)

// The cases of batches go through the functions of package backend, so they hold for every store, whether
// the work is its own or done one by one.
var batchCases = []testCase{
	{name: "GetManyKeepsTheOrder", run: func(s *subject) {
		a, b, empty, absent := s.key("a"), s.key("b"), s.key("empty"), s.key("absent")
		s.set(a, "A", long)
		s.set(b, "B", long)
		s.set(empty, "", long)
		s.wantMany([]string{b, absent, a, empty, b, absent, a}, []string{"B", missing, "A", "", "B", missing, "A"})
		s.wantMany([]string{absent}, []string{missing})
		s.wantMany([]string{empty}, []string{""})
		s.wantMany([]string{a}, []string{"A"})
		s.wantMany(nil, nil)
	}},
	{name: "GetManyGivesAwayItsResults", run: func(s *subject) {
		key := s.key("k")
		s.set(key, "value", long)
		values, err := backend.GetMany(s.Context(), s.b, []string{key, key})
		if err != nil || len(values) != 2 {
			s.Fatalf("GetMany of a key twice = %q, %v, want two values", values, err)
		}
		scribble(values[0])
		if string(values[1]) != "value" {
			s.Errorf("a write to one value of GetMany changed another to %q", values[1])
		}
		s.wantValue(key, "value")
	}},
	{name: "ManyKeysAtOnce", run: func(s *subject) {
		var items []backend.Item
		var keys, want []string
		for i := range 1300 {
			key, value := s.key(fmt.Sprint(i)), fmt.Sprint("value ", i)
			keys = append(keys, key)
			if i%3 == 0 {
				want = append(want, missing)
				continue
			}
			items = append(items, backend.Item{Key: key, Value: []byte(value), TTL: long})
			want = append(want, value)
		}
		s.setMany(items...)
		s.wantMany(keys, want)
		s.delete(keys...)
		s.wantMany(keys[:10], []string{missing, missing, missing, missing, missing, missing, missing, missing, missing, missing})
	}},
	{name: "SetManyIsManySets", run: func(s *subject) {
		kept, brief, buf := s.key("kept"), s.key("brief"), []byte("value")
		s.set(kept, "old", short)
		s.setMany()
		s.setMany(
			backend.Item{Key: kept, Value: buf},
			backend.Item{Key: brief, Value: nil, TTL: short},
			backend.Item{Key: s.key("tiny"), Value: buf, TTL: 1},
		)
		scribble(buf)
		s.wantValue(kept, "value")
		s.pass(2 * short)
		s.wantValue(kept, "value")
		s.wantAbsent(brief)
		s.wantAbsent(s.key("tiny"))
		err := backend.SetMany(s.Context(), s.b, []backend.Item{{Key: kept, Value: []byte("new"), TTL: -1}})
		if err == nil {
			s.Error("SetMany with a negative ttl = nil, want an error")
		}
		s.wantValue(kept, "value")
	}},
	{name: "CancelledBatchIsAnError", run: func(s *subject) {
		ctx, key := s.cancelled(), s.key("k")
		if err := s.prompt("GetMany", func() error {
			values, err := backend.GetMany(ctx, s.b, []string{key, key})
			if len(values) != 2 {
				s.Errorf("GetMany of 2 keys with a cancelled context returned %d values, want 2", len(values))
			}
			return err
		}); err == nil {
			s.Error("GetMany with a cancelled context = nil, want an error")
		}
		if err := s.prompt("SetMany", func() error {
			return backend.SetMany(ctx, s.b, []backend.Item{{Key: key, TTL: long}})
		}); err == nil {
			s.Error("SetMany with a cancelled context = nil, want an error")
		}
	}},
}

// missing stands for the value of an absent key.
const missing = "\x00missing"

func (s *subject) setMany(items ...backend.Item) {
	s.Helper()
	if err := backend.SetMany(s.Context(), s.b, items); err != nil {
		s.Fatalf("SetMany of %d items = %v, want nil", len(items), err)
	}
}

func (s *subject) wantMany(keys, want []string) {
	s.Helper()
	got, err := backend.GetMany(s.Context(), s.b, keys)
	if err != nil || len(got) != len(want) {
		s.Fatalf("GetMany of %d keys = %d values, %v, want %d, nil", len(keys), len(got), err, len(want))
	}
	for i := range want {
		switch {
		case want[i] == missing && got[i] != nil:
			s.Errorf("GetMany()[%d] = %q for an absent key, want nil", i, got[i])
		case want[i] != missing && (got[i] == nil || string(got[i]) != want[i]):
			s.Errorf("GetMany()[%d] = %#v, want %q, not nil", i, got[i], want[i])
		}
	}
}
