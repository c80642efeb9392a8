// Package codectest tests implementations of codec.Codec.
//
// The author of a codec calls Test, or TestBytes if its values are only bytes and strings, from a test of his own:
//
//	func TestConformance(t *testing.T) {
//		codectest.Test(t, mycodec.Codec{})
//	}
//
// Run it with the race detector: one of the tests uses the codec from many goroutines. Do not run it in parallel with
// other tests, because it measures how much the process allocates.
package codectest

import (
	"bytes"
	"reflect"
	"slices"
	"sync"
	"testing"

	"github.com/tiercache/tiercache/codec"
)

// Test tests a codec of Go values: structs, pointers, slices, maps, numbers, strings, bytes, booleans and times. It takes a
// nil slice or map to be equal to an empty one and compares times by time.Time.Equal, as codecs may not tell
// these apart.
func Test(t *testing.T, c codec.Codec) {
	t.Helper()
	run(t, c, values())
}

// TestBytes tests a codec whose values are []byte, string and types defined as these.
func TestBytes(t *testing.T, c codec.Codec) {
	t.Helper()
	run(t, c, blobs())
}

// A sample is a value of the matrix.
type sample struct {
	name  string
	value any
}

func run(t *testing.T, c codec.Codec, samples []sample) {
	t.Run("Name", func(t *testing.T) { testName(t, c) })
	for _, s := range samples {
		t.Run("RoundTrip/"+s.name, func(t *testing.T) { testRoundTrip(t, c, s.value) })
	}
	for _, s := range samples {
		t.Run("Append/"+s.name, func(t *testing.T) { testAppend(t, c, s.value) })
	}
	t.Run("MarshalGivesAwayItsResult", func(t *testing.T) { testOwnership(t, c, samples) })
	t.Run("AppendReturnsDstOnError", func(t *testing.T) { testAppendError(t, c) })
	t.Run("UnmarshalKeepsNoData", func(t *testing.T) { testKeepsNoData(t, c, samples) })
	t.Run("UnmarshalRefusesBadTargets", func(t *testing.T) { testBadTargets(t, c, samples[0].value) })
	t.Run("UnmarshalSurvivesDamage", func(t *testing.T) { testDamage(t, c, samples) })
	t.Run("Concurrent", func(t *testing.T) { testConcurrent(t, c, samples) })
}

func testName(t *testing.T, c codec.Codec) {
	name := c.Name()
	if len(name) < 1 || len(name) > 32 {
		t.Errorf("Name() = %q of %d bytes, want 1 to 32", name, len(name))
	}
	for range 3 {
		if again := c.Name(); again != name {
			t.Errorf("Name() = %q after %q, want a constant", again, name)
		}
	}
}

func testRoundTrip(t *testing.T, c codec.Codec, value any) {
	data := marshal(t, c, value)
	check(t, c, "Unmarshal", data, value)
	check(t, c, "Unmarshal of the same data again", data, value)
}

func testAppend(t *testing.T, c codec.Codec, value any) {
	const prefix = "prefix"
	for _, room := range []int{0, 64, 1 << 20} {
		dst := append(make([]byte, 0, len(prefix)+room), prefix...)
		out, err := codec.Append(c, dst, value)
		if err != nil {
			t.Fatalf("Append with room for %d bytes: %v", room, err)
		}
		if !bytes.HasPrefix(out, []byte(prefix)) {
			t.Fatalf("Append with room for %d bytes begins with %.16q, want %q", room, out, prefix)
		}
		// A codec that kept dst, or lent memory of its own, would now write into out.
		want := bytes.Clone(out)
		if _, err := codec.Append(c, nil, value); err != nil {
			t.Fatalf("Append to nil: %v", err)
		}
		if !bytes.Equal(out, want) {
			t.Fatalf("the result of Append changed when Append was called again")
		}
		check(t, c, "Unmarshal of what Append wrote", out[len(prefix):], value)
	}
}

