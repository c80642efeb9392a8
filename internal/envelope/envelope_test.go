package envelope_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/tiercache/tiercache/internal/envelope"
)

// sample returns a header with something in every field.
func sample() envelope.Header {
	return envelope.Header{
		Head:       envelope.Head{Kind: envelope.Refresh, Token: envelope.Token{1, 2, 15: 16}, Deadline: 1_700_000_000_123},
		Generation: 0x0102030405060708,
		Schema:     0xfffefdfcfbfaf9f8,
		Created:    1_700_000_000_000,
		Fresh:      time.Minute,
		Total:      time.Hour,
		Codec:      "msgpack",
		Tags:       []envelope.Tag{{Name: "team:7", Mark: 9}, {Name: "", Mark: math.MaxUint64}},
	}
}

// record returns a complete record.
func record(tb testing.TB, h envelope.Header, payload string) []byte {
	tb.Helper()
	data, err := envelope.Append(nil, &h)
	if err != nil {
		tb.Fatalf("Append(%+v) = %v, want nil", h, err)
	}
	data = append(data, payload...)
	envelope.Seal(data)
	return data
}

func TestRecordsSurviveTheRoundTrip(t *testing.T) {
	for name, change := range map[string]func(h *envelope.Header){
		"everything set":   func(*envelope.Header) {},
		"absent":           func(h *envelope.Header) { h.Absent = true },
		"no tags":          func(h *envelope.Header) { h.Tags = nil },
		"zero numbers":     func(h *envelope.Header) { *h = envelope.Header{Head: envelope.Head{Kind: envelope.Value}, Codec: "c"} },
		"longest codec":    func(h *envelope.Header) { h.Codec = strings.Repeat("c", envelope.MaxCodecName) },
		"most tags":        func(h *envelope.Header) { h.Tags = make([]envelope.Tag, envelope.MaxTags) },
		"longest tag":      func(h *envelope.Header) { h.Tags[0].Name = strings.Repeat("t", envelope.MaxTagBytes) },
		"longest time":     func(h *envelope.Header) { h.Total = time.Duration(math.MaxInt64).Truncate(time.Millisecond) },
		"never fresh":      func(h *envelope.Header) { h.Fresh = 0 },
		"largest numbers":  func(h *envelope.Header) { h.Generation, h.Created = math.MaxUint64, math.MaxInt64 },
		"negative lease":   func(h *envelope.Header) { h.Deadline = math.MinInt64 },
		"expired by hand":  func(h *envelope.Header) { h.Kind = envelope.Expired },
		"expired, leased":  func(h *envelope.Header) { h.Kind = envelope.ExpiredRefresh },
		"plain value":      func(h *envelope.Header) { h.Kind = envelope.Value },
		"codec of a quote": func(h *envelope.Header) { h.Codec = "\x00\xff" },
	} {
		for _, payload := range []string{"", "payload", strings.Repeat("x", 1<<16)} {
			h := sample()
			change(&h)
			data := record(t, h, payload)
			got, rest, err := envelope.Parse(data)
			if err != nil {
				t.Errorf("%s: Parse() = %v, want nil", name, err)
				continue
			}
			if !reflect.DeepEqual(got, h) || string(rest) != payload {
				t.Errorf("%s: Parse() = %+v and %d bytes, want %+v and %d", name, got, len(rest), h, len(payload))
			}
		}
	}
}

func TestAppendKeepsWhatIsInTheBuffer(t *testing.T) {
	h := sample()
	data, err := envelope.Append([]byte("before"), &h)
	if err != nil {
		t.Fatalf("Append() = %v, want nil", err)
	}
	rest, ok := bytes.CutPrefix(data, []byte("before"))
	if !ok {
		t.Fatalf("Append overwrote the buffer: %q", data[:6])
	}
	envelope.Seal(rest)
	if !bytes.Equal(rest, record(t, h, "")) {
		t.Errorf("Append after other bytes = %x, want %x", rest, record(t, h, ""))
	}
}

