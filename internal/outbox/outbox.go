// Package outbox hands things over to a function on a goroutine of its own.
//
// Memory engines tell of evictions in the middle of their work, some under their locks. What is told to the
// user from there could deadlock as soon as the user calls the cache. So the engine puts it into an outbox.
package outbox

import "sync"

// An Outbox calls a function with everything that is put into it, in order, one at a time. Start makes one.
type Outbox[T any] struct {
	deliver func(T)
	wake    chan struct{} // holds a token when waiting has become non-empty, or closed true
	done    chan struct{} // closed when the goroutine has ended

	mu      sync.Mutex
	waiting []T
	closed  bool
}

// Start makes an Outbox that calls deliver. It has a goroutine until it is closed.
func Start[T any](deliver func(T)) *Outbox[T] {
	o := &Outbox[T]{deliver: deliver, wake: make(chan struct{}, 1), done: make(chan struct{})}
	go o.run()
	return o
}

// Put adds v. It never waits: what deliver is too slow for is kept. After Close it does nothing.
func (o *Outbox[T]) Put(v T) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return
	}
	o.waiting = append(o.waiting, v)
	if len(o.waiting) == 1 {
		o.signal()
	}
}

// Close waits until all that was put before has been delivered and the goroutine has ended.
func (o *Outbox[T]) Close() {
	o.mu.Lock()
	if !o.closed {
		o.closed = true
		o.signal()
	}
	o.mu.Unlock()
	<-o.done
}

// signal wakes the goroutine, now or when it next waits.
func (o *Outbox[T]) signal() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

func (o *Outbox[T]) run() {
	defer close(o.done)
	var batch []T
	for range o.wake {
		for {
			o.mu.Lock()
			clear(batch) // what was delivered may be collected
			batch, o.waiting = o.waiting, batch[:0]
			closed := o.closed
			o.mu.Unlock()
			for _, v := range batch {
				o.deliver(v)
			}
			if len(batch) > 0 {
				continue
			}
			if closed {
				return
			}
			break
		}
	}
}
