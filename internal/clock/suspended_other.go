//go:build !linux

package clock

import "time"

// suspended returns how far the wall clock has gained on the monotonic one since the process began. A step of the wall clock
// looks like a suspend, or, backwards, hides one that is no longer than the step if both fall between two calls. The former costs trust for a
// moment; that the latter is possible is why Linux has a way of its own.
func suspended() time.Duration {
	now := time.Now()
	return now.Round(0).Sub(start.Round(0)) - now.Sub(start)
}
