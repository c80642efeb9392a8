package backend

import (
	"context"
	"time"
)

// A Clock is a Backend that tells the time by which it counts. A shared store that has a clock gives its users one that they
// agree on, whatever their own clocks show. Call the function Now rather than the method: it works with every Backend.
type Clock interface {
	Backend
	// Now returns the time of the store as it is on return, as far as it can be told: its monotonic reading, if
	// it has one, means nothing. It is called for almost every other call, so it seldom takes a round trip. A step of the
	// caller's own wall clock does not change it. An error means that it cannot be told.
	Now(ctx context.Context) (time.Time, error)
}

// Now returns the time of b if it is a Clock that can tell it, and that of this process otherwise.
func Now(ctx context.Context, b Backend) time.Time {
	if c, ok := b.(Clock); ok {
		if now, err := c.Now(ctx); err == nil {
			return now
		}
	}
	return time.Now()
}
