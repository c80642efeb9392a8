package codec_test

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/tiercache/tiercache/codec"
)

var algorithms = []codec.Algorithm{codec.S2, codec.Zstd}

func TestCompressShrinksWhatShrinks(t *testing.T) {
	random := make([]byte, 8<<10)
	rng := rand.NewChaCha8([32]byte{})
	rng.Read(random)
	for _, algorithm := range algorithms {
		c := compress(t, codec.Raw{}, codec.Compression{Algorithm: algorithm, Threshold: 100})
		for _, test := range []struct {
			name   string
			value  []byte
			packed bool
		}{
			{"empty", []byte{}, false},
			{"below the threshold", bytes.Repeat([]byte("a"), 99), false},
			{"at the threshold", bytes.Repeat([]byte("a"), 100), true},
			{"incompressible", random, false},
			{"large", bytes.Repeat([]byte("abc "), 1<<20), true},
		} {
			data := mustMarshal(t, c, test.value)
			if packed := len(data) < len(test.value); packed != test.packed {
				t.Errorf("%s of %s: %d bytes of %d, want compressed: %t", c.Name(), test.name, len(data), len(test.value), test.packed)
			}
			if !test.packed && len(data) != len(test.value)+1 {
				t.Errorf("%s of %s: %d bytes of %d, want one more", c.Name(), test.name, len(data), len(test.value))
			}
			roundTrip(t, c, test.value)
		}
	}
}

func TestCompressReadsWhatOtherSettingsWrote(t *testing.T) {
	value := strings.Repeat("abc ", 1000)
	for _, algorithm := range algorithms {
		for _, threshold := range []int{1, 1 << 20} {
			writer := compress(t, codec.Raw{}, codec.Compression{Algorithm: algorithm, Threshold: threshold})
			reader := compress(t, codec.Raw{}, codec.Compression{Algorithm: algorithm, MaxSize: len(value)})
			var got string
			if err := reader.Unmarshal(mustMarshal(t, writer, value), &got); err != nil || got != value {
				t.Errorf("%s: Unmarshal = %.20q, %v, want %.20q", writer.Name(), got, err, value)
			}
		}
	}
}

func TestCompressHoldsMaxSizeExactly(t *testing.T) {
	for _, algorithm := range algorithms {
		// 1.5 MiB is no power of two, which a window would be; 10 bytes are less than the smallest window.
		for _, size := range []int{10, 1000, 100_000, 3 << 19, 9 << 20} {
			for _, letter := range []string{"a", ""} {
				value := []byte(strings.Repeat(letter, size))
				if letter == "" {
					value = make([]byte, size)
					rand.NewChaCha8([32]byte{}).Read(value)
				}
				cfg := codec.Compression{Algorithm: algorithm, Threshold: 1, MaxSize: size}
				c := compress(t, codec.Raw{}, cfg)
				roundTrip(t, c, value)
				cfg.MaxSize++
				larger := mustMarshal(t, compress(t, codec.Raw{}, cfg), append(value, 'a'))
				var got []byte
				if err := c.Unmarshal(larger, &got); err == nil {
					t.Errorf("%s: Unmarshal of %d bytes with MaxSize %d = nil, want an error", c.Name(), len(got), size)
				}
				if _, err := c.Marshal(append(value, 'a')); err == nil {
					t.Errorf("%s: Marshal of %d bytes with MaxSize %d = nil, want an error", c.Name(), size+1, size)
				}
			}
		}
	}
}

func TestCompressRefusesBombs(t *testing.T) {
	const maxSize = 1 << 20
	bomb := make([]byte, 64<<20)
	frame := zstdFrame(t, bomb, zstd.WithSingleSegment(true))
	for _, test := range []struct {
		name      string
		algorithm codec.Algorithm
		data      []byte
	}{
		{"a block", codec.S2, s2.Encode(nil, bomb)},
		{"a false size", codec.S2, append(binary.AppendUvarint(nil, 1<<32-1), "abc"...)},
		{"a frame with its size", codec.Zstd, frame},
		{"a truncated frame with its size", codec.Zstd, frame[:20]},
		{"a frame without its size", codec.Zstd, zstdStream(t, bomb, zstd.WithWindowSize(64<<10))},
		{"a frame with a large window", codec.Zstd, zstdStream(t, bomb, zstd.WithWindowSize(8<<20))},
		{"many frames", codec.Zstd, bytes.Repeat(zstdFrame(t, bomb[:maxSize/2]), 128)},
	} {
		t.Run(test.algorithm.String()+" "+test.name, func(t *testing.T) {
			c := compress(t, codec.Raw{}, codec.Compression{Algorithm: test.algorithm, MaxSize: maxSize})
			var got []byte
			var err error
			n := allocated(func() { err = c.Unmarshal(append([]byte{1}, test.data...), &got) })
			if err == nil || !strings.Contains(err.Error(), "MaxSize") {
				t.Errorf("Unmarshal = %d bytes, %v, want an error about MaxSize", len(got), err)
			}
			if n > 8*maxSize { // a buffer that grows step by step; the bomb is 64 times as large
				t.Errorf("Unmarshal allocates %d bytes with MaxSize %d", n, maxSize)
			}
		})
	}
}

