package envelope

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
)

// HeadSize is the length of the head of a record, in bytes.
const HeadSize = 28

const (
	magic   = "TC"
	version = 1
)

// A Kind says what a record holds and whether somebody has the right to replace it. The letters are chosen so that one
// flipped bit turns none of them into another except V and R, which only differ in whether a lease
// is to be looked at.
type Kind byte

const (
	Lease          Kind = 'L' // no value: the first load of a key is under way
	Value          Kind = 'V' // a value
	Refresh        Kind = 'R' // a value that somebody is loading again
	Expired        Kind = 'E' // a value that was made stale by hand
	ExpiredRefresh Kind = 'X' // the same, and somebody is loading it again
)

// valid reports whether k is one of the kinds above.
func (k Kind) valid() bool {
	switch k {
	case Lease, Value, Refresh, Expired, ExpiredRefresh:
		return true
	}
	return false
}

// Leased reports whether a record of kind k is under a lease, until its deadline.
func (k Kind) Leased() bool { return k == Lease || k == Refresh || k == ExpiredRefresh }

// Stale reports whether the value was made stale by hand, whatever its age.
func (k Kind) Stale() bool { return k == Expired || k == ExpiredRefresh }

// Taken returns the kind of a record of kind k once somebody has leased it.
func (k Kind) Taken() Kind {
	switch k {
	case Value:
		return Refresh
	case Expired:
		return ExpiredRefresh
	}
	return k
}

// Settled returns the kind of a record of kind k, which must hold a value, once the lease has been given back.
func (k Kind) Settled() Kind {
	switch k {
	case Refresh:
		return Value
	case ExpiredRefresh:
		return Expired
	}
	return k
}

// A Token is different in every write, of a record or of a head, and so identifies the state of a record.
type Token [16]byte

// NewToken returns a random token.
func NewToken() (t Token) {
	_, _ = rand.Read(t[:]) // never fails
	return t
}

// StaleSince returns a copy of t that says when the value was made stale by hand, in milliseconds of Unix time, in its first half.
// The other half alone keeps it different from others.
func (t Token) StaleSince(millis int64) Token {
	binary.BigEndian.PutUint64(t[:], uint64(millis))
	return t
}

// A Head is the beginning of a record: the part that may be overwritten in place. A record of kind Lease is nothing
// but a head.
type Head struct {
	Kind     Kind
	Token    Token // of a kind that is Stale also the time of that
	Deadline int64 // until when the lease holds, in milliseconds of Unix time; 0 if there is none
}

// Since returns when the value was made stale by hand, in milliseconds of Unix time. It is for kinds that are Stale.
func (h Head) Since() int64 { return int64(binary.BigEndian.Uint64(h.Token[:])) }

// Append appends the HeadSize bytes of h to dst.
func (h Head) Append(dst []byte) []byte {
	dst = append(dst, magic...)
	dst = append(dst, version, byte(h.Kind))
	dst = append(dst, h.Token[:]...)
	return binary.BigEndian.AppendUint64(dst, uint64(h.Deadline))
}

// ParseHead reads the head of a record. The error is ErrUnreadable.
func ParseHead(data []byte) (h Head, err error) {
	switch {
	case len(data) < HeadSize:
		return h, fmt.Errorf("%w: %d bytes are no head", ErrUnreadable, len(data))
	case string(data[:2]) != magic:
		return h, fmt.Errorf("%w: it begins with %q", ErrUnreadable, data[:2])
	case data[2] != version:
		return h, fmt.Errorf("%w: unknown version %d", ErrUnreadable, data[2])
	case !Kind(data[3]).valid():
		return h, fmt.Errorf("%w: unknown kind %q", ErrUnreadable, data[3])
	}
	h.Kind = Kind(data[3])
	copy(h.Token[:], data[4:])
	h.Deadline = int64(binary.BigEndian.Uint64(data[20:]))
	return h, nil
}
