// Package stripe has a counter that many goroutines can add to without sharing a cache line.
package stripe

import (
	"sync/atomic"
	"unsafe"
)

// width is the number of stripes: a power of two, well above the cores that hit one cache at once.
const width = 32

// A Counter is a sum kept in stripes. The zero Counter is zero and ready to use. It must not be copied.
type Counter struct {
	stripes [width]struct {
		n atomic.Uint64
		_ [120]byte // two lines: processors prefetch lines in pairs
	}
}

// Add adds n.
func (c *Counter) Add(n uint64) { c.stripes[index()].n.Add(n) }

// Load returns the sum. Adds that run at the same time may or may not be in it.
func (c *Counter) Load() uint64 {
	var sum uint64
	for i := range c.stripes {
		sum += c.stripes[i].n.Load()
	}
	return sum
}

// index spreads goroutines over the stripes by the address of their stacks: different for
// goroutines that run at the same time, and much cheaper than a random number. Stacks are at least 2 KiB
// apart, and the multiplication brings the high bits down. The address is used as a number only.
func index() uint64 {
	var here byte
	return (uint64(uintptr(unsafe.Pointer(&here))>>11) * 0x9E3779B97F4A7C15) >> 59
}
