package codec_test

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math"
	"strings"
	"testing"

	"github.com/tiercache/tiercache/codec"
)

func TestJSONRefusesTrailingData(t *testing.T) {
	var n int
	for _, data := range []string{"", "1 2", "1}", `1"`, "[1", "nul"} {
		if err := (codec.JSON{}).Unmarshal([]byte(data), &n); err == nil {
			t.Errorf("Unmarshal(%q) = %d, want an error", data, n)
		}
	}
}

func TestJSONAddsNothingToTheValue(t *testing.T) {
	out, err := codec.JSON{}.AppendMarshal([]byte("prefix "), map[string]string{"html": "<a> & b"})
	if want := `prefix {"html":"<a> & b"}`; err != nil || string(out) != want {
		t.Errorf("AppendMarshal = %q, %v, want %q", out, err, want)
	}
}

func TestMarshalErrorsNameTheCodecAndTheType(t *testing.T) {
	for _, test := range []struct {
		c     codec.Appender
		value any
		want  string
	}{
		{codec.MsgPack{}, make(chan int), "codec: msgpack: marshal chan int: "},
		{codec.JSON{}, math.NaN(), "codec: json: marshal float64: "},
		{codec.Gob{}, (*user)(nil), "codec: gob: marshal *codec_test.user: nil"},
		{codec.Gob{}, nil, "codec: gob: marshal <nil>: "},
		{codec.Raw{}, 1, "codec: raw: marshal int: "},
		{codec.Raw{}, nil, "codec: raw: marshal <nil>: "},
		{codec.Raw{}, []int{1}, "codec: raw: marshal []int: "},
		{codec.MsgPack{}, panics{}, "codec: msgpack: marshal codec_test.panics: panic: no encoding today"},
		{codec.JSON{}, panics{}, "codec: json: marshal codec_test.panics: panic: no encoding today"},
		{codec.Gob{}, panics{}, "codec: gob: marshal codec_test.panics: panic: no encoding today"},
	} {
		out, err := test.c.AppendMarshal([]byte("prefix"), test.value)
		if err == nil || !strings.HasPrefix(err.Error(), test.want) {
			t.Errorf("AppendMarshal(%T) by %s = %v, want %q...", test.value, test.c.Name(), err, test.want)
		}
		if string(out) != "prefix" {
			t.Errorf("AppendMarshal(%T) by %s = %q with an error, want dst", test.value, test.c.Name(), out)
		}
	}
}

func TestUnmarshalTurnsPanicsOfTheTargetIntoErrors(t *testing.T) {
	for _, c := range []codec.Codec{codec.MsgPack{}, codec.JSON{}, codec.Gob{}} {
		data := mustMarshal(t, c, textual{"text"})
		err := c.Unmarshal(data, new(hostile))
		if err == nil || !strings.Contains(err.Error(), "panic: cannot read this") {
			t.Errorf("%s: Unmarshal into a target that panics = %v, want the panic as an error", c.Name(), err)
		}
	}
}

type textual struct{ s string }

func (v textual) MarshalText() ([]byte, error) { return []byte(v.s), nil }

func (v textual) MarshalBinary() ([]byte, error) { return []byte(v.s), nil }

type hostile struct{}

func (*hostile) UnmarshalText([]byte) error { panic("cannot read this") }

func (*hostile) UnmarshalBinary([]byte) error { panic("cannot read this") }

func TestGobRefusesEveryDamagedByte(t *testing.T) {
	data := mustMarshal(t, codec.Gob{}, newUser())
	for i := range data {
		for _, bit := range []byte{0x01, 0x80} {
			data[i] ^= bit
			if err := (codec.Gob{}).Unmarshal(data, new(user)); err == nil {
				t.Errorf("Unmarshal with byte %d of %d changed = nil, want an error", i, len(data))
			}
			data[i] ^= bit
		}
		if err := (codec.Gob{}).Unmarshal(data[:i], new(user)); err == nil {
			t.Errorf("Unmarshal of the first %d bytes of %d = nil, want an error", i, len(data))
		}
	}
	roundTrip(t, codec.Gob{}, map[string]int{"a": 1})
}

func TestGobRefusesASecondValue(t *testing.T) {
	data := mustMarshal(t, codec.Gob{}, 1)
	data = data[:len(data)-4] // without the checksum
	data = append(data, data...)
	data = binary.BigEndian.AppendUint32(data, crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli)))
	var n int
	if err := (codec.Gob{}).Unmarshal(data, &n); err == nil || !strings.Contains(err.Error(), "after the value") {
		t.Errorf("Unmarshal of two values = %v, want an error about the second", err)
	}
}

func TestRawCopies(t *testing.T) {
	in := []byte("value")
	out := mustMarshal(t, codec.Raw{}, in)
	in[0] = '#'
	if string(out) != "value" {
		t.Errorf("the result of Marshal changed to %q with the value", out)
	}
	var got []byte
	if err := (codec.Raw{}).Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	out[0] = '#'
	if string(got) != "value" {
		t.Errorf("the decoded value changed to %q with the data", got)
	}
	for _, data := range [][]byte{nil, {}} {
		if err := (codec.Raw{}).Unmarshal(data, &got); err != nil || got == nil || len(got) != 0 {
			t.Errorf("Unmarshal(%#v) = %#v, %v, want an empty slice", data, got, err)
		}
	}
	if data := mustMarshal(t, codec.Raw{}, []byte(nil)); data == nil {
		t.Error("Marshal of a nil slice = nil, want an empty slice")
	}
}

func TestRawRefusesOtherTargets(t *testing.T) {
	for _, target := range []any{new(int), new(any), new([]int), []byte{1}, "s", nil, (*[]byte)(nil)} {
		if err := (codec.Raw{}).Unmarshal([]byte("x"), target); err == nil {
			t.Errorf("Unmarshal into %T = nil, want an error", target)
		}
	}
}

func TestAppendFallsBackToMarshal(t *testing.T) {
	out, err := codec.Append(bare{codec.Raw{}}, []byte("prefix "), "value")
	if err != nil || string(out) != "prefix value" {
		t.Errorf("Append = %q, %v, want %q", out, err, "prefix value")
	}
	cause := errors.New("cause")
	out, err = codec.Append(bare{codec.MsgPack{}}, []byte("prefix"), fails{cause})
	if !errors.Is(err, cause) || string(out) != "prefix" {
		t.Errorf("Append = %q, %v, want dst and %v", out, err, cause)
	}
}
