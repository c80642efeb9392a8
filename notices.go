package tiercache

import "sync/atomic"

// maxNotices is how many notices may wait for slow hooks. More are dropped, and counted.
const maxNotices = 1024

// Notices are calls of hooks for what happens in the middle of somebody else's work: an engine tells of evictions under its
// locks, a bus of events on the goroutine that reads its connection. A hook that is called from there could not use the cache, and a
// slow one would hold up everybody. So these hooks are called from a goroutine of their own, one at a time, in order.
type notices struct {
	queue   chan func()
	stop    chan struct{}
	dropped *atomic.Uint64
}

// startNotices returns nil, which may be used, if o has no hook that needs it.
func startNotices(o *Observer, dropped *atomic.Uint64) *notices {
	if o.Problem == nil && o.Invalidated == nil && o.Dropped == nil {
		return nil
	}
	n := &notices{queue: make(chan func(), maxNotices), stop: make(chan struct{}), dropped: dropped}
	go n.run()
	return n
}

// put has call called soon. It does not wait.
func (n *notices) put(call func()) {
	if n == nil {
		return
	}
	select {
	case n.queue <- call:
	default:
		n.dropped.Add(1)
	}
}

// close ends the goroutine when it has called what was put before. It does not wait for that: a hook may be what closes
// the cache.
func (n *notices) close() {
	if n != nil {
		close(n.stop)
	}
}

func (n *notices) run() {
	for {
		select {
		case call := <-n.queue:
			call()
		case <-n.stop:
			for {
				select {
				case call := <-n.queue:
					call()
				default:
					return
				}
			}
		}
	}
}
