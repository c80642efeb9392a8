package trace

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"iter"
	"strconv"
)

// Read returns the keys of the requests in r, in their order. A key is only valid until the next one is asked for. After an error,
// which names the line that it is about, nothing more follows. Compressed input is recognized by its first bytes.
func Read(r io.Reader, f Format) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		plain, err := decompress(r)
		if err != nil {
			yield(nil, err)
			return
		}
		p := parser{format: f, yield: yield}
		p.lines(plain)
	}
}

// decompress returns what r is after decompression, if it is compressed.
func decompress(r io.Reader) (io.Reader, error) {
	buffered := bufio.NewReaderSize(r, 64<<10)
	magic, err := buffered.Peek(2)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if !bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		return buffered, nil
	}
	return gzip.NewReader(buffered)
}

// A parser hands the keys of a trace to yield.
type parser struct {
	format Format
	yield  func([]byte, error) bool
	key    []byte // reused
}

// maxLine is longer than any line that makes sense, by the room for a newline and for being noticed.
const maxLine = MaxKeyBytes + 1024

func (p *parser) lines(r io.Reader) {
	sc := bufio.NewScanner(r)
	sc.Buffer(make([]byte, 0, 64<<10), maxLine)
	number := 0
	for sc.Scan() {
		number++
		more, err := p.line(sc.Bytes())
		if err != nil {
			p.yield(nil, fmt.Errorf("line %d: %w", number, err))
			return
		}
		if !more {
			return
		}
	}
	switch err := sc.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		p.yield(nil, fmt.Errorf("line %d: longer than %d bytes", number+1, maxLine))
	case err != nil:
		p.yield(nil, fmt.Errorf("after line %d: %w", number, err))
	}
}

// line yields the keys of a line, and reports whether there may be more.
func (p *parser) line(line []byte) (more bool, err error) {
	trimmed := bytes.TrimSpace(line)
	if len(trimmed) == 0 {
		return true, nil
	}
	if p.format == Auto {
		p.format = detect(trimmed)
	}
	switch p.format {
	case ARC:
		s, err := parseARC(trimmed)
		return err == nil && p.blocks(s), err
	case LIRS:
		s, skip, err := parseLIRS(trimmed)
		return skip || err == nil && p.blocks(s), err
	case Plain:
		if len(line) > MaxKeyBytes {
			return false, fmt.Errorf("key of %d bytes, the longest may have %d", len(line), MaxKeyBytes)
		}
		return p.yield(line, nil), nil
	}
	return false, fmt.Errorf("unknown trace format %q", p.format)
}

func (p *parser) blocks(s span) bool {
	for i := range s.count {
		p.key = strconv.AppendUint(p.key[:0], s.start+i, 10)
		if !p.yield(p.key, nil) {
			return false
		}
	}
	return true
}
