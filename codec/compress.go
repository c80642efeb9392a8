package codec

import (
	"errors"
	"fmt"
)

// An Algorithm is a way to compress.
type Algorithm int

// The algorithms of Compress.
const (
	S2   Algorithm = iota // fast: costs little more than copying
	Zstd                  // smaller, at several times the cost; a codec holds a few MiB per processor
)

// String returns the name that becomes part of Codec.Name.
func (a Algorithm) String() string {
	switch a {
	case S2:
		return "s2"
	case Zstd:
		return "zstd"
	}
	return fmt.Sprintf("Algorithm(%d)", int(a))
}

// Compression says how Compress works. The zero value of each field stands for its default.
type Compression struct {
	// Algorithm is S2 by default.
	Algorithm Algorithm
	// Threshold is the length in bytes below which an encoding is stored as it is. The default is 1 KiB;
	// 1 tries to compress everything.
	Threshold int
	// MaxSize is the largest encoding in bytes, before compression. The default is 64 MiB, the most is 1 GiB. A
	// larger one is an error, of Marshal as of Unmarshal: a few damaged or forged bytes can claim to be
	// gigabytes. Unmarshal may allocate MaxSize bytes for a value that then turns out to be broken.
	MaxSize int
}

const (
	defaultThreshold = 1 << 10
	defaultMaxSize   = 64 << 20
	maxMaxSize       = 1 << 30
	maxName          = 32 // of Codec.Name
)

// Compress returns a codec that compresses the encodings of c. It marks each with a byte, so encodings that are short or
// do not shrink are stored as they are. Its name is that of c and the algorithm, such as "msgpack+s2"; Threshold
// and MaxSize may change without making stored values unreadable.
//
// It is an error if c is nil, if the name gets longer than 32 bytes, or if a field of cfg is out of its range.
func Compress(c Codec, cfg Compression) (Appender, error) {
	if c == nil {
		return nil, errors.New("codec: compress: no codec")
	}
	if cfg.Threshold < 0 {
		return nil, fmt.Errorf("codec: compress: Threshold is %d", cfg.Threshold)
	}
	if cfg.MaxSize < 0 || cfg.MaxSize > maxMaxSize {
		return nil, fmt.Errorf("codec: compress: MaxSize is %d, not from 1 to %d", cfg.MaxSize, maxMaxSize)
	}
	z := &compressed{
		inner:     c,
		name:      c.Name() + "+" + cfg.Algorithm.String(),
		threshold: cfg.Threshold,
		maxSize:   cfg.MaxSize,
	}
	if z.threshold == 0 {
		z.threshold = defaultThreshold
	}
	if z.maxSize == 0 {
		z.maxSize = defaultMaxSize
	}
	if len(z.name) > maxName {
		return nil, fmt.Errorf("codec: compress: the name %q is longer than %d bytes", z.name, maxName)
	}
	var err error
	if z.block, err = newCompressor(cfg.Algorithm, z.maxSize); err != nil {
		return nil, fmt.Errorf("codec: compress: %w", err)
	}
	return z, nil
}

// The first byte of an encoding says what follows.
const (
	plain  = 0 // the encoding of the inner codec
	packed = 1 // the same, compressed
)

// compressed is the codec that Compress returns.
type compressed struct {
	inner     Codec
	block     compressor
	name      string
	threshold int
	maxSize   int
}

func (z *compressed) Name() string { return z.name }

func (z *compressed) Marshal(v any) ([]byte, error) { return marshal(z, v) }

func (z *compressed) AppendMarshal(dst []byte, v any) ([]byte, error) {
	out, err := Append(z.inner, append(dst, plain), v)
	if err != nil {
		return dst, err // it names the inner codec
	}
	body := out[len(dst)+1:]
	if len(body) > z.maxSize {
		return dst, fmt.Errorf("codec: %s: marshal %T: %d bytes exceed MaxSize %d", z.name, v, len(body), z.maxSize)
	}
	if len(body) < z.threshold {
		return out, nil
	}
	p := scratch.Get().(*[]byte)
	small := z.block.compress(*p, body)
	if len(small) < len(body) {
		out[len(dst)] = packed
		out = append(out[:len(dst)+1], small...)
	}
	recycle(p, small)
	return out, nil
}

func (z *compressed) Unmarshal(data []byte, v any) error {
	if len(data) == 0 {
		return fmt.Errorf("codec: %s: unmarshal %T: no data", z.name, v)
	}
	mark, body := data[0], data[1:]
	switch mark {
	case plain:
		if len(body) > z.maxSize {
			return fmt.Errorf("codec: %s: unmarshal %T: %w", z.name, v, errTooLarge)
		}
		return z.inner.Unmarshal(body, v)
	case packed:
		p := scratch.Get().(*[]byte)
		large, err := z.block.decompress(*p, body)
		if err != nil {
			return fmt.Errorf("codec: %s: unmarshal %T: %w", z.name, v, err)
		}
		if len(large) <= len(body) { // AppendMarshal would have stored it plain
			return fmt.Errorf("codec: %s: unmarshal %T: %d bytes of %d are left", z.name, v, len(large), len(body))
		}
		err = z.inner.Unmarshal(large, v)
		recycle(p, large)
		return err
	}
	return fmt.Errorf("codec: %s: unmarshal %T: unknown mark 0x%02x", z.name, v, mark)
}