func TestHeadersBeyondTheLimitsAreRefused(t *testing.T) {
	for name, change := range map[string]func(h *envelope.Header){
		"lease":           func(h *envelope.Header) { h.Kind = envelope.Lease },
		"no kind":         func(h *envelope.Header) { h.Kind = 0 },
		"unknown kind":    func(h *envelope.Header) { h.Kind = 'v' },
		"before 1970":     func(h *envelope.Header) { h.Created = -1 },
		"negative fresh":  func(h *envelope.Header) { h.Fresh = -time.Millisecond },
		"fresh too long":  func(h *envelope.Header) { h.Fresh = h.Total + 1 },
		"no codec":        func(h *envelope.Header) { h.Codec = "" },
		"long codec":      func(h *envelope.Header) { h.Codec = strings.Repeat("c", envelope.MaxCodecName+1) },
		"too many tags":   func(h *envelope.Header) { h.Tags = make([]envelope.Tag, envelope.MaxTags+1) },
		"tag is too long": func(h *envelope.Header) { h.Tags[1].Name = strings.Repeat("t", envelope.MaxTagBytes+1) },
	} {
		h := sample()
		change(&h)
		got, err := envelope.Append([]byte("before"), &h)
		if err == nil || string(got) != "before" {
			t.Errorf("%s: Append() = %q, %v, want the buffer as it was and an error", name, got, err)
		}
	}
}

// Every single damaged byte outside the head is caught by the checksum. In the head, which has none, damage either
// makes the record unreadable or leaves the value alone.
func TestDamageIsFoundOrHarmless(t *testing.T) {
	h := sample()
	good := record(t, h, "payload")
	for at := range good {
		for bit := range 8 {
			data := bytes.Clone(good)
			data[at] ^= 1 << bit
			got, payload, err := envelope.Parse(data)
			switch {
			case errors.Is(err, envelope.ErrUnreadable):
			case err != nil:
				t.Errorf("byte %d, bit %d: Parse() = %v, want ErrUnreadable", at, bit, err)
			case at >= envelope.HeadSize:
				t.Errorf("byte %d, bit %d: Parse() = nil, want ErrUnreadable", at, bit)
			default:
				got.Head = h.Head
				if !reflect.DeepEqual(got, h) || string(payload) != "payload" {
					t.Errorf("byte %d, bit %d: Parse() = %+v, %q, want the value as it was", at, bit, got, payload)
				}
			}
		}
	}
}

func TestTruncatedRecordsAreUnreadable(t *testing.T) {
	good := record(t, sample(), "payload")
	for n := range good {
		// A shorter record has a checksum of its own if its writer means harm.
		for _, data := range [][]byte{good[:n], sealed(good[:n])} {
			h, payload, err := envelope.Parse(data)
			if n >= len(good)-len("payload") && err == nil {
				continue // a shorter payload
			}
			if !errors.Is(err, envelope.ErrUnreadable) || payload != nil || !reflect.DeepEqual(h, envelope.Header{}) {
				t.Errorf("%d bytes: Parse() = %+v, %q, %v, want nothing and ErrUnreadable", n, h, payload, err)
			}
		}
	}
}

// sealed returns a copy of data with a checksum that is right, if data has room for one.
func sealed(data []byte) []byte {
	data = bytes.Clone(data)
	if len(data) > envelope.HeadSize+4 {
		envelope.Seal(data)
	}
	return data
}

// The places of these bytes are those of the comment of the package.
const (
	flagsAt   = envelope.HeadSize + 4
	createdAt = flagsAt + 1 + 8 + 8
	freshAt   = createdAt + 8
)

// splice returns a record of the sample's constant part followed by other bytes, with a checksum that is right.
func splice(t *testing.T, varying ...byte) []byte {
	return sealed(append(record(t, sample(), "")[:freshAt], varying...))
}

