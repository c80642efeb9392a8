// Package mono reads the clock by which the processes of one machine can compare times.
package mono

import (
	"time"

	"golang.org/x/sys/unix"
)

// A Time is a time on CLOCK_MONOTONIC, in nanoseconds. It is the same in all processes of a machine, and no
// change of the wall clock moves it.
type Time int64

// Forever is later than any time.
const Forever Time = 1<<63 - 1

// Now returns the time.
func Now() Time {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		panic(err) // the clock exists on every system this builds on
	}
	return Time(ts.Nano())
}

// Add returns t+d.
func (t Time) Add(d time.Duration) Time { return t + Time(d) }

// Sub returns t-u.
func (t Time) Sub(u Time) time.Duration { return time.Duration(t - u) }
