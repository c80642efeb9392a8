package codec

import (
	"errors"
	"fmt"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
)

var errTooLarge = errors.New("decompressed size exceeds MaxSize")

// A compressor packs blocks of bytes. It appends to dst, which is empty, and may use the memory of dst beyond its length.
type compressor interface {
	compress(dst, src []byte) []byte
	// decompress returns errTooLarge before it writes, or allocates room for, more than the maximum.
	decompress(dst, src []byte) ([]byte, error)
}

func newCompressor(a Algorithm, maxSize int) (compressor, error) {
	switch a {
	case S2:
		return s2Block{maxSize}, nil
	case Zstd:
		return newZstd(maxSize)
	}
	return nil, fmt.Errorf("unknown algorithm %d", int(a))
}

// s2Block is the block format of S2, which begins with the decompressed size.
type s2Block struct {
	maxSize int
}

func (s2Block) compress(dst, src []byte) []byte { return s2.Encode(dst, src) }

func (b s2Block) decompress(dst, src []byte) ([]byte, error) {
	size, err := s2.DecodedLen(src)
	if err != nil {
		return nil, err
	}
	if size > b.maxSize {
		return nil, errTooLarge
	}
	return s2.Decode(dst, src)
}

// zstdFrame is the frame format of Zstandard, which may begin with the decompressed size. The encoder and the decoder are safe for
// concurrent use as long as they are not used as streams. They run in the goroutine of the caller and start none.
type zstdFrame struct {
	enc     *zstd.Encoder
	dec     *zstd.Decoder
	maxSize int
}

func newZstd(maxSize int) (*zstdFrame, error) {
	// The window bounds the memory of the encoders, of which there is one per processor. A value that fits into it is
	// its own window; a larger one is larger than the window. So no frame has a window beyond maxSize, which
	// the decoder would refuse.
	enc, err := zstd.NewWriter(nil, zstd.WithWindowSize(1<<20), zstd.WithLowerEncoderMem(true),
		zstd.WithEncoderConcurrency(0))
	if err != nil {
		return nil, err
	}
	// The limit is also that of the window, which is never smaller than MinWindowSize.
	limit := uint64(max(maxSize, zstd.MinWindowSize))
	dec, err := zstd.NewReader(nil, zstd.WithDecoderMaxMemory(limit), zstd.WithDecoderConcurrency(0))
	if err != nil {
		return nil, err
	}
	return &zstdFrame{enc: enc, dec: dec, maxSize: maxSize}, nil
}

func (z *zstdFrame) compress(dst, src []byte) []byte { return z.enc.EncodeAll(src, dst) }

// decompress rests on the decoder's limit: it compares the size in the header before it allocates, and the size so
// far after each block of at most 128 KiB where the header names none.
func (z *zstdFrame) decompress(dst, src []byte) ([]byte, error) {
	out, err := z.dec.DecodeAll(src, dst)
	switch {
	case errors.Is(err, zstd.ErrDecoderSizeExceeded), errors.Is(err, zstd.ErrWindowSizeExceeded):
		return nil, errTooLarge
	case err != nil:
		return nil, err
	case len(out) > z.maxSize:
		return nil, errTooLarge
	}
	return out, nil
}
