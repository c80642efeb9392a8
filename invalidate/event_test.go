package invalidate_test

import (
	"bytes"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/tiercache/tiercache/invalidate"
)

var events = []invalidate.Event{
	{Op: invalidate.Delete, Cache: "users", Origin: "a1", Keys: []string{"42"}},
	{Op: invalidate.Delete, Cache: "users", Origin: "a1", Keys: []string{"", "a", "a", "ключ", "\x00\xff\x80", strings.Repeat("k", invalidate.MaxName)}},
	{Op: invalidate.Delete, Cache: "users"},
	{Op: invalidate.Delete, Cache: "users", Keys: slices.Repeat([]string{""}, invalidate.MaxNames)},
	{Op: invalidate.Tag, Cache: "pages", Origin: "b2", Tags: []string{"author:7", "home"}},
	{Op: invalidate.Clear, Cache: "\xff", Origin: strings.Repeat("o", 200)},
}

func TestEventSurvivesItsEncoding(t *testing.T) {
	for i, e := range events {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			prefix := []byte("prefix")
			data, err := e.AppendBinary(prefix)
			if err != nil {
				t.Fatalf("AppendBinary: %v", err)
			}
			if !bytes.HasPrefix(data, prefix) {
				t.Fatalf("AppendBinary(%q) = %.20q, want the same prefix", prefix, data)
			}
			data = data[len(prefix):]
			var got invalidate.Event
			if err := got.UnmarshalBinary(data); err != nil {
				t.Fatalf("UnmarshalBinary: %v", err)
			}
			clear(data) // the event must not live in it
			if !reflect.DeepEqual(got, e) {
				t.Errorf("got %.200v, want %.200v", got, e)
			}
		})
	}
}

// The encoding is read by other versions of the program, so it must not change unnoticed.
func TestEncodingIsStable(t *testing.T) {
	for _, c := range []struct {
		e    invalidate.Event
		want string
	}{
		{events[0], "\x01\x01\x05users\x02a1\x01\x0242"},
		{events[4], "\x01\x02\x05pages\x02b2\x02\x08author:7\x04home"},
		{invalidate.Event{Op: invalidate.Clear, Cache: "c"}, "\x01\x03\x01c\x00\x00"},
	} {
		got, err := c.e.AppendBinary(nil)
		if string(got) != c.want || err != nil {
			t.Errorf("AppendBinary(%v) = %q, %v, want %q", c.e, got, err, c.want)
		}
	}
}

func TestInvalidEventIsNotEncoded(t *testing.T) {
	long := strings.Repeat("x", invalidate.MaxName+1)
	for _, c := range []struct {
		name string
		e    invalidate.Event
		want string
	}{
		{"no operation", invalidate.Event{Cache: "c"}, "operation 0"},
		{"unknown operation", invalidate.Event{Op: 4, Cache: "c"}, "operation 4"},
		{"no cache", invalidate.Event{Op: invalidate.Clear}, "no cache"},
		{"keys of a clear", invalidate.Event{Op: invalidate.Clear, Cache: "c", Keys: []string{"k"}}, "has keys"},
		{"tags of a delete", invalidate.Event{Op: invalidate.Delete, Cache: "c", Tags: []string{"t"}}, "has tags"},
		{"long cache", invalidate.Event{Op: invalidate.Clear, Cache: long}, "cache"},
		{"long origin", invalidate.Event{Op: invalidate.Clear, Cache: "c", Origin: long}, "origin"},
		{"long key", invalidate.Event{Op: invalidate.Delete, Cache: "c", Keys: []string{"k", long}}, "key"},
		{"long tag", invalidate.Event{Op: invalidate.Tag, Cache: "c", Tags: []string{long}}, "tag"},
		{"many keys", invalidate.Event{Op: invalidate.Delete, Cache: "c", Keys: make([]string, invalidate.MaxNames+1)}, "65537 keys"},
		{"many tags", invalidate.Event{Op: invalidate.Tag, Cache: "c", Tags: make([]string, invalidate.MaxNames+1)}, "65537 tags"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := c.e.AppendBinary([]byte("dst"))
			if string(got) != "dst" || err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("AppendBinary = %.50q, %v, want dst and an error with %q", got, err, c.want)
			}
			if len(fmt.Sprint(err)) > 200 {
				t.Errorf("the error has %d bytes", len(fmt.Sprint(err)))
			}
		})
	}
}

