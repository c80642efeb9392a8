package codec

import (
	"fmt"
	"io"
)

// maxDepth bounds how deep arrays and maps may be nested. The decoder recurses once per level, and a stack that grows
// beyond its limit ends the process. The number is that of encoding/json.
const maxDepth = 10_000

// scan checks that data is exactly one well-formed MessagePack value. The decoder allocates what an array, a map
// or a string claims to need before it reads it; afterwards all claims are known to be true.
//
// It appends to bodies the offsets at which the bodies of extensions begin. A body is opaque, so no claim
// in it is checked; source keeps the decoder from reading one as a value.
//
// The format: https://github.com/msgpack/msgpack/blob/master/spec.md
func scan(data []byte, bodies []int) ([]int, error) {
	var (
		pos  int
		left = uint64(1)             // values still to come in the innermost array or map
		open = make([]uint64, 0, 16) // the same of those around it
	)
	for left > 0 {
		left--
		if pos == len(data) {
			return bodies, io.ErrUnexpectedEOF
		}
		h := headerOf(data[pos])
		pos++
		n := uint64(h.n)
		if h.width > 0 {
			if len(data)-pos < int(h.width) {
				return bodies, io.ErrUnexpectedEOF
			}
			for _, b := range data[pos : pos+int(h.width)] {
				n = n<<8 | uint64(b)
			}
			pos += int(h.width)
		}
		switch h.kind {
		case mapping:
			n *= 2
		case extension:
			n++ // the type
		}
		if n > uint64(len(data)-pos) { // bytes, or values, which take at least a byte each
			return bodies, io.ErrUnexpectedEOF
		}
		switch h.kind {
		case invalid:
			return bodies, fmt.Errorf("invalid code 0x%02x at offset %d", data[pos-1], pos-1)
		case blob:
			pos += int(n)
		case extension:
			// The decoder reads the index of an interned string byte by byte. It is too short to claim anything.
			index := n == 2 && int8(data[pos]) == internedString
			if n > 1 && !index {
				bodies = append(bodies, pos+1)
			}
			pos += int(n)
		case array, mapping:
			if n == 0 {
				break
			}
			if len(open) == maxDepth {
				return bodies, fmt.Errorf("nested deeper than %d levels", maxDepth)
			}
			open = append(open, left)
			left = n
		}
		for left == 0 && len(open) > 0 {
			left = open[len(open)-1]
			open = open[:len(open)-1]
		}
	}
	if pos < len(data) {
		return bodies, fmt.Errorf("%d bytes after the value", len(data)-pos)
	}
	return bodies, nil
}

// internedString is the extension type that msgpack uses for fields with the tag "intern".
const internedString = -128

// kind says what follows the first byte of a value and its length.
type kind uint8

const (
	invalid   kind = iota
	blob           // n bytes
	array          // n values
	mapping        // n pairs of values
	extension      // a type, then n bytes
)

// header is what the first byte of a value says. The length n is in the next width bytes, or known if width is 0.
type header struct {
	kind  kind
	width uint8
	n     uint8
}

// headerOf decodes the first byte of a value.
func headerOf(c byte) header {
	switch {
	case c < 0x80 || c >= 0xe0: // small integers
		return header{kind: blob}
	case c >= 0xc0:
		return headers[c-0xc0]
	case c >= 0xa0: // short strings
		return header{kind: blob, n: c & 0x1f}
	case c >= 0x90: // short arrays
		return header{kind: array, n: c & 0x0f}
	}
	return header{kind: mapping, n: c & 0x0f} // small maps
}

// headers holds the headers of the codes from 0xc0 to 0xdf, in the order of the table in the format's description.
var headers = [32]header{
	{kind: blob}, {}, {kind: blob}, {kind: blob}, // nil, unused, false, true
	{kind: blob, width: 1}, {kind: blob, width: 2}, {kind: blob, width: 4}, // bin
	{kind: extension, width: 1}, {kind: extension, width: 2}, {kind: extension, width: 4}, // ext
	{kind: blob, n: 4}, {kind: blob, n: 8}, // float
	{kind: blob, n: 1}, {kind: blob, n: 2}, {kind: blob, n: 4}, {kind: blob, n: 8}, // uint
	{kind: blob, n: 1}, {kind: blob, n: 2}, {kind: blob, n: 4}, {kind: blob, n: 8}, // int
	{kind: extension, n: 1}, {kind: extension, n: 2}, {kind: extension, n: 4}, // fixext
	{kind: extension, n: 8}, {kind: extension, n: 16},
	{kind: blob, width: 1}, {kind: blob, width: 2}, {kind: blob, width: 4}, // str
	{kind: array, width: 2}, {kind: array, width: 4},
	{kind: mapping, width: 2}, {kind: mapping, width: 4},
}