// zstdFrame returns a frame that names the size of data.
func zstdFrame(t *testing.T, data []byte, opts ...zstd.EOption) []byte {
	t.Helper()
	enc, err := zstd.NewWriter(nil, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return enc.EncodeAll(data, nil)
}

// zstdStream returns a frame that does not name the size of data.
func zstdStream(t *testing.T, data []byte, opts ...zstd.EOption) []byte {
	t.Helper()
	var out bytes.Buffer
	enc, err := zstd.NewWriter(&out, opts...)
	if err != nil {
		t.Fatal(err)
	}
	for len(data) > 0 {
		n := min(len(data), 1<<20)
		if _, err := enc.Write(data[:n]); err != nil {
			t.Fatal(err)
		}
		data = data[n:]
	}
	if err := enc.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestCompressRefusesBytesThatItDidNotWrite(t *testing.T) {
	for _, algorithm := range algorithms {
		c := compress(t, codec.Raw{}, codec.Compression{Algorithm: algorithm, Threshold: 1})
		packed := mustMarshal(t, c, strings.Repeat("abc ", 100))
		for name, data := range map[string][]byte{
			"nothing":          nil,
			"an unknown mark":  {2, 'x'},
			"a mark alone":     {1},
			"an empty block":   {1, 0},
			"a block and more": append(bytes.Clone(packed), "more"...),
			"another format":   append([]byte{1}, strings.Repeat("abc ", 100)...),
		} {
			var got string
			if err := c.Unmarshal(data, &got); err == nil {
				t.Errorf("%s: Unmarshal of %s = %.20q, want an error", c.Name(), name, got)
			}
		}
		for i := range packed {
			var got string
			if err := c.Unmarshal(packed[:i], &got); err == nil {
				t.Errorf("%s: Unmarshal of the first %d bytes of %d = %.20q, want an error", c.Name(), i, len(packed), got)
			}
		}
	}
}

func TestCompressNames(t *testing.T) {
	for _, test := range []struct {
		inner     codec.Codec
		algorithm codec.Algorithm
		want      string
	}{
		{codec.MsgPack{}, codec.S2, "msgpack+s2"},
		{codec.MsgPack{Array: true}, codec.Zstd, "msgpack-array+zstd"},
		{named{codec.JSON{}, strings.Repeat("n", 29)}, codec.S2, strings.Repeat("n", 29) + "+s2"},
	} {
		c := compress(t, test.inner, codec.Compression{Algorithm: test.algorithm})
		if got := c.Name(); got != test.want {
			t.Errorf("Name() = %q, want %q", got, test.want)
		}
	}
}

type named struct {
	codec.Codec
	name string
}

func (c named) Name() string { return c.name }

func TestCompressRefusesBadConfigurations(t *testing.T) {
	for _, test := range []struct {
		name  string
		inner codec.Codec
		cfg   codec.Compression
	}{
		{"no codec", nil, codec.Compression{}},
		{"an unknown algorithm", codec.Raw{}, codec.Compression{Algorithm: 2}},
		{"a negative algorithm", codec.Raw{}, codec.Compression{Algorithm: -1}},
		{"a negative threshold", codec.Raw{}, codec.Compression{Threshold: -1}},
		{"a negative size", codec.Raw{}, codec.Compression{MaxSize: -1}},
		{"a huge size", codec.Raw{}, codec.Compression{MaxSize: 1<<30 + 1}},
		{"a long name", named{codec.Raw{}, strings.Repeat("n", 30)}, codec.Compression{}},
	} {
		if c, err := codec.Compress(test.inner, test.cfg); err == nil || c != nil {
			t.Errorf("Compress with %s = %v, %v, want nil and an error", test.name, c, err)
		}
	}
}

func TestCompressStartsNoGoroutines(t *testing.T) {
	before := runtime.NumGoroutine()
	for _, algorithm := range algorithms {
		for range 3 {
			c := compress(t, codec.Raw{}, codec.Compression{Algorithm: algorithm, Threshold: 1})
			roundTrip(t, c, bytes.Repeat([]byte("abc "), 1<<18))
		}
	}
	if after := runtime.NumGoroutine(); after > before {
		t.Errorf("%d goroutines after, %d before", after, before)
	}
}
