package envelope_test

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/tiercache/tiercache/internal/envelope"
)

// FuzzParse gives Parse any bytes, as they are and with the checksum they should have: few would get past it by chance.
func FuzzParse(f *testing.F) {
	f.Add(record(f, sample(), "payload"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, data := range [][]byte{data, sealed(data)} {
			before := bytes.Clone(data)
			h, payload, err := envelope.Parse(data)
			if !bytes.Equal(data, before) {
				t.Fatalf("Parse changed its input %x to %x", before, data)
			}
			if err != nil {
				if !errors.Is(err, envelope.ErrUnreadable) || payload != nil || !reflect.DeepEqual(h, envelope.Header{}) {
					t.Fatalf("Parse(%x) = %+v, %x, %v, want nothing and ErrUnreadable", data, h, payload, err)
				}
				continue
			}
			if head, err := envelope.ParseHead(data); head != h.Head || err != nil {
				t.Fatalf("ParseHead(%x) = %+v, %v, want what Parse found, %+v", data, head, err, h.Head)
			}
			if again := encode(t, &h, payload); !bytes.Equal(again, data) {
				t.Fatalf("Parse(%x) = %+v, which is encoded as %x", data, h, again)
			}
		}
	})
}

// encode returns the record of what Parse has returned.
func encode(t *testing.T, h *envelope.Header, payload []byte) []byte {
	if h.Kind == envelope.Lease {
		return h.Head.Append(nil)
	}
	data, err := envelope.Append(nil, h)
	if err != nil {
		t.Fatalf("Append(%+v) = %v, but that was parsed", h, err)
	}
	data = append(data, payload...)
	envelope.Seal(data)
	return data
}

// FuzzAppend writes any header: one that is not refused is read as it was written, in whole milliseconds.
func FuzzAppend(f *testing.F) {
	f.Add(byte('V'), int64(0), false, uint64(1), uint64(2), int64(3), int64(time.Minute), int64(time.Hour), "msgpack", "a,b", uint64(4), []byte("payload"))
	f.Fuzz(func(t *testing.T, kind byte, deadline int64, absent bool, generation, schema uint64, created, fresh, total int64,
		codec, tags string, mark uint64, payload []byte) {
		h := envelope.Header{
			Head:       envelope.Head{Kind: envelope.Kind(kind), Token: envelope.NewToken(), Deadline: deadline},
			Absent:     absent,
			Generation: generation,
			Schema:     schema,
			Created:    created,
			Fresh:      time.Duration(fresh),
			Total:      time.Duration(total),
			Codec:      codec,
		}
		if tags != "" {
			for name := range strings.SplitSeq(tags, ",") {
				h.Tags = append(h.Tags, envelope.Tag{Name: name, Mark: mark + uint64(len(h.Tags))})
			}
		}
		data, err := envelope.Append(nil, &h)
		if err != nil {
			if len(data) != 0 {
				t.Fatalf("Append(%+v) = %x, %v, want nothing with an error", h, data, err)
			}
			return
		}
		data = append(data, payload...)
		envelope.Seal(data)
		got, rest, err := envelope.Parse(data)
		if err != nil {
			t.Fatalf("Parse() of %+v = %v", h, err)
		}
		h.Fresh, h.Total = h.Fresh.Truncate(time.Millisecond), h.Total.Truncate(time.Millisecond)
		if !reflect.DeepEqual(got, h) || !bytes.Equal(rest, payload) {
			t.Fatalf("Parse() = %+v, %x, want %+v, %x", got, rest, h, payload)
		}
	})
}
