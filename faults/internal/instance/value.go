package instance

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/tiercache/tiercache"

	"github.com/tiercache/tiercache/faults/internal/source"
)

// A Value is what is cached.
type Value struct {
	Key     int
	Version uint64
	Fill    []byte // makes it as large as a small record of a database
}

const fillSize = 512

// maxDelay is how long the source takes at most.
const maxDelay = 8 * time.Millisecond

// Shares of the calls of the source that fail.
const (
	errorShare = 0.002
	panicShare = 0.0002
)

var errSource = errors.New("the source failed, as it does now and then")

// A loader reads the source as a slow database would: the answer is as old as the moment somewhere between call and return.
type loader struct {
	src    *source.Source
	calm   *atomic.Bool // no delays and no failures
	panics bool         // the cache has to survive panics
}

// load returns a Loader for key k.
func (l *loader) load(k int) tiercache.Loader[Value] {
	return func(ctx context.Context, _ string) (Value, error) {
		if l.calm.Load() {
			return l.read(k), nil
		}
		before, after := rand.N(maxDelay/2), rand.N(maxDelay/2)
		time.Sleep(before)
		v := l.read(k)
		time.Sleep(after)
		switch luck := rand.Float64(); {
		case luck < panicShare && l.panics:
			panic(errSource)
		case luck < errorShare:
			return Value{}, errSource
		}
		return v, ctx.Err()
	}
}

func (l *loader) read(k int) Value {
	return Value{Key: k, Version: l.src.Version(k), Fill: make([]byte, fillSize)}
}
