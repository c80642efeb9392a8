// Package clock is the one clock of the module: a monotonic reading in 8 bytes.
package clock

import (
	"math"
	"time"
)

// An Instant is a point on the monotonic clock of this process, in nanoseconds. It means nothing
// in another process and is never stored. A step of the wall clock does not move it.
type Instant int64

// Never is later than every other Instant.
const Never Instant = math.MaxInt64

// Instants count from a century before the process began, so that zero is long past for every one that Now returns. That holds
// in a bubble of testing/synctest too, where it is the year 2000.
var start = time.Now().Add(-100 * 365 * 24 * time.Hour)

// Now reads the monotonic clock: one call without a system call on the platforms that
// have a vDSO, about half the cost of time.Now, which reads the wall clock too.
func Now() Instant { return Instant(time.Since(start)) }

// Add returns i moved by d. It saturates instead of overflowing, so adding a huge d gives Never.
func (i Instant) Add(d time.Duration) Instant {
	s := i + Instant(d)
	switch {
	case d > 0 && s < i:
		return Never
	case d < 0 && s > i:
		return math.MinInt64
	}
	return s
}

// Sub returns the time from o to i.
func (i Instant) Sub(o Instant) time.Duration { return time.Duration(i - o) }

// Time returns i as a time.Time with a monotonic reading.
func (i Instant) Time() time.Time { return start.Add(time.Duration(i)) }

// At returns the Instant of t. Where t has no monotonic reading, its wall clock decides.
func At(t time.Time) Instant { return Instant(t.Sub(start)) }
