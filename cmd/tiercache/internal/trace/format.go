package trace

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strconv"
)

// A Format says what a line of a trace means.
type Format string

// The formats, and Auto, which stands for the one that the first line has.
const (
	Auto  Format = "auto"
	ARC   Format = "arc"
	LIRS  Format = "lirs"
	Plain Format = "plain"
)

// ParseFormat returns the format of a name.
func ParseFormat(name string) (Format, error) {
	switch f := Format(name); f {
	case Auto, ARC, LIRS, Plain:
		return f, nil
	}
	return "", fmt.Errorf("unknown trace format %q (auto, arc, lirs or plain)", name)
}

// MaxKeyBytes is the length of the longest key of a trace, which is the longest that a cache takes by default.
const MaxKeyBytes = 1 << 10

// maxCount is the largest number of blocks in a line of an ARC trace. It is far beyond what real ones have, and keeps a damaged
// line from standing for a replay without end.
const maxCount = 1 << 20

// detect returns the format that line has. Every line is a key of the plain format, so that is what is left.
func detect(line []byte) Format {
	if _, err := parseARC(line); err == nil {
		return ARC
	}
	if _, skip, err := parseLIRS(line); err == nil || skip {
		return LIRS
	}
	return Plain
}

// A span is the blocks of one line.
type span struct {
	start, count uint64
}

// parseARC returns the blocks of a line of an ARC trace. The two numbers that do not matter have to be there all the same.
func parseARC(line []byte) (span, error) {
	var numbers [4]uint64
	n := 0
	for field := range bytes.FieldsSeq(line) {
		if n == len(numbers) {
			return span{}, errors.New("more than four numbers")
		}
		v, err := parseNumber(field)
		if err != nil {
			return span{}, err
		}
		numbers[n] = v
		n++
	}
	s := span{numbers[0], numbers[1]}
	switch {
	case n < len(numbers):
		return span{}, fmt.Errorf("%d numbers, want four", n)
	case s.count == 0 || s.count > maxCount:
		return span{}, fmt.Errorf("count is %d, want 1 to %d", s.count, maxCount)
	case s.start > math.MaxUint64-s.count:
		return span{}, fmt.Errorf("blocks %d and up are out of range", s.start)
	}
	return s, nil
}

// parseLIRS returns the block of a line of a LIRS trace, or that the line is a separator.
func parseLIRS(line []byte) (s span, skip bool, err error) {
	if len(line) == 1 && line[0] == '*' {
		return span{}, true, nil
	}
	block, err := parseNumber(line)
	return span{block, 1}, false, err
}

func parseNumber(field []byte) (uint64, error) {
	n, err := strconv.ParseUint(string(field), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%.40q is not a block number", field)
	}
	return n, nil
}
