package stripe

import (
	"sync/atomic"
	"time"
)

// A Gate lets many goroutines pass at once, until it is closed for good. It also counts those that leave by its second exit, which
// costs nothing extra: leaving has to be counted anyway. The zero Gate is open. It must not be copied.
//
// Why nobody is inside when Close has returned: Enter first adds to the count of its stripe and then looks whether the gate is open;
// Close first shuts the gate and then looks at the counts. Atomic operations of Go have one order that all goroutines agree on.
// In it, an Enter that is counted after Close has looked at its stripe also looks after the gate was shut, and turns round; one that
// is counted before makes Close wait for the exit. Close reads exits before entries: both only grow, so where
// they are equal they were equal when it read the last exit. Both touch the same stripe even if the stack of the goroutine
// has moved in between, because Enter returns which one it was.
type Gate struct {
	shut    atomic.Bool
	_       [127]byte // read on every pass: not on a line that passes write
	stripes [width]struct {
		in, out, counted atomic.Uint64
		_                [104]byte
	}
}

// A Pass is the right to be inside a Gate. It is given back with Exit or ExitCounted.
type Pass uint64

// Enter reports whether the gate is open. If it is, the caller is inside until it gives the Pass back.
func (g *Gate) Enter() (Pass, bool) {
	i := index()
	s := &g.stripes[i%width]
	s.in.Add(1)
	if g.shut.Load() {
		s.out.Add(1)
		return 0, false
	}
	return Pass(i), true
}

// Exit leaves the gate.
func (g *Gate) Exit(p Pass) { g.stripes[p%width].out.Add(1) }

// ExitCounted leaves the gate and is counted.
func (g *Gate) ExitCounted(p Pass) { g.stripes[p%width].counted.Add(1) }

// Counted returns how many have left by ExitCounted. Those that leave at the same time may or may not be among them.
func (g *Gate) Counted() uint64 {
	var sum uint64
	for i := range g.stripes {
		sum += g.stripes[i].counted.Load()
	}
	return sum
}

// Closed reports whether Close has been called.
func (g *Gate) Closed() bool { return g.shut.Load() }

// Close shuts the gate and waits until nobody is inside. Only the first call does, and reports true.
func (g *Gate) Close() bool {
	if g.shut.Swap(true) {
		return false
	}
	for i := range g.stripes {
		s := &g.stripes[i]
		for pause := time.Microsecond; s.out.Load()+s.counted.Load() != s.in.Load(); pause = min(2*pause, time.Millisecond) {
			time.Sleep(pause) // exits signal nothing, which is why they are cheap
		}
	}
	return true
}
