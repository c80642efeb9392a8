package tiercache

import (
	"context"
	"fmt"
	"time"
)

// DeleteWait is Delete, and returns when no process serves what was there before any more: one whose connection is dead, which has not
// heard of it, has stopped trusting its memory by then. Use it where the next step must not be met by an old value, as after taking
// away a right.
//
// It takes the bound of the bus longer than Delete, what Config.Outage adds, and a thousandth of both for clocks that run at different
// rates. The bound and the outage are those of this process, and must be no shorter than those of any other. Without a bus there is nobody to wait for. With a bus that
// promises no bound it is ErrNoBound, and nothing has been deleted. An error of Delete is returned at once. When ctx is done or the cache is closed before the time is up,
// the error, which wraps ctx.Err or ErrClosed, says that the keys have been deleted, and that others may serve them still.
func (c *Cache[V]) DeleteWait(ctx context.Context, keys ...string) error {
	if c.isClosing() {
		return ErrClosed
	}
	var wait time.Duration
	if c.bus != nil {
		bound := c.bus.Bound()
		if bound <= 0 {
			return fmt.Errorf("tiercache: cache %q: delete and wait: %w", c.name, ErrNoBound)
		}
		wait = bound + c.outage
		wait += wait / 1000
	}
	if err := c.Delete(ctx, keys...); err != nil || len(keys) == 0 || wait == 0 {
		return err
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	var err error
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		err = ctx.Err()
	case <-c.closing:
		err = ErrClosed
	}
	return fmt.Errorf("tiercache: cache %q: deleted, but other processes may serve the old values for up to %v: %w", c.name, wait, err)
}
