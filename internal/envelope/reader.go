package envelope

import (
	"encoding/binary"
	"time"
)

// A reader takes a header apart. After a failure everything it reads is zero.
type reader struct {
	rest   []byte
	failed bool
}

// bytes returns the next n bytes, nil if there are fewer.
func (r *reader) bytes(n uint64) []byte {
	if r.failed || n > uint64(len(r.rest)) {
		r.failed = true
		return nil
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

func (r *reader) byte() byte {
	if b := r.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) uint64() uint64 {
	if b := r.bytes(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

// uvarint refuses encodings that are longer than needed: those end in a zero byte.
func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 || n > 1 && r.rest[n-1] == 0 {
		r.failed = true
		return 0
	}
	r.bytes(uint64(n))
	return v
}

func (r *reader) duration() time.Duration {
	ms := r.uvarint()
	if ms > uint64(maxMillis) {
		r.failed = true
		return 0
	}
	return time.Duration(ms) * time.Millisecond
}

func (r *reader) tags() []Tag {
	n := r.uvarint()
	const smallest = 9 // bytes of a tag with an empty name
	if r.failed || n > MaxTags || n*smallest > uint64(len(r.rest)) {
		r.failed = true
		return nil
	}
	if n == 0 {
		return nil
	}
	tags := make([]Tag, n)
	for i := range tags {
		tags[i] = Tag{Name: string(r.bytes(r.uvarint())), Mark: r.uint64()}
	}
	return tags
}
