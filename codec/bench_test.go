package codec_test

import (
	"testing"

	"github.com/tiercache/tiercache/codec"
	"github.com/vmihailenco/msgpack/v5"
)

func benchCodecs(b *testing.B) []codec.Appender {
	return []codec.Appender{
		codec.MsgPack{},
		codec.MsgPack{Array: true},
		codec.JSON{},
		codec.Gob{},
		compress(b, codec.MsgPack{}, codec.Compression{Threshold: 1}),
		compress(b, codec.MsgPack{}, codec.Compression{Algorithm: codec.Zstd, Threshold: 1}),
	}
}

func BenchmarkMarshal(b *testing.B) {
	u := newUser()
	b.Run("bare", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := msgpack.Marshal(&u); err != nil {
				b.Fatal(err)
			}
		}
	})
	for _, c := range benchCodecs(b) {
		b.Run(c.Name(), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.Marshal(&u); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkAppendMarshal(b *testing.B) {
	u := newUser()
	for _, c := range benchCodecs(b) {
		b.Run(c.Name(), func(b *testing.B) {
			b.ReportAllocs()
			dst := make([]byte, 0, 4<<10)
			for b.Loop() {
				if _, err := c.AppendMarshal(dst, &u); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkUnmarshal(b *testing.B) {
	u := newUser()
	b.Run("bare", func(b *testing.B) {
		b.ReportAllocs()
		data, err := msgpack.Marshal(&u)
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			var got user
			if err := msgpack.Unmarshal(data, &got); err != nil {
				b.Fatal(err)
			}
		}
	})
	for _, c := range benchCodecs(b) {
		b.Run(c.Name(), func(b *testing.B) {
			b.ReportAllocs()
			data := mustMarshal(b, c, &u)
			for b.Loop() {
				var got user
				if err := c.Unmarshal(data, &got); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
