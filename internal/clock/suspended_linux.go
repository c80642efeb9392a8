package clock

import (
	"math"
	"time"

	"golang.org/x/sys/unix"
)

func suspended() time.Duration { return bootAhead(read) }

// bootAhead returns how far CLOCK_BOOTTIME, which goes on in a suspend, is ahead of CLOCK_MONOTONIC, which does not. The two are
// otherwise the same clock. They cannot be read at once, so the second is read on both sides of the first, and the closest
// of a few readings counts: a goroutine that is preempted in between must not take that for a suspend, nor hide one.
func bootAhead(read func(id int32) time.Duration) (ahead time.Duration) {
	const readings = 4
	closest := time.Duration(math.MaxInt64)
	for range readings {
		before := read(unix.CLOCK_MONOTONIC)
		boot := read(unix.CLOCK_BOOTTIME)
		after := read(unix.CLOCK_MONOTONIC)
		if width := after - before; width < closest {
			closest, ahead = width, boot-after
		}
	}
	return ahead
}

// read returns what a clock shows, or 0 if there is none: every Linux that Go runs on has both.
func read(id int32) time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(id, &ts); err != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}
