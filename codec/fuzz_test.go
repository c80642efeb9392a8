package codec_test

import (
	"bytes"
	"math"
	"testing"
	"time"

	"github.com/tiercache/tiercache/codec"
)

// shape has a field for each way in which a decoder allocates.
type shape struct {
	User    user
	Any     any
	Dynamic map[string]any
	Wide    []struct{ A, B, C, D string }
	Maps    []map[int64]user
	Next    *shape
	Bytes   [][]byte
	Array   [4]uint16
	When    map[string]time.Time
}

func newShape() shape {
	u := newUser()
	return shape{
		User:    u,
		Dynamic: map[string]any{"key": "value"},
		Wide:    []struct{ A, B, C, D string }{{A: "a", D: "d"}},
		Maps:    []map[int64]user{{1: u}},
		Next:    &shape{User: u},
		Bytes:   [][]byte{{1, 2, 3}, {}},
		Array:   [4]uint16{1, 2, 3, math.MaxUint16},
		When:    map[string]time.Time{"now": u.Created},
	}
}

// fuzzDecode decodes what the fuzzer finds into a V. It must not panic, nor allocate more than perByte bytes for each byte
// of input and base bytes besides.
func fuzzDecode[V any](f *testing.F, c codec.Codec, base, perByte uint64) {
	f.Fuzz(func(t *testing.T, data []byte) {
		before := bytes.Clone(data)
		n := allocated(func() { _ = c.Unmarshal(data, new(V)) })
		if limit := base + perByte*uint64(len(data)); n > limit {
			t.Errorf("Unmarshal of %d bytes allocates %d, want at most %d", len(data), n, limit)
		}
		if !bytes.Equal(data, before) {
			t.Error("Unmarshal changed its input")
		}
	})
}

func FuzzMsgPack(f *testing.F) {
	f.Add(mustMarshal(f, codec.MsgPack{}, newShape()))
	f.Add(mustMarshal(f, codec.MsgPack{Array: true}, newShape()))
	fuzzDecode[shape](f, codec.MsgPack{}, 256<<10, 2048)
}

func FuzzJSON(f *testing.F) {
	f.Add(mustMarshal(f, codec.JSON{}, newShape()))
	fuzzDecode[shape](f, codec.JSON{}, 256<<10, 2048)
}

func FuzzGob(f *testing.F) {
	f.Add(mustMarshal(f, codec.Gob{}, newShape()))
	fuzzDecode[shape](f, codec.Gob{}, 256<<10, 2048)
}

func FuzzRaw(f *testing.F) {
	f.Add([]byte("value"))
	fuzzDecode[string](f, codec.Raw{}, 16<<10, 2)
}

func FuzzCompress(f *testing.F) {
	const maxSize = 1 << 20
	var cs []codec.Codec
	for _, algorithm := range algorithms {
		cfg := codec.Compression{Algorithm: algorithm, Threshold: 1, MaxSize: maxSize}
		f.Add(mustMarshal(f, compress(f, codec.Raw{}, cfg), bytes.Repeat([]byte("abc "), 100)))
		f.Add(mustMarshal(f, compress(f, codec.MsgPack{}, cfg), newShape()))
		cs = append(cs, compress(f, codec.Raw{}, cfg))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, c := range cs {
			var got []byte
			var err error
			n := allocated(func() { err = c.Unmarshal(data, &got) })
			if n > 8*maxSize {
				t.Errorf("%s: Unmarshal of %d bytes allocates %d", c.Name(), len(data), n)
			}
			if err != nil {
				continue
			}
			if len(got) > maxSize {
				t.Errorf("%s: Unmarshal gives %d bytes, want at most %d", c.Name(), len(got), maxSize)
			}
			roundTrip(t, c, got)
		}
	})
}

func FuzzMsgPackRoundTrip(f *testing.F) {
	f.Add(int64(1), "name", []byte("data"), 1.5, int64(1_700_000_000), int64(5), true, uint8(3))
	f.Add(int64(math.MinInt64), "", []byte{}, math.Inf(-1), int64(-1), int64(0), false, uint8(0))
	f.Fuzz(func(t *testing.T, id int64, name string, data []byte, score float64, sec, nsec int64, active bool, n uint8) {
		if math.IsNaN(score) {
			score = 0 // NaN is not equal to itself
		}
		type row struct {
			U    user
			Data []byte
			Sub  map[string][]row
		}
		u := user{ID: id, Name: name, Active: active, Score: score, Created: time.Unix(sec%(1<<40), nsec%1e9), Parent: &id}
		if u.Created.IsZero() {
			u.Created = time.Time{} // in UTC, as decoded; other times are local
		}
		want := row{U: u, Data: data, Sub: map[string][]row{name: make([]row, n)}}
		for i := range want.Sub[name] {
			want.Sub[name][i] = row{U: u}
		}
		roundTrip(t, codec.MsgPack{}, want)
		roundTrip(t, codec.MsgPack{Array: true}, want)
	})
}
