package source

import (
	"sync/atomic"

	"github.com/tiercache/tiercache/faults/internal/mono"
)

// ringSize is how many acknowledgements of a key are kept: more than come while a read lasts.
const ringSize = 128

// An Ack says that from At on the caches have been told of Version.
type Ack struct {
	Version  uint64
	At       mono.Time
	Instance int  // who wrote it
	Waited   bool // its writer has waited until no instance may serve an older one
}

// A slot is an Ack in shared memory.
type slot struct {
	word atomic.Uint64 // version, waited, instance
	at   atomic.Int64
}

const (
	instanceBits = 8
	waitedBit    = 1 << instanceBits
	versionShift = instanceBits + 1
)

// Ack ends the write of a.Version of key k, and lets others write it.
func (s *Source) Ack(k int, a Ack) {
	key := &s.table.keys[k]
	word := a.Version<<versionShift | uint64(a.Instance)
	if a.Waited {
		word |= waitedBit
	}
	n := key.acks.Load() // nobody else writes this key
	slot := &key.ring[n%ringSize]
	slot.word.Store(word)
	slot.at.Store(int64(a.At))
	key.acks.Store(n + 1)
	key.writer.Store(0)
}

// Acks appends the latest acknowledgements of key k to buf, which is what versions and times have in common as
// their order. complete reports whether there were no others before them.
func (s *Source) Acks(k int, buf []Ack) (acks []Ack, complete bool) {
	key := &s.table.keys[k]
	n := key.acks.Load()
	first := uint64(0)
	if n > ringSize {
		first = n - ringSize
	}
	from := len(buf)
	for i := first; i < n; i++ {
		slot := &key.ring[i%ringSize]
		word := slot.word.Load()
		buf = append(buf, Ack{
			Version:  word >> versionShift,
			At:       mono.Time(slot.at.Load()),
			Instance: int(word & (waitedBit - 1)),
			Waited:   word&waitedBit != 0,
		})
	}
	// What has been written meanwhile, and what is being written now, is in the place of older ones.
	if now := key.acks.Load(); now >= ringSize && now-ringSize+1 > first {
		overwritten := min(now-ringSize+1, n)
		buf = append(buf[:from], buf[from+int(overwritten-first):]...)
		first = overwritten
	}
	return buf, first == 0
}
