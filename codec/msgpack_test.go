package codec_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/tiercache/tiercache/codec"
	"github.com/vmihailenco/msgpack/v5"
)

func TestMsgPackRefusesFalseClaims(t *testing.T) {
	type wide struct{ A [1 << 10]byte }
	for _, test := range []struct {
		name   string
		data   string
		target any
	}{
		{"bytes", "\xc6\xff\xff\xff\xf0", new([]byte)},
		{"string", "\xdb\x7f\xff\xff\xf0", new(string)},
		{"ints", "\xdd\x7f\xff\xff\xf0\x01", new([]int)},
		{"strings", "\xdd\x7f\xff\xff\xf0\xa1a", new([]string)},
		{"wide structs", "\xdd\x0f\xff\xff\xf0\xc0", new([]wide)},
		{"map", "\xdf\x7f\xff\xff\xf0\xa1a\xa1b", new(map[string]string)},
		{"map of any", "\xdf\x0f\xff\xff\xf0\xa1a\xa1b", new(map[string]any)},
		{"map of wide structs", "\xdf\x0f\xff\xff\xf0\xa1a\xc0", new(map[string]wide)},
		{"array into any", "\xdd\x7f\xff\xff\xf0\x01", new(any)},
		{"map into any", "\xdf\x0f\xff\xff\xf0\x01", new(any)},
		{"unknown field", "\x81\xa1x\xc6\xff\xff\xff\xf0", new(wide)},
		{"extension", "\xc9\xff\xff\xff\xf0\xff\x00", new(time.Time)},
		{"nested claims", strings.Repeat("\xdd\x00\x00\x00\x20", 8) + strings.Repeat("\xc0", 32), new(any)},
		// The decoder skips the header of an extension in front of a map, and would read on inside a timestamp.
		{"timestamp for a map", "\xd7\xff\xdf\x0f\xff\xff\xff\x00\x00\x00", new(map[string]any)},
		{"long timestamp for a map", "\xc7\x0c\xff\xdf\x0f\xff\xff\xff\x00\x00\x00\x00\x00\x00\x00", new(map[string]any)},
		{"timestamp after another", "\x82\xa1T\xd6\xff\x00\x00\x00\x00\xa1M\xd7\xff\xdf\x0f\xff\xff\xff\x00\x00\x00", new(struct {
			T time.Time
			M map[string]any
		})},
		{"value after the value", "\x01\xc6\xff\xff\xff\xf0", new(readsTwo)},
		{"timestamp for a field", "\x81\xa1M\xd7\xff\xdf\x0f\xff\xff\xff\x00\x00\x00", new(struct{ M map[string]any })},
	} {
		t.Run(test.name, func(t *testing.T) {
			var err error
			n := allocated(func() { err = codec.MsgPack{}.Unmarshal([]byte(test.data), test.target) })
			if err == nil {
				t.Errorf("Unmarshal(% x) = nil, want an error", test.data)
			}
			if n > 64<<10 {
				t.Errorf("Unmarshal(% x) allocates %d bytes", test.data, n)
			}
		})
	}
}

// readsTwo reads an integer and the bytes that follow it.
type readsTwo struct{}

func (*readsTwo) DecodeMsgpack(d *msgpack.Decoder) error {
	if _, err := d.DecodeInt(); err != nil {
		return err
	}
	_, err := d.DecodeBytes()
	return err
}

func TestMsgPackNamesAnInvalidCode(t *testing.T) {
	err := codec.MsgPack{}.Unmarshal([]byte("\x92\x01\xc1"), new([]int))
	if err == nil || !strings.HasSuffix(err.Error(), "invalid code 0xc1 at offset 2") {
		t.Errorf("Unmarshal = %v, want an error that names code and offset", err)
	}
}

func TestMsgPackRefusesBytesThatAreNotOneValue(t *testing.T) {
	for name, data := range map[string]string{
		"nothing":             "",
		"a reserved code":     "\xc1",
		"a second value":      "\x01\x02",
		"a truncated number":  "\xcd\x01",
		"a truncated length":  "\xda\x01",
		"a truncated string":  "\xa3ab",
		"a truncated array":   "\x92\x01",
		"a truncated map":     "\x82\x01\x02\x03",
		"a missing extension": "\xd6\xff\x00\x00\x00",
	} {
		var v any
		if err := (codec.MsgPack{}).Unmarshal([]byte(data), &v); err == nil {
			t.Errorf("Unmarshal of %s (% x) = %v, want an error", name, data, v)
		}
	}
}

