package fleet

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// A record is the value of codecs that encode structs.
type record struct {
	Version uint64
	Body    string
}

// A kind is a type of values that know their version.
type kind[V any] struct {
	make    func(version uint64) V
	version func(v V) (uint64, error)
}

// records returns the kind of structs with a text of so many bytes.
func records(size int) kind[record] {
	body := filler(size)
	return kind[record]{
		make: func(version uint64) record { return record{version, body} },
		version: func(v record) (uint64, error) {
			if len(v.Body) != size {
				return 0, fmt.Errorf("value has a text of %d bytes, want %d", len(v.Body), size)
			}
			return v.Version, nil
		},
	}
}

// rawBytes returns the kind of byte slices, for codecs that do not encode. They begin with the version, so they have 8
// bytes at least.
func rawBytes(size int) kind[[]byte] {
	body := filler(max(size-8, 0))
	return kind[[]byte]{
		make: func(version uint64) []byte {
			v := make([]byte, 8, 8+len(body))
			binary.BigEndian.PutUint64(v, version)
			return append(v, body...)
		},
		version: func(v []byte) (uint64, error) {
			if len(v) != 8+len(body) {
				return 0, fmt.Errorf("value has %d bytes, want %d", len(v), 8+len(body))
			}
			return binary.BigEndian.Uint64(v), nil
		},
	}
}

// filler returns a text that compresses about as well as records of a database do.
func filler(size int) string {
	var b strings.Builder
	for i := uint64(0); b.Len() < size; i++ {
		fmt.Fprintf(&b, `{"id":%d,"name":"user %x","active":true},`, i, i*0x9e3779b97f4a7c15)
	}
	return b.String()[:size]
}
