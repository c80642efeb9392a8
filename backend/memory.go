package backend

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// sweepPerWrite is how many entries, picked by the random order of a map, each write looks at in search of
// expired ones. With four looks a write, expired entries level off at about a quarter of the map: a
// larger share would lose more of them with every write than one write can add.
const sweepPerWrite = 4

// A Memory is a Backend in the memory of the process, with all optional powers. It is the reference
// for tests and a stand-in for a shared store in programs that run alone. It evicts nothing but what has
// expired, so it is no bounded cache.
//
// All methods may be called by many goroutines at once. Create a Memory with NewMemory.
type Memory struct {
	began   time.Time
	mu      sync.Mutex
	entries map[string]memoryEntry // guarded by mu
}

// A memoryEntry owns its value: bytes are copied on the way in and out.
type memoryEntry struct {
	value   []byte
	expires time.Time // zero: never
}

func (e memoryEntry) expired(now time.Time) bool {
	return !e.expires.IsZero() && !now.Before(e.expires)
}

var (
	_ Batcher = (*Memory)(nil)
	_ Leaser  = (*Memory)(nil)
	_ Clock   = (*Memory)(nil)
)

// NewMemory returns an empty Memory.
func NewMemory() *Memory {
	return &Memory{began: time.Now(), entries: make(map[string]memoryEntry)}
}

// Len returns the number of values held. It counts those that have expired and were not removed yet: they go
// when their key is used, or in passing when others are written.
func (m *Memory) Len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.entries)
}

// Get implements Backend.
func (m *Memory) Get(ctx context.Context, key string) (value []byte, ok bool, err error) {
	if err := ctx.Err(); err != nil {
		return nil, false, memoryError("get", key, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	e, ok := m.live(key)
	if !ok {
		return nil, false, nil
	}
	return copyOf(e.value), true, nil
}

// Set implements Backend.
func (m *Memory) Set(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	if err := checkWrite(ctx, ttl); err != nil {
		return memoryError("set", key, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.store(key, value, ttl)
	return nil
}

// Delete implements Backend.
func (m *Memory) Delete(ctx context.Context, keys ...string) error {
	if len(keys) == 0 {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return memoryError("delete", keys[0], err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, key := range keys {
		delete(m.entries, key)
	}
	return nil
}

// GetMany implements Batcher.
func (m *Memory) GetMany(ctx context.Context, keys []string) ([][]byte, error) {
	values := make([][]byte, len(keys))
	if len(keys) == 0 {
		return values, nil
	}
	if err := ctx.Err(); err != nil {
		return values, memoryError("get", keys[0], err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, key := range keys {
		if e, ok := m.live(key); ok {
			values[i] = copyOf(e.value)
		}
	}
	return values, nil
}

// SetMany implements Batcher. On an error nothing has been stored.
func (m *Memory) SetMany(ctx context.Context, items []Item) error {
	for _, it := range items {
		if err := checkWrite(ctx, it.TTL); err != nil {
			return memoryError("set", it.Key, err)
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, it := range items {
		m.store(it.Key, it.Value, it.TTL)
	}
	return nil
}

// Add implements Leaser.
func (m *Memory) Add(ctx context.Context, key string, value []byte, ttl time.Duration) (existing []byte, added bool, err error) {
	if err := checkWrite(ctx, ttl); err != nil {
		return nil, false, memoryError("add", key, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if e, ok := m.live(key); ok {
		return copyOf(e.value), false, nil
	}
	m.store(key, value, ttl)
	return nil, true, nil
}

// Replace implements Leaser.
func (m *Memory) Replace(ctx context.Context, key string, head, value []byte, ttl time.Duration) (replaced bool, err error) {
	if err := errors.Join(checkWrite(ctx, ttl), checkHead(head)); err != nil {
		return false, memoryError("replace", key, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if e, ok := m.live(key); !ok || !bytes.HasPrefix(e.value, head) {
		return false, nil
	}
	m.store(key, value, ttl)
	return true, nil
}

// Patch implements Leaser.
func (m *Memory) Patch(ctx context.Context, key string, head, newHead []byte) (patched bool, err error) {
	err = errors.Join(ctx.Err(), checkHead(head))
	if len(head) != len(newHead) {
		err = errors.Join(err, fmt.Errorf("a head of %d bytes cannot take the place of one of %d", len(newHead), len(head)))
	}
	if err != nil {
		return false, memoryError("patch", key, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	e, ok := m.live(key)
	if !ok || !bytes.HasPrefix(e.value, head) {
		return false, nil
	}
	copy(e.value, newHead) // in place: nobody else has this slice
	return true, nil
}

// DeleteIf implements Leaser.
func (m *Memory) DeleteIf(ctx context.Context, key string, head []byte) (deleted bool, err error) {
	if err := errors.Join(ctx.Err(), checkHead(head)); err != nil {
		return false, memoryError("delete", key, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if e, ok := m.live(key); !ok || !bytes.HasPrefix(e.value, head) {
		return false, nil
	}
	delete(m.entries, key)
	return true, nil
}

// Now implements Clock. A step of the wall clock does not move it: it counts from when the Memory was made.
func (m *Memory) Now(context.Context) (time.Time, error) {
	return m.began.Round(0).Add(time.Since(m.began)), nil
}

// live returns the entry of key, unless there is none or it has expired. The caller holds mu.
func (m *Memory) live(key string) (memoryEntry, bool) {
	e, ok := m.entries[key]
	if ok && e.expired(time.Now()) {
		delete(m.entries, key)
		return memoryEntry{}, false
	}
	return e, ok
}

// store puts a copy of value under key and removes a few expired entries. The caller holds mu.
func (m *Memory) store(key string, value []byte, ttl time.Duration) {
	now := time.Now()
	looks := 0
	for k, e := range m.entries {
		if e.expired(now) {
			delete(m.entries, k)
		}
		if looks++; looks == sweepPerWrite {
			break
		}
	}
	e := memoryEntry{value: copyOf(value)}
	if ttl > 0 {
		e.expires = now.Add(ttl)
	}
	m.entries[key] = e
}

// copyOf returns a copy of value that is never nil: what is present is not nil.
func copyOf(value []byte) []byte {
	return append([]byte{}, value...)
}

func checkWrite(ctx context.Context, ttl time.Duration) error {
	if ttl < 0 {
		return fmt.Errorf("negative ttl %v", ttl)
	}
	return ctx.Err()
}

func checkHead(head []byte) error {
	if len(head) == 0 {
		return errors.New("empty head")
	}
	return nil
}

func memoryError(op, key string, err error) error {
	return fmt.Errorf("backend: %s %q in memory: %w", op, key, err)
}