func TestMsgPackRefusesEveryTruncation(t *testing.T) {
	for _, c := range []codec.MsgPack{{}, {Array: true}} {
		data := mustMarshal(t, c, newUser())
		for i := range data {
			var u user
			if err := c.Unmarshal(data[:i], &u); err == nil {
				t.Errorf("%s: Unmarshal of the first %d bytes of %d = nil, want an error", c.Name(), i, len(data))
			}
		}
	}
}

func TestMsgPackRefusesValuesThatADecoderLeavesHalfRead(t *testing.T) {
	data := []byte("\x92\x01\x02") // an array of two
	if err := (codec.MsgPack{}).Unmarshal(data, new(readsHeader)); err == nil {
		t.Error("Unmarshal by a decoder that reads only the length of an array = nil, want an error")
	}
}

type readsHeader struct{}

func (*readsHeader) DecodeMsgpack(d *msgpack.Decoder) error {
	_, err := d.DecodeArrayLen()
	return err
}

func TestMsgPackBoundsTheDepth(t *testing.T) {
	type list struct{ Next *list }
	nest := func(levels int) []byte {
		return append(bytes.Repeat([]byte{0x91}, levels), 0xc0)
	}
	var v any
	if err := (codec.MsgPack{}).Unmarshal(nest(10_000), &v); err != nil {
		t.Errorf("Unmarshal of 10000 levels: %v", err)
	}
	// Far more levels than the limit would overflow the stack, which no test survives.
	for _, target := range []any{&v, new(list), new(msgpack.RawMessage)} {
		err := codec.MsgPack{}.Unmarshal(nest(10_001), target)
		if err == nil || !strings.Contains(err.Error(), "nested") {
			t.Errorf("Unmarshal of 10001 levels into %T = %v, want an error about nesting", target, err)
		}
	}
}

func TestMsgPackTurnsPanicsIntoErrors(t *testing.T) {
	// The decoder of time.Time panics on nil.
	nilTime := []byte("\x81\xa7Created\xc0")
	if err := (codec.MsgPack{}).Unmarshal(nilTime, new(user)); err == nil || !strings.Contains(err.Error(), "panic") {
		t.Errorf("Unmarshal of a nil time = %v, want a panic as an error", err)
	}
	dst := []byte("prefix")
	out, err := codec.MsgPack{}.AppendMarshal(dst, struct {
		A string
		P panics
	}{A: "written first"})
	if err == nil || string(out) != "prefix" {
		t.Errorf("AppendMarshal of a value that panics = %q, %v, want dst and an error", out, err)
	}
	roundTrip(t, codec.MsgPack{}, newUser())
}

type panics struct{}

func (panics) EncodeMsgpack(*msgpack.Encoder) error { panic("no encoding today") }

func (panics) MarshalJSON() ([]byte, error) { panic("no encoding today") }

func (panics) GobEncode() ([]byte, error) { panic("no encoding today") }

func TestMsgPackReadsTimestampsAndExtensionsWhereTheyBelong(t *testing.T) {
	// The nanoseconds are such that the body begins like a map, an array and nil.
	for _, nanos := range []int{0xdf << 22, 0x80 << 22, 0x90 << 22, 0xc0 << 22} {
		at := time.Unix(1700000000, int64(nanos))
		type row struct {
			At    time.Time
			Any   any
			Twice [2]time.Time
			Raw   msgpack.RawMessage
		}
		raw := mustMarshal(t, codec.MsgPack{}, at)
		data := mustMarshal(t, codec.MsgPack{}, row{At: at, Any: at, Twice: [2]time.Time{at, at}, Raw: raw})
		var got row
		if err := (codec.MsgPack{}).Unmarshal(data, &got); err != nil {
			t.Fatalf("Unmarshal of %v: %v", at, err)
		}
		fromAny, _ := got.Any.(time.Time)
		for _, tm := range []time.Time{got.At, fromAny, got.Twice[0], got.Twice[1]} {
			if !tm.Equal(at) {
				t.Errorf("got %v, want %v", tm, at)
			}
		}
		if !bytes.Equal(got.Raw, raw) {
			t.Errorf("raw = % x, want % x", got.Raw, raw)
		}
		// A timestamp in a field that the target does not have is skipped.
		var none struct{ Other string }
		if err := (codec.MsgPack{}).Unmarshal(data, &none); err != nil {
			t.Errorf("Unmarshal with unknown fields: %v", err)
		}
	}
}

