package tiercache_test

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/tiercache/tiercache/backend"
	"github.com/tiercache/tiercache/invalidate"
)

// A fakeBus is a bus whose moves the test makes. Unless that says otherwise it delivers each event at once, and confirms nothing.
type fakeBus struct {
	*invalidate.Memory
	bound   time.Duration
	publish func(ctx context.Context, e invalidate.Event) error // in place of Publish, if not nil

	mu       sync.Mutex
	handlers []invalidate.Handler
}

func newFakeBus(bound time.Duration) *fakeBus {
	return &fakeBus{Memory: invalidate.NewMemory(), bound: bound}
}

func (b *fakeBus) Bound() time.Duration { return b.bound }

func (b *fakeBus) Publish(ctx context.Context, e invalidate.Event) error {
	if b.publish != nil {
		return b.publish(ctx, e)
	}
	return b.Memory.Publish(ctx, e)
}

func (b *fakeBus) Subscribe(ctx context.Context, h invalidate.Handler) error {
	b.mu.Lock()
	b.handlers = append(b.handlers, h)
	b.mu.Unlock()
	return b.Memory.Subscribe(ctx, h)
}

// confirm says to all instances that nothing older than asked is unknown to them.
func (b *fakeBus) confirm(asked time.Time, partitions ...int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, h := range b.handlers {
		for p := range invalidate.Partitions {
			if len(partitions) == 0 || slices.Contains(partitions, p) {
				h.Confirm(p, asked.Add(b.bound))
			}
		}
	}
}

// rollBack tells all instances that the store may have lost something.
func (b *fakeBus) rollBack() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, h := range b.handlers {
		h.(invalidate.RollbackHandler).RolledBack()
	}
}

// A stepBus is a fakeBus that can delete in a stepStore.
type stepBus struct {
	*fakeBus
	step func(ctx context.Context, do func() error) error // if not nil, calls do when the server gets to it

	calls []int    // number of keys of each; guarded by mu
	names []string // of all; guarded by mu
}

func newStepBus(bound time.Duration) *stepBus { return &stepBus{fakeBus: newFakeBus(bound)} }

func (b *stepBus) PublishDelete(ctx context.Context, e invalidate.Event, store any, names []string) error {
	e.Keys, names = slices.Clone(e.Keys), slices.Clone(names)
	b.mu.Lock()
	b.calls, b.names = append(b.calls, len(names)), append(b.names, names...)
	b.mu.Unlock()
	do := func() error {
		if err := store.(*backend.Memory).Delete(ctx, names...); err != nil {
			return err
		}
		return b.Publish(ctx, e)
	}
	if b.step != nil {
		return b.step(ctx, do)
	}
	return do()
}

// asked returns the number of keys of each call since the last time, and the names.
func (b *stepBus) asked() (calls []int, names []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	calls, names = b.calls, b.names
	b.calls, b.names = nil, nil
	return calls, names
}

// A stepStore is a store that says where its values are, and counts what is deleted another way.
type stepStore struct {
	*backend.Memory
	deletes int
}

func newStepStore() *stepStore { return &stepStore{Memory: backend.NewMemory()} }

func (s *stepStore) Locate(key string) (store any, name string) { return s.Memory, key }

func (s *stepStore) Delete(ctx context.Context, keys ...string) error {
	s.deletes++
	return s.Memory.Delete(ctx, keys...)
}