func TestForgedHeadersAreUnreadable(t *testing.T) {
	flags := record(t, sample(), "")
	flags[flagsAt] |= 2
	created := record(t, sample(), "")
	created[createdAt] = 0x80
	if _, _, err := envelope.Parse(splice(t, 1, 2, 1, 'c', 0)); err != nil {
		t.Fatalf("Parse() of the smallest header = %v, want nil", err)
	}
	for name, data := range map[string][]byte{
		"unknown flag":                sealed(flags),
		"created before 1970":         sealed(created),
		"fresh for longer than total": splice(t, 3, 2, 1, 'c', 0),
		"time in too many bytes":      splice(t, 1, 0x82, 0, 1, 'c', 0),
		"time that is no number":      splice(t, bytes.Repeat([]byte{0xff}, 11)...),
		"time that overflows to 2 ms": splice(t, append(binary.AppendUvarint([]byte{1}, 1<<58+2), 1, 'c', 0)...),
		"no codec":                    splice(t, 1, 2, 0, 0),
		"codec longer than the rest":  splice(t, 1, 2, 30, 'c', 0),
		"codec too long":              splice(t, append([]byte{1, 2, 33}, make([]byte, 40)...)...),
		"tags that are not there":     splice(t, 1, 2, 1, 'c', 2, 0, 0, 0, 0, 0, 0, 0, 0, 0),
		"too many tags":               splice(t, append([]byte{1, 2, 1, 'c', 0x81, 1}, make([]byte, 9*129)...)...),
		"tag longer than the rest":    splice(t, 1, 2, 1, 'c', 1, 9, 0, 0, 0, 0, 0, 0, 0, 0),
		"tag too long":                splice(t, append([]byte{1, 2, 1, 'c', 1, 0x81, 8}, make([]byte, 1025+8)...)...),
	} {
		if h, _, err := envelope.Parse(data); !errors.Is(err, envelope.ErrUnreadable) {
			t.Errorf("%s: Parse() = %+v, %v, want ErrUnreadable", name, h, err)
		}
	}
}

func TestNothingFollowsALease(t *testing.T) {
	lease := envelope.Head{Kind: envelope.Lease, Token: envelope.NewToken(), Deadline: 7}
	h, payload, err := envelope.Parse(lease.Append(nil))
	if want := (envelope.Header{Head: lease}); !reflect.DeepEqual(h, want) || payload != nil || err != nil {
		t.Errorf("Parse(lease) = %+v, %q, %v, want only the head", h, payload, err)
	}
	value := record(t, sample(), "payload")
	value[3] = byte(envelope.Lease)
	for _, data := range [][]byte{lease.Append(nil), value} {
		if _, _, err := envelope.Parse(append(data, 0)); !errors.Is(err, envelope.ErrUnreadable) {
			t.Errorf("Parse(lease and more) = %v, want ErrUnreadable", err)
		}
	}
}

func TestHeadIsReplacedWithoutTheChecksum(t *testing.T) {
	data := record(t, sample(), "payload")
	head := envelope.Head{Kind: envelope.Expired, Token: envelope.NewToken()}
	copy(data, head.Append(nil))
	h, payload, err := envelope.Parse(data)
	if err != nil || h.Head != head || string(payload) != "payload" {
		t.Errorf("Parse() after the head was overwritten = %+v, %q, %v, want %+v, payload, nil", h.Head, payload, err, head)
	}
}

func TestParseAllocatesForWhatIsThereOnly(t *testing.T) {
	huge := []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}
	for name, data := range map[string][]byte{
		"many tags":     splice(t, append([]byte{1, 2, 1, 'c'}, huge...)...),
		"128 tags":      splice(t, 1, 2, 1, 'c', 0x80, 1),
		"a long tag":    splice(t, append([]byte{1, 2, 1, 'c', 1}, append(huge, make([]byte, 8)...)...)...),
		"a long codec":  splice(t, 1, 2, 255),
		"a large value": record(t, envelope.Header{Head: envelope.Head{Kind: envelope.Value}, Codec: "c"}, strings.Repeat("x", 1<<20)),
	} {
		const runs = 100
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range runs {
			_, _, _ = envelope.Parse(data)
		}
		runtime.ReadMemStats(&after)
		if got := (after.TotalAlloc - before.TotalAlloc) / runs; got > 2<<10 {
			t.Errorf("%s: Parse allocated %d bytes, want less than 2 KiB", name, got)
		}
	}
}
