package backendtest

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
)

var baseCases = []testCase{
	{name: "AbsentIsNoError", run: func(s *subject) {
		if v, ok := s.get(s.key("never set")); ok || len(v) != 0 {
			s.Errorf("Get of a key that was never set = %q, %t, want nil, false", v, ok)
		}
	}},
	{name: "ValuesComeBack", run: func(s *subject) {
		every := make([]byte, 256)
		for i := range every {
			every[i] = byte(i)
		}
		values := map[string]string{
			"empty":       "",
			"one byte":    "x",
			"zero byte":   "\x00",
			"every byte":  string(every),
			"line breaks": "a\r\nb\nc\r",
			"1 MiB":       strings.Repeat(string(every), 1<<12),
		}
		for name, v := range values {
			s.set(s.key(name), v, long)
		}
		for name, v := range values {
			s.wantValue(s.key(name), v)
		}
	}},
	{name: "NilIsAnEmptyValue", run: func(s *subject) {
		key := s.key("k")
		if err := s.b.Set(s.Context(), key, nil, long); err != nil {
			s.Fatalf("Set of a nil value = %v, want nil", err)
		}
		s.wantValue(key, "")
	}},
	{name: "AnyStringIsAKey", run: func(s *subject) {
		keys := []string{
			"with space", " ", "nul\x00inside", "{", "}", "{}", "{tag}rest", "a{tag}b", "line\r\nbreak", "tab\t",
			"*", "[a-z]?", "../up", "a/b", `back\slash`, `"quoted"`, "%s%d", "ключ", "鍵", "🔑", "\xff\xfe not UTF-8",
			strings.Repeat("long", 256), strings.Repeat("long", 256) + "er",
		}
		for i, k := range keys {
			s.set(s.key(k), fmt.Sprint(i), long)
		}
		for i, k := range keys {
			s.wantValue(s.key(k), fmt.Sprint(i))
		}
		for _, k := range keys {
			s.delete(s.key(k))
			s.wantAbsent(s.key(k))
		}
	}},
	{name: "SetReplacesTheValue", run: func(s *subject) {
		key := s.key("k")
		for _, v := range []string{"first", "a longer second", "", "3"} {
			s.set(key, v, long)
			s.wantValue(key, v)
		}
	}},
	{name: "BuffersBelongToTheCaller", run: func(s *subject) {
		for _, want := range []string{"v", "value", strings.Repeat("value", 1000)} {
			key, buf := s.key(want[:1]+fmt.Sprint(len(want))), []byte(want)
			if err := s.b.Set(s.Context(), key, buf, long); err != nil {
				s.Fatalf("Set(%q) = %v, want nil", key, err)
			}
			scribble(buf)
			s.wantValue(key, want)
			got, _ := s.get(key)
			again, _ := s.get(key)
			scribble(got)
			if string(again) != want {
				s.Errorf("a write to the result of one Get changed that of another to %s, want %s", brief(string(again)), brief(want))
			}
			s.wantValue(key, want)
		}
	}},
	{name: "DeleteRemovesAllItsKeys", run: func(s *subject) {
		var keys []string
		for i := range 1000 {
			keys = append(keys, s.key(fmt.Sprint(i)))
		}
		for _, i := range []int{0, 1, 511, 512, 513, 999} {
			s.set(keys[i], "v", long)
		}
		s.set(s.key("other"), "v", long)
		s.delete(keys...) // most of them absent
		for _, i := range []int{0, 1, 511, 512, 513, 999} {
			s.wantAbsent(keys[i])
		}
		s.wantValue(s.key("other"), "v")
	}},
	{name: "DeleteOfNothingIsNoError", run: func(s *subject) {
		s.delete()
		s.delete(s.key("absent"))
		s.delete(s.key("twice"), s.key("twice"))
	}},
	{name: "CancelledContextIsAnError", run: func(s *subject) {
		ctx, key := s.cancelled(), s.key("k")
		calls := map[string]func() error{
			"Get": func() error {
				_, _, err := s.b.Get(ctx, key)
				return err
			},
			"Set":    func() error { return s.b.Set(ctx, key, []byte("v"), long) },
			"Delete": func() error { return s.b.Delete(ctx, key) },
		}
		for name, call := range calls {
			if err := s.prompt(name, call); err == nil {
				s.Errorf("%s with a cancelled context = nil, want an error", name)
			}
		}
	}},
	{name: "ConcurrentUse", run: testConcurrentUse},
}

// testConcurrentUse has goroutines write whole values to a shared key, where no reader may see a mixture, and keep a key
// each to themselves, where they must read their own writes.
func testConcurrentUse(s *subject) {
	const workers, rounds = 8, 30
	shared := s.key("shared")
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			own := s.key(fmt.Sprint("own", w))
			mine := bytes.Repeat([]byte{'a' + byte(w)}, 2000+w)
			for range rounds {
				if err := s.b.Set(s.Context(), shared, mine, long); err != nil {
					s.Errorf("Set(%q) = %v, want nil", shared, err)
				}
				if got, ok, err := s.b.Get(s.Context(), shared); err != nil || !ok || !uniform(got) {
					s.Errorf("Get(%q) = %s, %t, %v, want a value that was set", shared, brief(string(got)), ok, err)
				}
				if err := s.b.Set(s.Context(), own, mine, long); err != nil {
					s.Errorf("Set(%q) = %v, want nil", own, err)
				}
				if got, ok, err := s.b.Get(s.Context(), own); err != nil || !ok || !bytes.Equal(got, mine) {
					s.Errorf("Get(%q) right after Set = %s, %t, %v, want %s", own, brief(string(got)), ok, err, brief(string(mine)))
				}
				if err := s.b.Delete(s.Context(), own); err != nil {
					s.Errorf("Delete(%q) = %v, want nil", own, err)
				}
				if got, ok, err := s.b.Get(s.Context(), own); ok || err != nil {
					s.Errorf("Get(%q) right after Delete = %s, %t, %v, want it absent", own, brief(string(got)), ok, err)
				}
			}
		})
	}
	wg.Wait()
}

// uniform reports whether v is a value that testConcurrentUse has written.
func uniform(v []byte) bool {
	return len(v) > 0 && len(v) == 2000+int(v[0]-'a') && len(bytes.Trim(v, string(v[:1]))) == 0
}

func scribble(b []byte) {
	for i := range b {
		b[i] = '#'
	}
}
