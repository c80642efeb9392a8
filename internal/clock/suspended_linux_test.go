package clock

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A machine has two clocks, one of which stands still while it is suspended.
type machine struct{ awake, asleep time.Duration }

func (m *machine) read(id int32) time.Duration {
	if id == unix.CLOCK_BOOTTIME {
		return m.awake + m.asleep
	}
	return m.awake
}

func TestSuspendedIsWhatTheMachineSleptThrough(t *testing.T) {
	m := &machine{awake: time.Hour, asleep: 7 * time.Second}
	if got := bootAhead(m.read); got != 7*time.Second {
		t.Errorf("after 7 s of sleep: %v", got)
	}
	m.awake += time.Minute
	m.asleep += 30 * time.Second
	if got := bootAhead(m.read); got != 37*time.Second {
		t.Errorf("after 30 s more: %v", got)
	}
}

// Of four attempts one has to get through without a pause, whichever it is.
func TestSuspendedOfAProcessThatIsPreempted(t *testing.T) {
	for smooth := range 4 {
		m := &machine{awake: time.Hour, asleep: 7 * time.Second}
		reads := 0
		got := bootAhead(func(id int32) time.Duration {
			now := m.read(id)
			if attempt := reads / 3; attempt != smooth {
				m.awake += time.Second
			}
			reads++
			return now
		})
		if got != 7*time.Second {
			t.Errorf("held up in all attempts but number %d: %v, want 7s", smooth, got)
		}
	}
}