func TestDamagedEventIsAnError(t *testing.T) {
	long := "\x81\x80\x04" // MaxName + 1
	for _, c := range []struct{ name, data string }{
		{"empty", ""},
		{"version only", "\x01"},
		{"version 0", "\x00\x03\x01c\x00\x00"},
		{"version 2", "\x02\x03\x01c\x00\x00"},
		{"operation 0", "\x01\x00\x01c\x00\x00"},
		{"operation 4", "\x01\x04\x01c\x00\x00"},
		{"no name of the cache", "\x01\x03\x00\x00\x00"},
		{"clear with a name", "\x01\x03\x01c\x00\x01\x01k"},
		{"trailing byte", "\x01\x03\x01c\x00\x00\x00"},
		{"key longer than the data", "\x01\x01\x01c\x00\x01\x02k"},
		{"more keys than bytes", "\x01\x01\x01c\x00\x03\x00\x00"},
		{"longer form of a length", "\x01\x03\x81\x00c\x00\x00"},
		{"length of four bytes", "\x01\x03\x81\x80\x80\x00c\x00\x00"},
		{"absurd length", "\x01\x03\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"},
		{"long key", "\x01\x01\x01c\x00\x01" + long + strings.Repeat("k", invalidate.MaxName+1)},
		{"many keys", "\x01\x01\x01c\x00" + long + strings.Repeat("\x00", invalidate.MaxName+1)},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := events[0]
			if err := e.UnmarshalBinary([]byte(c.data)); err == nil {
				t.Errorf("UnmarshalBinary(%.50q) = %.100v, want an error", c.data, e)
			}
			if !reflect.DeepEqual(e, events[0]) {
				t.Errorf("e = %.100v after an error, want it unchanged", e)
			}
		})
	}
}

func TestEveryTruncationIsAnError(t *testing.T) {
	data, err := events[4].AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	for n := range data {
		var e invalidate.Event
		if err := e.UnmarshalBinary(data[:n]); err == nil {
			t.Errorf("UnmarshalBinary(%q) = %v, want an error", data[:n], e)
		}
	}
}

func TestClaimedNumberOfNamesAllocatesNothing(t *testing.T) {
	data := []byte("\x01\x01\x01c\x00\xff\xff\x03k") // 65535 keys in one byte
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	const rounds = 100
	for range rounds {
		if err := new(invalidate.Event).UnmarshalBinary(data); err == nil {
			t.Fatal("UnmarshalBinary succeeds")
		}
	}
	runtime.ReadMemStats(&after)
	if got := (after.TotalAlloc - before.TotalAlloc) / rounds; got > 4096 {
		t.Errorf("UnmarshalBinary of %d bytes allocates %d bytes", len(data), got)
	}
}

func FuzzEvent(f *testing.F) {
	for _, e := range events {
		if data, err := e.AppendBinary(nil); err == nil && len(data) < 1000 {
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var e, again invalidate.Event
		if err := e.UnmarshalBinary(data); err != nil {
			return
		}
		got, err := e.AppendBinary(nil)
		if err != nil {
			t.Fatalf("AppendBinary(%v): %v", e, err)
		}
		if !bytes.Equal(got, data) { // there is only one encoding
			t.Errorf("%v was decoded from %q and is encoded as %q", e, data, got)
		}
		if err := again.UnmarshalBinary(got); err != nil || !reflect.DeepEqual(again, e) {
			t.Errorf("%v becomes %v, %v", e, again, err)
		}
	})
}
