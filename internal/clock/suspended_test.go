package clock_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiercache/tiercache/internal/clock"
)

// running is more than what separates two readings of clocks that run alike, and less than any suspend that matters.
const running = 20 * time.Millisecond

func TestNothingIsSuspendedWhileWeRun(t *testing.T) {
	first := clock.Suspended()
	for end := time.Now().Add(50 * time.Millisecond); time.Now().Before(end); {
		if grown := clock.Suspended() - first; grown.Abs() > running {
			t.Fatalf("Suspended() grew by %v in a process that ran all the time", grown)
		}
	}
}

// Time that a bubble skips is nothing that the machine slept through.
func TestABubbleIsNoSuspend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := clock.Suspended()
		time.Sleep(24 * time.Hour)
		if grown := clock.Suspended() - first; grown.Abs() > running {
			t.Errorf("Suspended() grew by %v while the time of the bubble went on", grown)
		}
	})
}
