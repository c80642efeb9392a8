package instance

import "context"

// silence is where the messages of the Redis client go: it tells of every connection that the faults have broken.
type silence struct{}

// Printf does nothing.
func (silence) Printf(context.Context, string, ...any) {}
