package invalidate

import (
	"encoding/binary"
	"errors"
	"fmt"
)

const (
	// MaxName is the length in bytes of the longest name in an Event: of its cache, its origin, a key or a tag.
	MaxName = 64 << 10
	// MaxNames is the number of keys or tags in the largest Event. More of them take several events.
	MaxNames = 64 << 10
)

// version is the first byte of an encoded event. It changes with the format.
const version = 1

// Validate tells what is wrong with e: an unknown operation, a cache without a name, keys or tags that the
// operation does not use, or more of them, or longer ones, than MaxNames and MaxName allow. A
// Bus publishes no event that is not valid.
func (e Event) Validate() error {
	switch {
	case e.Op < Delete || e.Op > Clear:
		return fmt.Errorf("invalidate: unknown operation %d", uint8(e.Op))
	case e.Cache == "":
		return errors.New("invalidate: event names no cache")
	case e.Op != Delete && len(e.Keys) > 0:
		return fmt.Errorf("invalidate: event of operation %s has keys", e.Op)
	case e.Op != Tag && len(e.Tags) > 0:
		return fmt.Errorf("invalidate: event of operation %s has tags", e.Op)
	}
	if err := checkName("cache", e.Cache); err != nil {
		return err
	}
	if err := checkName("origin", e.Origin); err != nil {
		return err
	}
	if err := checkNames("key", e.Keys); err != nil {
		return err
	}
	return checkNames("tag", e.Tags)
}

func checkNames(what string, names []string) error {
	if len(names) > MaxNames {
		return fmt.Errorf("invalidate: event has %d %ss, at most %d are allowed", len(names), what, MaxNames)
	}
	for _, name := range names {
		if err := checkName(what, name); err != nil {
			return err
		}
	}
	return nil
}

func checkName(what, name string) error {
	if len(name) > MaxName {
		return fmt.Errorf("invalidate: %s %.32q... has %d bytes, at most %d are allowed", what, name, len(name), MaxName)
	}
	return nil
}

// AppendBinary appends the encoding of e to dst and returns the extended buffer. If e is not valid it
// returns dst as it was and an error.
//
// The encoding is a version byte, the operation as a byte, the cache, the origin, the number of names and the names:
// keys or tags, as the operation has it. Numbers are unsigned varints in their shortest form, and each string follows
// its length. There is one encoding for each event.
func (e Event) AppendBinary(dst []byte) ([]byte, error) {
	if err := e.Validate(); err != nil {
		return dst, err
	}
	names := e.Keys
	if e.Op == Tag {
		names = e.Tags
	}
	dst = append(dst, version, byte(e.Op))
	dst = appendName(dst, e.Cache)
	dst = appendName(dst, e.Origin)
	dst = binary.AppendUvarint(dst, uint64(len(names)))
	for _, name := range names {
		dst = appendName(dst, name)
	}
	return dst, nil
}

func appendName(dst []byte, name string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(name))), name...)
}

// UnmarshalBinary sets e to the event that data is the encoding of. It keeps no part of data. Whatever
// AppendBinary would not write is an error and leaves e unchanged. The memory it takes is
// proportional to the length of data, whatever lengths data claims.
func (e *Event) UnmarshalBinary(data []byte) error {
	if len(data) == 0 {
		return errors.New("invalidate: empty event")
	}
	if data[0] != version {
		return fmt.Errorf("invalidate: event of version %d, want %d", data[0], version)
	}
	if len(data) == 1 {
		return errors.New("invalidate: event ends before its operation")
	}
	// One copy of the whole holds all the strings.
	r := reader{rest: string(data[2:])}
	d := Event{Op: Op(data[1])}
	d.Cache = r.name("cache")
	d.Origin = r.name("origin")
	names := r.names()
	switch {
	case r.err != nil:
		return r.err
	case r.rest != "":
		return fmt.Errorf("invalidate: event is followed by %d bytes", len(r.rest))
	case d.Op == Tag:
		d.Tags = names
	default:
		d.Keys = names // Validate refuses those of an operation that has no names
	}
	if err := d.Validate(); err != nil {
		return err
	}
	*e = d
	return nil
}

// A reader takes an encoded event apart. After an error it yields nothing.
type reader struct {
	rest string
	err  error
}

// names reads a number and as many names.
func (r *reader) names() []string {
	n := r.number("number of names")
	switch {
	case r.err != nil || n == 0:
		return nil
	case n > MaxNames || n > uint64(len(r.rest)): // each takes a byte at least
		r.err = fmt.Errorf("invalidate: event claims %d names in %d bytes", n, len(r.rest))
		return nil
	}
	names := make([]string, n)
	for i := range names {
		names[i] = r.name("name")
	}
	return names
}

// name reads a string that follows its length.
func (r *reader) name(what string) string {
	n := r.number("length of " + what)
	switch {
	case r.err != nil:
		return ""
	case n > MaxName || n > uint64(len(r.rest)):
		r.err = fmt.Errorf("invalidate: event claims a %s of %d bytes, %d follow", what, n, len(r.rest))
		return ""
	}
	name := r.rest[:n]
	r.rest = r.rest[n:]
	return name
}

// number reads a varint of at most three bytes, which is enough for both limits.
func (r *reader) number(what string) uint64 {
	if r.err != nil {
		return 0
	}
	var n uint64
	for i := range min(len(r.rest), 3) {
		b := r.rest[i]
		n |= uint64(b&0x7f) << (7 * i)
		if b >= 0x80 {
			continue
		}
		if b == 0 && i > 0 {
			break // a shorter form exists
		}
		r.rest = r.rest[i+1:]
		return n
	}
	r.err = fmt.Errorf("invalidate: event has no valid %s", what)
	return 0
}
