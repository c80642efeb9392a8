package redisbus

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/tiercache/tiercache/internal/chain"
	"github.com/tiercache/tiercache/invalidate"
)

// A message is an event and the entries of the log that stand for it, one for each partition concerned. It is written by a script
// in Redis, so its frame is text:
//
//	2 partition:epoch:number:previous:nonce partition:epoch:... \n encoded event
//
// Epochs and nonces are 16 hexadecimal digits.
type message struct {
	entries []entry
	event   invalidate.Event
}

// An entry is one of the log of a partition.
type entry struct {
	partition int
	chain.Link
}

const messageVersion = "2 "

// parseMessage is the inverse of what the script does. It keeps no part of s that is not in the event.
func parseMessage(s string) (m message, err error) {
	frame, payload, ok := strings.Cut(s, "\n")
	if !ok {
		return m, errors.New("no line of log entries")
	}
	frame, ok = strings.CutPrefix(frame, messageVersion)
	if !ok {
		return m, fmt.Errorf("not of version %q", messageVersion)
	}
	if m.entries, err = parseEntries(frame); err != nil {
		return m, err
	}
	return m, m.event.UnmarshalBinary([]byte(payload))
}

func parseEntries(s string) ([]entry, error) {
	entries := make([]entry, 0, 1)
	for field := range strings.SplitSeq(s, " ") {
		l, err := parseEntry(field)
		if err != nil {
			return nil, err
		}
		if len(entries) == invalidate.Partitions {
			return nil, errors.New("more log entries than partitions")
		}
		entries = append(entries, l)
	}
	return entries, nil
}

func parseEntry(s string) (l entry, err error) {
	parts := strings.Split(s, ":")
	if len(parts) != 5 {
		return l, fmt.Errorf("log entry %.80q has %d parts, want 5", s, len(parts))
	}
	p, err := strconv.ParseUint(parts[0], 10, 8)
	if err != nil || p >= invalidate.Partitions {
		return l, fmt.Errorf("log entry %.80q names no partition", s)
	}
	l.partition = int(p)
	if l.Head, err = parseHead(parts[1], parts[2], parts[4]); err != nil {
		return l, err
	}
	if l.Number == 0 {
		return l, fmt.Errorf("log entry %.80q has number 0", s)
	}
	l.Prev, err = parseNonce(parts[3])
	return l, err
}

// parseHead reads what the hash of a log has. An epoch of 0 would mean that there is no log.
func parseHead(epoch, number, nonce string) (h chain.Head, err error) {
	if h.Epoch, err = parseNonce(epoch); err != nil {
		return h, err
	}
	if h.Epoch == 0 {
		return h, errors.New("epoch is zero")
	}
	if h.Number, err = strconv.ParseUint(number, 10, 53); err != nil {
		return h, fmt.Errorf("number of a log entry: %w", err)
	}
	h.Nonce, err = parseNonce(nonce)
	return h, err
}

func parseNonce(s string) (uint64, error) {
	if len(s) != 16 {
		return 0, fmt.Errorf("nonce %.20q has not 16 digits", s)
	}
	n, err := strconv.ParseUint(s, 16, 64)
	if err != nil {
		return 0, fmt.Errorf("nonce: %w", err)
	}
	return n, nil
}

func formatNonce(n uint64) string { return fmt.Sprintf("%016x", n) }
