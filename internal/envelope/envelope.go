// Package envelope is the form in which a value lies in a shared store: a head that can be overwritten in place, a
// header that says what the value is and how long it lives, and the encoded value.
//
// All numbers are big endian. The checksum covers everything after it: the head changes without it.
//
//	magic "TC"  2   version 1   kind 1   token 16   deadline 8       the head
//	crc 4   flags 1   generation 8   schema 8   created 8
//	fresh, total                 uvarint
//	codec                        length 1, bytes
//	tags                         uvarint count; for each: uvarint length, bytes, mark 8
//	payload                      to the end
//
// Every record has exactly one encoding, so that records that are equal in meaning are equal in bytes.
package envelope

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"time"
)

// ErrUnreadable is the error of bytes that are not a record of this version, or no longer.
var ErrUnreadable = errors.New("unreadable record")

// Limits of a record.
const (
	MaxTags      = 128
	MaxTagBytes  = 1 << 10
	MaxCodecName = 32
)

// maxMillis is the longest duration in milliseconds that a time.Duration can hold.
const maxMillis = math.MaxInt64 / int64(time.Millisecond)

// Offsets of the fields of constant size.
const (
	crcAt        = HeadSize
	flagsAt      = crcAt + 4
	generationAt = flagsAt + 1
	schemaAt     = generationAt + 8
	createdAt    = schemaAt + 8
	varyingAt    = createdAt + 8
)

const flagAbsent = 1

// table does not change after it has been made.
var table = crc32.MakeTable(crc32.Castagnoli)

// A Tag is a name by which values are invalidated together, with the mark it had when the value was loaded.
type Tag struct {
	Name string
	Mark uint64
}

// A Header is all of a record but the payload.
type Header struct {
	Head
	Absent     bool          // the source has no value; the payload is empty
	Generation uint64        // of the cache when the value was loaded
	Schema     uint64        // fingerprint of the Go type; see Schema
	Created    int64         // from when Fresh and Total count, in milliseconds of Unix time; not negative
	Fresh      time.Duration // stale after; in whole milliseconds
	Total      time.Duration // never served after; in whole milliseconds
	Codec      string        // name of the codec of the payload
	Tags       []Tag
}

// Append appends the record of h without its payload to dst. The caller appends the payload and then calls Seal. An h
// that is beyond the limits is an error.
func Append(dst []byte, h *Header) ([]byte, error) {
	if err := h.check(); err != nil {
		return dst, err
	}
	dst = h.Head.Append(dst)
	var flags byte
	if h.Absent {
		flags = flagAbsent
	}
	dst = append(dst, 0, 0, 0, 0, flags) // the checksum comes with Seal
	dst = binary.BigEndian.AppendUint64(dst, h.Generation)
	dst = binary.BigEndian.AppendUint64(dst, h.Schema)
	dst = binary.BigEndian.AppendUint64(dst, uint64(h.Created))
	dst = binary.AppendUvarint(dst, uint64(h.Fresh.Milliseconds()))
	dst = binary.AppendUvarint(dst, uint64(h.Total.Milliseconds()))
	dst = append(dst, byte(len(h.Codec)))
	dst = append(dst, h.Codec...)
	dst = binary.AppendUvarint(dst, uint64(len(h.Tags)))
	for _, t := range h.Tags {
		dst = binary.AppendUvarint(dst, uint64(len(t.Name)))
		dst = append(dst, t.Name...)
		dst = binary.BigEndian.AppendUint64(dst, t.Mark)
	}
	return dst, nil
}

// check says why h cannot be encoded, if so.
func (h *Header) check() error {
	switch {
	case h.Kind == Lease || !h.Kind.valid():
		return fmt.Errorf("kind %q holds no value", byte(h.Kind))
	case h.Created < 0:
		return fmt.Errorf("created at %d, before 1970", h.Created)
	case h.Fresh < 0 || h.Fresh > h.Total:
		return fmt.Errorf("fresh for %v of %v", h.Fresh, h.Total)
	case len(h.Codec) == 0 || len(h.Codec) > MaxCodecName:
		return fmt.Errorf("codec name %q is not 1 to %d bytes long", h.Codec, MaxCodecName)
	case len(h.Tags) > MaxTags:
		return fmt.Errorf("%d tags, more than %d", len(h.Tags), MaxTags)
	}
	for _, t := range h.Tags {
		if len(t.Name) > MaxTagBytes {
			return fmt.Errorf("tag %.32q... has %d bytes, more than %d", t.Name, len(t.Name), MaxTagBytes)
		}
	}
	return nil
}

// Seal writes the checksum into a record that Append began and that its payload has completed.
func Seal(record []byte) {
	binary.BigEndian.PutUint32(record[crcAt:], crc32.Checksum(record[flagsAt:], table))
}

// Parse reads a record. Of a record of kind Lease only the Head is set. The payload is a part of data, the rest is not.
// Memory is allocated for what is there, not for what a length promises. The error is ErrUnreadable.
func Parse(data []byte) (h Header, payload []byte, err error) {
	h.Head, err = ParseHead(data)
	switch {
	case err != nil:
		return Header{}, nil, err
	case h.Kind == Lease && len(data) > HeadSize:
		return Header{}, nil, fmt.Errorf("%w: %d bytes follow a lease", ErrUnreadable, len(data)-HeadSize)
	case h.Kind == Lease:
		return h, nil, nil
	case len(data) < varyingAt:
		return Header{}, nil, fmt.Errorf("%w: %d bytes are no header", ErrUnreadable, len(data))
	case binary.BigEndian.Uint32(data[crcAt:]) != crc32.Checksum(data[flagsAt:], table):
		return Header{}, nil, fmt.Errorf("%w: checksum mismatch", ErrUnreadable)
	}
	r := reader{rest: data[flagsAt:]}
	flags := r.byte()
	h.Absent = flags&flagAbsent != 0
	h.Generation = r.uint64()
	h.Schema = r.uint64()
	h.Created = int64(r.uint64())
	h.Fresh = r.duration()
	h.Total = r.duration()
	h.Codec = string(r.bytes(uint64(r.byte())))
	h.Tags = r.tags()
	if r.failed {
		return Header{}, nil, fmt.Errorf("%w: malformed header", ErrUnreadable)
	}
	if flags&^flagAbsent != 0 {
		return Header{}, nil, fmt.Errorf("%w: unknown flags %#x", ErrUnreadable, flags)
	}
	if err := h.check(); err != nil {
		return Header{}, nil, fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	return h, r.rest, nil
}
