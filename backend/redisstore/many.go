package redisstore

import (
	"context"
	"fmt"
	"slices"

	"github.com/redis/go-redis/v9"

	"github.com/tiercache/tiercache/backend"
)

// GetMany implements backend.Batcher. A key that holds something else than a string is an error, or, on a single server,
// absent.
func (s *Store) GetMany(ctx context.Context, keys []string) ([][]byte, error) {
	values := make([][]byte, len(keys))
	if len(keys) == 0 {
		return values, nil
	}
	keys = s.keepKeys(keys)
	var failed failures
	for i, r := range s.read(ctx, keys) {
		values[i] = r.value
		failed.note(keys[i], r.err)
	}
	return values, failed.err("get", len(keys))
}

// SetMany implements backend.Batcher. A negative ttl is found before anything is stored.
func (s *Store) SetMany(ctx context.Context, items []backend.Item) error {
	if len(items) == 0 {
		return nil
	}
	items = slices.Clone(items)
	for i, it := range items {
		if it.TTL < 0 {
			return fail("set", it.Key, negative(it.TTL))
		}
		items[i].Value = s.keep(it.Value)
	}
	errs, err := bounded(ctx, s, func(ctx context.Context) ([]error, error) {
		pipe := s.rdb.Pipeline()
		for _, it := range items {
			pipe.Set(ctx, it.Key, it.Value, roundUp(it.TTL))
		}
		return errorsOf(pipe.Exec(ctx)), nil
	})
	if err != nil {
		return fail("set", items[0].Key, err)
	}
	var failed failures
	for i, err := range errs {
		failed.note(items[i].Key, err)
	}
	return failed.err("set", len(items))
}

// Delete implements backend.Backend. The memory is freed in the background of the server.
func (s *Store) Delete(ctx context.Context, keys ...string) error {
	if len(keys) == 0 {
		return nil
	}
	keys = s.keepKeys(keys)
	each := maxKeys
	if s.traits.spread {
		each = 1
	}
	errs, err := bounded(ctx, s, func(ctx context.Context) ([]error, error) {
		if len(keys) <= each {
			return []error{s.rdb.Unlink(ctx, keys...).Err()}, nil
		}
		pipe := s.rdb.Pipeline()
		for chunk := range slices.Chunk(keys, each) {
			pipe.Unlink(ctx, chunk...)
		}
		return errorsOf(pipe.Exec(ctx)), nil
	})
	if err != nil {
		return fail("delete", keys[0], err)
	}
	var failed failures
	for i, err := range errs {
		for _, key := range keys[i*each : min((i+1)*each, len(keys))] {
			failed.note(key, err)
		}
	}
	return failed.err("delete", len(keys))
}

// errorsOf returns the error of each command of a pipeline. The error of the pipeline is the first of them.
func errorsOf(cmds []redis.Cmder, _ error) []error {
	errs := make([]error, len(cmds))
	for i, cmd := range cmds {
		errs[i] = cmd.Err()
	}
	return errs
}

// keepKeys returns keys that stay as they are after the call has returned, like keep.
func (s *Store) keepKeys(keys []string) []string {
	if s.traits.inline {
		return keys
	}
	return slices.Clone(keys)
}

// failures counts the keys of a call that failed and keeps the first: a server that is down would otherwise fill an
// error with one line for each key.
type failures struct {
	n     int
	key   string
	first error
}

func (f *failures) note(key string, err error) {
	if err == nil {
		return
	}
	if f.n++; f.n == 1 {
		f.key, f.first = key, err
	}
}

func (f *failures) err(op string, of int) error {
	switch {
	case f.n == 0:
		return nil
	case of == 1:
		return fail(op, f.key, f.first)
	default:
		return fail(fmt.Sprintf("%s (%d of %d keys failed)", op, f.n, of), f.key, f.first)
	}
}
