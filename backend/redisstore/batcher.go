package redisstore

import (
	"bytes"
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// maxFlying is how many batches are under way at a time. With one, the server would idle while its client
// hands out the last batch and gathers the next; with many, batches would be small.
const maxFlying = 2

// A batcher gathers concurrent reads into batches.
//
//  1. A read that finds fewer than maxFlying batches under way is a batch of its own. Its caller sends it, in its
//     own goroutine and by its own context. Nobody else is in that batch, so nobody is harmed if the caller leaves.
//  2. A read that does not queues up, and waits until it is answered, its context is done or its time is up.
//  3. When a batch of the first kind lands and finds a queue, a goroutine takes over its place: its caller
//     has an answer and should not work for others. It sends what has queued up as one batch,
//     again and again, until it finds the queue empty and gives up its place.
//
// So there is a queue only while every place is taken, and each place is given up or passed on within the time of one
// read. A read joins only batches that are sent after it has come: it sees every write that was done before.
type batcher struct {
	timeout time.Duration
	read    func(ctx context.Context, keys []string) []reply // returns within the timeout
	waiters sync.Pool                                        // of *waiter, whose channel and timer are worth keeping

	mu     sync.Mutex
	flying int       // guarded by mu; places taken
	queue  []*waiter // guarded by mu; empty while flying < maxFlying
}

// A waiter is a read in the queue.
type waiter struct {
	key   string
	reply chan reply // has room for the one reply, so that it is never waited for
	timer *time.Timer
	gone  atomic.Bool // its caller has left
}

func (b *batcher) init(timeout time.Duration, read func(ctx context.Context, keys []string) []reply) {
	b.timeout, b.read = timeout, read
	b.waiters.New = func() any {
		return &waiter{reply: make(chan reply, 1), timer: time.NewTimer(timeout)}
	}
}

// get reads key, by itself or with others.
func (b *batcher) get(ctx context.Context, key string) reply {
	b.mu.Lock()
	if b.flying < maxFlying {
		b.flying++
		b.mu.Unlock()
		defer b.land()
		return b.read(ctx, []string{key})[0]
	}
	w := b.waiters.Get().(*waiter)
	w.key = key
	w.timer.Reset(b.timeout)
	b.queue = append(b.queue, w)
	b.mu.Unlock()

	select {
	case r := <-w.reply:
		w.timer.Stop()
		b.waiters.Put(w)
		return r
	case <-ctx.Done():
		w.leave()
		return reply{err: ctx.Err()}
	case <-w.timer.C:
		w.leave()
		return reply{err: context.DeadlineExceeded}
	}
}

// leave marks a read that nobody waits for. The queue may still hold w, so it is not used again.
func (w *waiter) leave() {
	w.gone.Store(true)
	w.timer.Stop()
}

// land gives up the place of a batch of one, or passes it on.
func (b *batcher) land() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.queue) == 0 {
		b.flying--
		return
	}
	go b.serve()
}

// serve sends batches until the queue is empty.
func (b *batcher) serve() {
	var (
		batch []*waiter
		place = make(map[string]int) // of each key in the batch
	)
	for {
		batch = b.next(batch[:0])
		if len(batch) == 0 {
			return
		}
		clear(place)
		keys := make([]string, 0, len(batch)) // not reused: a read that was given up may still use it
		dups := make([]bool, len(batch))      // by place: several callers want the key
		for _, w := range batch {
			if i, dup := place[w.key]; dup {
				dups[i] = true
				continue
			}
			place[w.key] = len(keys)
			keys = append(keys, w.key)
		}
		// No caller's context: whoever leaves must not take the others along.
		replies := b.read(context.Background(), keys)
		for _, w := range batch {
			i := place[w.key]
			r := replies[i]
			if dups[i] {
				r.value = bytes.Clone(r.value) // each caller owns its value, and may be changing it already
			}
			w.reply <- r
		}
		clear(batch) // the values are the callers'
	}
}

// next moves reads from the queue to batch. If there is none it gives up the place of the caller.
func (b *batcher) next(batch []*waiter) []*waiter {
	b.mu.Lock()
	defer b.mu.Unlock()
	taken := 0
	for _, w := range b.queue {
		if len(batch) == maxKeys {
			break
		}
		taken++
		// Reads that were left behind would keep a server that is stuck, or slow, from the others.
		if !w.gone.Load() {
			batch = append(batch, w)
		}
	}
	b.queue = slices.Delete(b.queue, 0, taken)
	if len(batch) == 0 {
		b.flying--
	}
	return batch
}
