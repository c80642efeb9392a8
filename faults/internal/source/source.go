// Package source is the truth that caches are compared with: a table of versions in memory that all processes of a
// run share. Next to the version of each key lies when its latest versions were acknowledged, so that a read can be
// judged as soon as it has returned.
package source

import (
	"fmt"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The sets of keys: one that everybody asks for, some that many do, and many that few do.
const (
	Hot  = 1
	Warm = 50
	Cold = 10_000
	Keys = Hot + Warm + Cold
)

// Name returns the name of key number k.
func Name(k int) string {
	switch {
	case k < Hot:
		return "hot"
	case k < Hot+Warm:
		return fmt.Sprintf("warm-%02d", k-Hot)
	}
	return fmt.Sprintf("cold-%04d", k-Hot-Warm)
}

// A Source is the shared table. All methods may be called by many goroutines, and processes, at once. What is in it
// has no pointers, and all of it is read and written atomically.
type Source struct {
	table *table
	raw   []byte
}

type table struct {
	windows atomic.Uint64 // used elements of window
	window  [maxWindows]window
	ports   [Ports]atomic.Uint32
	keys    [Keys]key
}

type key struct {
	version atomic.Uint64
	writer  atomic.Uint64 // 1 while somebody writes the key
	acks    atomic.Uint64 // acknowledgements so far; number n is in ring[n%ringSize]
	ring    [ringSize]slot
}

// Create makes the file at path, in which every key has version 1, and opens it.
func Create(path string) (*Source, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	defer f.Close() // the mapping stays
	if err := f.Truncate(int64(unsafe.Sizeof(table{}))); err != nil {
		return nil, err
	}
	s, err := mapFile(f)
	if err != nil {
		return nil, err
	}
	for k := range s.table.keys {
		s.table.keys[k].version.Store(1)
	}
	return s, nil
}

// Open opens a file that Create has made.
func Open(path string) (*Source, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return mapFile(f)
}

func mapFile(f *os.File) (*Source, error) {
	size := int(unsafe.Sizeof(table{}))
	raw, err := unix.Mmap(int(f.Fd()), 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map %s: %w", f.Name(), err)
	}
	return &Source{table: (*table)(unsafe.Pointer(&raw[0])), raw: raw}, nil
}

// Close ends the mapping. Nobody may use s any more.
func (s *Source) Close() error { return unix.Munmap(s.raw) }

// Version returns the version of key k. The first one is 1.
func (s *Source) Version(k int) uint64 { return s.table.keys[k].version.Load() }

// Write begins the next version of key k, unless somebody else is writing it: then ok is false. The caller must
// end it with Ack.
func (s *Source) Write(k int) (version uint64, ok bool) {
	key := &s.table.keys[k]
	if !key.writer.CompareAndSwap(0, 1) {
		return 0, false
	}
	return key.version.Add(1), true
}