func TestMsgPackInternsStrings(t *testing.T) {
	type row struct {
		A, B, C string `msgpack:",intern"`
	}
	want := row{"same text", "same text", "same text"}
	data := mustMarshal(t, codec.MsgPack{}, []row{want, want})
	var got []row
	if err := (codec.MsgPack{}).Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || got[0] != want || got[1] != want {
		t.Errorf("got %v, want twice %v", got, want)
	}
	// The pooled coders must not remember the strings of another value.
	if again := mustMarshal(t, codec.MsgPack{}, []row{want, want}); !bytes.Equal(again, data) {
		t.Errorf("a second Marshal = % x, want % x", again, data)
	}
}

func TestMsgPackFormsDoNotMix(t *testing.T) {
	names, values := codec.MsgPack{}, codec.MsgPack{Array: true}
	if names.Name() != "msgpack" || values.Name() != "msgpack-array" {
		t.Errorf("names are %q and %q", names.Name(), values.Name())
	}
	for range 10 { // encoders go from one form to the other
		if c := mustMarshal(t, names, newUser())[0]; c&0xf0 != 0x80 {
			t.Fatalf("the encoding begins with 0x%02x, want a map", c)
		}
		if c := mustMarshal(t, values, newUser())[0]; c&0xf0 != 0x90 {
			t.Fatalf("the encoding begins with 0x%02x, want an array", c)
		}
	}
}

func TestMsgPackArrayRefusesAnotherNumberOfFields(t *testing.T) {
	c := codec.MsgPack{Array: true}
	data := mustMarshal(t, c, struct{ A, B int }{1, 2})
	if err := c.Unmarshal(data, &struct{ A, B, C int }{}); err == nil {
		t.Error("Unmarshal of two fields into three = nil, want an error")
	}
}

func TestMsgPackErrorsWrapTheirCause(t *testing.T) {
	cause := errors.New("cause")
	_, err := codec.MsgPack{}.Marshal(fails{cause})
	if !errors.Is(err, cause) {
		t.Errorf("Marshal = %v, want an error that wraps %v", err, cause)
	}
}

type fails struct{ err error }

func (f fails) EncodeMsgpack(*msgpack.Encoder) error { return f.err }

func TestMsgPackReadsWhatMsgpackWrites(t *testing.T) {
	for _, v := range []any{
		int64(math.MinInt64), uint64(math.MaxUint64), math.Pi, float32(1), true, "", strings.Repeat("x", 300),
		strings.Repeat("x", 70_000), make([]byte, 300), make([]byte, 70_000), make([]int, 20), make([]int, 70_000),
		bigMap(20), bigMap(70_000), time.Unix(1, 0), time.Unix(1, 1), time.Unix(-1, 1),
	} {
		data, err := msgpack.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		var got any
		if err := (codec.MsgPack{}).Unmarshal(data, &got); err != nil {
			t.Errorf("Unmarshal of a %T of %d bytes: %v", v, len(data), err)
		}
	}
}

func bigMap(n int) map[string]int {
	m := make(map[string]int, n)
	for i := range n {
		m[string(binary.BigEndian.AppendUint32(nil, uint32(i)))] = i
	}
	return m
}

func TestMsgPackStartsNoGoroutines(t *testing.T) {
	type local struct{ P, Q *user } // a type that no other test uses
	before := runtime.NumGoroutine()
	for range 10 {
		u := newUser()
		roundTrip(t, codec.MsgPack{}, local{&u, &u})
	}
	if after := runtime.NumGoroutine(); after > before {
		t.Errorf("%d goroutines after, %d before", after, before)
	}
}
