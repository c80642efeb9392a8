package codec

import (
	"errors"
	"io"
)

var (
	errExtension = errors.New("extension where another value is expected")
	errUnread    = errors.New("unread at the start")
)

// source is the io.Reader and io.ByteScanner that a decoder reads from.
//
// It does not let the decoder take the body of an extension for a value. The decoder would do so where the target is a
// map: it skips the header of an extension and reads on, inside bytes that scan knows nothing about, and
// would allocate what they seem to claim. Values begin with a ReadByte and bodies are read by Read, which
// tells the two apart.
type source struct {
	data   []byte
	pos    int
	bodies []int // where the bodies of extensions begin, ascending
	next   int   // index in bodies of the first that is not read yet
}

func (s *source) ReadByte() (byte, error) {
	if s.pos == len(s.data) {
		return 0, io.ErrUnexpectedEOF
	}
	if s.next < len(s.bodies) && s.pos == s.bodies[s.next] {
		return 0, errExtension
	}
	c := s.data[s.pos]
	s.pos++
	return c, nil
}

func (s *source) UnreadByte() error {
	if s.pos == 0 {
		return errUnread
	}
	s.pos--
	return nil
}

func (s *source) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if s.pos == len(s.data) {
		return 0, io.EOF
	}
	n := copy(p, s.data[s.pos:])
	s.pos += n
	for s.next < len(s.bodies) && s.bodies[s.next] < s.pos {
		s.next++
	}
	return n, nil
}
