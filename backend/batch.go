package backend

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// An Item is one value to store: see Backend.Set for the meaning of its fields.
type Item struct {
	Key   string
	Value []byte
	TTL   time.Duration
}

// A Batcher is a Backend that serves many keys in one round trip (in a cluster: one for each node
// that is concerned). Call the functions GetMany and SetMany rather than its methods: they work with every
// Backend.
type Batcher interface {
	Backend
	// GetMany returns one value for each key, in the order of keys, and nil where a key is absent. A
	// value that is present and empty is not nil. On an error the values that could be read
	// are returned all the same. The caller owns the result.
	GetMany(ctx context.Context, keys []string) (values [][]byte, err error)
	// SetMany stores all items. On an error any part of them may have been stored.
	SetMany(ctx context.Context, items []Item) error
}

// GetMany reads many keys: at once when b is a Batcher, one by one otherwise.
// The contract is that of Batcher.GetMany.
func GetMany(ctx context.Context, b Backend, keys []string) ([][]byte, error) {
	if m, ok := b.(Batcher); ok {
		return m.GetMany(ctx, keys)
	}
	values := make([][]byte, len(keys))
	var errs []error
	for i, key := range keys {
		v, ok, err := b.Get(ctx, key)
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("get %q: %w", key, err))
		case ok && v == nil:
			values[i] = []byte{}
		case ok:
			values[i] = v
		}
	}
	return values, errors.Join(errs...)
}

// SetMany stores many items: at once when b is a Batcher, one by one otherwise.
// The contract is that of Batcher.SetMany.
func SetMany(ctx context.Context, b Backend, items []Item) error {
	if m, ok := b.(Batcher); ok {
		return m.SetMany(ctx, items)
	}
	var errs []error
	for _, it := range items {
		if err := b.Set(ctx, it.Key, it.Value, it.TTL); err != nil {
			errs = append(errs, fmt.Errorf("set %q: %w", it.Key, err))
		}
	}
	return errors.Join(errs...)
}
