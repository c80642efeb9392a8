package tiercache

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/tiercache/tiercache/invalidate"
)

// A repetition is spread out, so that a store that has just come back is not held up, and patient, until it has been done.
const (
	repeatPause    = 5 * time.Millisecond // between two pieces of maxKeysPerStep
	repeatAgain    = 100 * time.Millisecond
	repeatAgainMax = 2 * time.Second
)

// record has the journal remember a write that was acknowledged. began is from journal.begin.
func (c *Cache[V]) record(began uint64, keys ...string) {
	if c.journal.record(began, keys...) {
		c.repeats.Go(c.repeatWrites)
	}
}

// RolledBack has the writes repeated that the store may have lost. It does not wait for that.
func (h *handler[V]) RolledBack() {
	if h.journal.rolledBack() {
		h.repeats.Go((*Cache[V])(h).repeatWrites)
	}
}

// repeatWrites repeats what the journal has, for as long as there is something due.
func (c *Cache[V]) repeatWrites() {
	for {
		keys, all, overflowed, ok := c.journal.next()
		if !ok {
			return
		}
		c.counters.journalReplays.Add(1)
		if overflowed {
			c.counters.journalOverflows.Add(1)
		}
		count := len(keys)
		if all {
			count = -1
			ok = c.untilDone(c.clear)
		}
		for some := range slices.Chunk(keys, maxKeysPerStep) {
			ok = c.untilDone(func(ctx context.Context) error { return c.repeatDelete(ctx, some) })
			if !ok {
				return
			}
			c.counters.journalKeys.Add(uint64(len(some)))
			if !c.pause(repeatPause) {
				return
			}
		}
		if !ok {
			return
		}
		c.observer.repeated(count)
	}
}

// repeatDelete deletes keys from the far tiers. What memory has of them is made invalid: it may be from the store that came back. Unlike that
// of a write, this happens once, after the event. Loads that began before the write have been overtaken then.
func (c *Cache[V]) repeatDelete(ctx context.Context, keys []string) error {
	_, err := c.deleteFar(ctx, keys)
	for _, key := range keys {
		c.fence.Bump(key, invalidate.Partition(c.name, key))
	}
	return err
}

// untilDone calls do until it succeeds. It reports false when the cache is closed first.
func (c *Cache[V]) untilDone(do func(context.Context) error) bool {
	for again := repeatAgain; ; again = min(2*again, repeatAgainMax) {
		pass, err := c.enter()
		if err != nil {
			return false
		}
		err = do(context.Background())
		c.gate.Exit(pass)
		if err == nil {
			return true
		}
		c.observer.error(err)
		if !c.pause(again/2 + rand.N(again)) {
			return false
		}
	}
}

// pause waits for d. It reports false when the cache is closed meanwhile.
func (c *Cache[V]) pause(d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-c.closing:
		return false
	}
}
