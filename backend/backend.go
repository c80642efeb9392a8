package backend

import (
	"context"
	"time"
)

// A Backend stores bytes under keys. All methods may be called by many goroutines at once, and
// must return soon after ctx is done.
type Backend interface {
	// Get returns the value stored under key. A key that is absent or has expired is ok == false
	// with a nil error; an error means that the backend could not tell. The caller owns value. An
	// empty value that is present has ok == true.
	Get(ctx context.Context, key string) (value []byte, ok bool, err error)
	// Set stores value under key for ttl, replacing what was there. A ttl of 0 keeps the value
	// until it is deleted; a negative one is an error. The backend may round ttl up to its own
	// resolution, at most one millisecond. It must not keep value after it has returned.
	Set(ctx context.Context, key string, value []byte, ttl time.Duration) error
	// Delete removes keys. An absent key is no error, nor is an empty list. When it returns nil, every
	// Get that starts later finds the keys absent. On an error any part of them may have been
	// removed.
	Delete(ctx context.Context, keys ...string) error
}
