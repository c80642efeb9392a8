package instance

import (
	"context"
	"time"

	"github.com/tiercache/tiercache/faults/internal/mono"
	"github.com/tiercache/tiercache/faults/internal/source"
)

// writers is how many goroutines write.
const writers = 8

// Shares of the writes.
const (
	ownReads = 0.2  // that the writer reads itself afterwards
	waited   = 0.05 // that wait until no instance may serve an older value
)

// retryPause is the time between two attempts to delete a key.
const retryPause = 5 * time.Millisecond

// write writes until ctx is done. A write that has begun goes on until it is acknowledged.
func (i *instance) write(ctx context.Context, stream uint64) {
	p := newPicker(i.cfg.Seed, stream, hotWrites, warmWrites)
	every := time.Second * writers / time.Duration(i.cfg.Writes)
	for p.pace(ctx, every) {
		k := p.pick()
		version, ok := i.src.Write(k)
		if !ok {
			continue // somebody else is writing it
		}
		wait := p.r.Float64() < waited
		a := source.Ack{Version: version, Instance: i.cfg.Number}
		a.Waited = i.delete(source.Name(k), wait)
		a.At = mono.Now()
		i.src.Ack(k, a)
		i.writes.Add(1)
		if p.r.Float64() < ownReads {
			i.check(k)
		}
	}
}

// delete tells the cache of a write, until that succeeds. It reports whether it has waited for all instances.
func (i *instance) delete(key string, wait bool) (hasWaited bool) {
	w, canWait := i.cache.(waiter)
	for ctx := context.Background(); ; time.Sleep(retryPause) {
		var err error
		if wait && canWait {
			err = w.DeleteWait(ctx, key)
		} else {
			err = i.cache.Delete(ctx, key)
		}
		if err == nil {
			if wait && canWait {
				i.waited.Add(1)
			}
			return wait && canWait
		}
		i.failedDeletes.Add(1)
		i.mu.Lock()
		i.lastFailure = err
		i.mu.Unlock()
	}
}
