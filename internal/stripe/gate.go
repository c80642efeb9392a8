package stripe

import (
	"runtime"
	"sync/atomic"
)

// A Gate lets many goroutines pass at once, until it is closed for good. The zero Gate has not been opened, and lets nobody pass. It must
// not be copied.
//
// Why nobody is inside when Close has returned: Enter first adds to the count of its stripe and then looks whether the gate is open;
// Close first shuts the gate and then looks at the counts. Atomic operations of Go have one order that all goroutines agree on.
// In it, an add that comes after Close read its stripe as zero also comes after the gate was shut, so that Enter
// sees it shut and turns round; an add that comes before makes Close wait for the Exit that takes it back. Both
// touch the same stripe even if the stack of the goroutine has moved in between, because Enter returns which one it was.
type Gate struct {
	state   atomic.Uint32 // one of unopened, open, shut
	_       [124]byte     // read on every pass: not on a line that passes write
	stripes [width]struct {
		inside atomic.Int64
		_      [120]byte
	}
}

const (
	unopened uint32 = iota
	open
	shut
)

// A Pass is the right to be inside a Gate. It is given back with Exit.
type Pass uint64

// Open opens a new gate. It reports false, and does nothing, if the gate has been opened or closed before.
func (g *Gate) Open() bool { return g.state.CompareAndSwap(unopened, open) }

// Enter reports whether the gate is open. If it is, the caller is inside until it calls Exit with the Pass, which it should
// do soon: Close waits for it without sleeping.
func (g *Gate) Enter() (Pass, bool) {
	i := index()
	g.stripes[i%width].inside.Add(1)
	if g.state.Load() == open {
		return Pass(i), true
	}
	g.stripes[i%width].inside.Add(-1)
	return 0, false
}

// Exit leaves the gate.
func (g *Gate) Exit(p Pass) { g.stripes[p%width].inside.Add(-1) }

// IsOpen reports whether the gate has been opened and not closed. What it says may be over when it returns.
func (g *Gate) IsOpen() bool { return g.state.Load() == open }

// Closed reports whether Close has been called.
func (g *Gate) Closed() bool { return g.state.Load() == shut }

// Close shuts the gate and waits until nobody is inside.
func (g *Gate) Close() {
	g.state.Store(shut)
	for i := range g.stripes {
		for g.stripes[i].inside.Load() != 0 {
			runtime.Gosched()
		}
	}
}