func testOwnership(t *testing.T, c codec.Codec, samples []sample) {
	var results, copies [][]byte
	for range 3 {
		for _, s := range samples {
			data := marshal(t, c, s.value)
			results = append(results, data)
			copies = append(copies, bytes.Clone(data))
		}
	}
	for i := range results {
		if !bytes.Equal(results[i], copies[i]) {
			t.Fatalf("the encoding of %s changed when other values were encoded", samples[i%len(samples)].name)
		}
	}
	// The caller may write to what it owns, its capacity included, without harm to later results.
	for _, data := range results {
		scribble(data[:cap(data)])
	}
	for _, s := range samples {
		check(t, c, "Unmarshal after earlier results were overwritten", marshal(t, c, s.value), s.value)
	}
}

func testAppendError(t *testing.T, c codec.Codec) {
	const prefix = "prefix"
	for _, value := range []any{make(chan int), []any{"written before the error", make(chan int)}} {
		dst := append(make([]byte, 0, 1<<10), prefix...)
		out, err := codec.Append(c, dst, value)
		if err == nil {
			continue // a codec that encodes channels is odd, but not wrong
		}
		if string(out) != prefix {
			t.Errorf("Append(%T) = %q with an error, want dst %q", value, out, prefix)
		}
		if data, err := c.Marshal(value); err == nil {
			t.Errorf("Marshal(%T) = %q, want an error as from Append", value, data)
		}
	}
}

func testKeepsNoData(t *testing.T, c codec.Codec, samples []sample) {
	for _, s := range samples {
		data := marshal(t, c, s.value)
		target := reflect.New(reflect.TypeOf(s.value))
		if err := c.Unmarshal(data, target.Interface()); err != nil {
			t.Fatalf("Unmarshal of %s: %v", s.name, err)
		}
		scribble(data)
		// What the codec decodes later must not end up in the value either.
		other := marshal(t, c, samples[0].value)
		if err := c.Unmarshal(other, reflect.New(reflect.TypeOf(samples[0].value)).Interface()); err != nil {
			t.Fatalf("Unmarshal of %s: %v", samples[0].name, err)
		}
		if !same(target.Elem(), reflect.ValueOf(s.value)) {
			t.Errorf("the decoded %s changed with the data it came from", s.name)
		}
	}
}

func testBadTargets(t *testing.T, c codec.Codec, value any) {
	data := marshal(t, c, value)
	pointer := reflect.Zero(reflect.PointerTo(reflect.TypeOf(value))).Interface()
	for _, target := range []any{nil, value, pointer} {
		if err := c.Unmarshal(data, target); err == nil {
			t.Errorf("Unmarshal into %T that is no non-nil pointer: no error", target)
		}
	}
}

func testConcurrent(t *testing.T, c codec.Codec, samples []sample) {
	const goroutines = 8
	var wg sync.WaitGroup
	for i := range goroutines {
		mine := slices.Concat(samples[i%len(samples):], samples[:i%len(samples)])
		wg.Go(func() {
			for _, s := range mine {
				data, err := codec.Append(c, nil, s.value)
				if err != nil {
					t.Errorf("Append of %s: %v", s.name, err)
					return
				}
				target := reflect.New(reflect.TypeOf(s.value))
				if err := c.Unmarshal(data, target.Interface()); err != nil {
					t.Errorf("Unmarshal of %s: %v", s.name, err)
					return
				}
				if !same(target.Elem(), reflect.ValueOf(s.value)) {
					t.Errorf("%s differs after a round trip beside others", s.name)
				}
			}
		})
	}
	wg.Wait()
}

// marshal returns the encoding of value.
func marshal(t *testing.T, c codec.Codec, value any) []byte {
	t.Helper()
	data, err := c.Marshal(value)
	if err != nil {
		t.Fatalf("Marshal(%T): %v", value, err)
	}
	return data
}

// check decodes data and compares the result with want.
func check(t *testing.T, c codec.Codec, what string, data []byte, want any) {
	t.Helper()
	target := reflect.New(reflect.TypeOf(want))
	if err := c.Unmarshal(data, target.Interface()); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	if !same(target.Elem(), reflect.ValueOf(want)) {
		t.Fatalf("%s = %.300v, want %.300v", what, target.Elem(), want)
	}
}

func scribble(data []byte) {
	for i := range data {
		data[i] = '#'
	}
}
