package redisstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
)

// bounded runs f and returns what it returns, or an error when ctx is done or the time of s is up. In the
// second case f may still be running, and its result is discarded: f must use nothing that
// the caller could change after that, see keep.
func bounded[T any](ctx context.Context, s *Store, f func(ctx context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	// An abandoned f is cancelled too: go-redis then neither waits for a connection nor tries once more.
	defer cancel()
	if err := ctx.Err(); err != nil {
		var zero T
		return zero, err
	}
	if s.traits.inline {
		return f(ctx)
	}
	type outcome struct {
		v   T
		err error
	}
	done := make(chan outcome, 1) // f never blocks on a caller who has left
	go func() {
		v, err := f(ctx)
		done <- outcome{v, err}
	}()
	select {
	case o := <-done:
		return o.v, o.err
	case <-ctx.Done():
		var zero T
		return zero, ctx.Err()
	}
}

// keep returns bytes that stay as they are after the call has returned: a copy if a command may outlive its call.
func (s *Store) keep(b []byte) []byte {
	if s.traits.inline {
		return b
	}
	return bytes.Clone(b)
}

// fail wraps the error of an operation on a key.
func fail(op, key string, err error) error {
	return fmt.Errorf("redisstore: %s %q: %w", op, key, timeUp(err))
}

// timeUp makes a timeout of a socket, which is how the deadline of a context shows, a context.DeadlineExceeded too.
func timeUp(err error) error {
	var t interface{ Timeout() bool }
	if errors.As(err, &t) && t.Timeout() && !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%w: %w", context.DeadlineExceeded, err)
	}
	return err
}
