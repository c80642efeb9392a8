package redisbus_test

import (
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/tiercache/tiercache/internal/redistest"
	"github.com/tiercache/tiercache/invalidate/redisbus"
)

// goroutinesOfTheBus returns the stacks of those that run code of the package, the tests apart.
func goroutinesOfTheBus() string {
	buf := make([]byte, 4<<20)
	var ours []string
	for stack := range strings.SplitSeq(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
		if strings.Contains(stack, "redisbus.(*") || strings.Contains(stack, "redisbus.bounded") {
			ours = append(ours, stack)
		}
	}
	return strings.Join(ours, "\n\n")
}

// Clients without deadlines leave goroutines behind while a server is silent, and not for ever.
func TestNothingIsLeftAfterTheServerWasSilent(t *testing.T) {
	for _, c := range []struct {
		name   string
		config func(*redisbus.Config)
	}{{"one channel", impatient}, {"shard channels", sharded}, {"replay log", replay}, {"coalesced", coalesce(time.Millisecond)}} {
		t.Run(c.name, func(t *testing.T) {
			s := redistest.Single(t)
			admin := s.Client()
			b := newBus(t, s.Client(), often, impatient, c.config, func(c *redisbus.Config) { c.Timeout = 100 * time.Millisecond })
			l := listen(t, b)
			l.settled(t, b)
			s.Pause()
			failed := b.Stats().PollErrors
			for range 5 {
				if err := b.Publish(t.Context(), deletion("k")); err == nil {
					t.Error("Publish = nil though the server is silent")
				}
			}
			eventually(t, "polls fail", func() bool { return b.Stats().PollErrors > failed+3 })
			began := time.Now()
			l.end(t)
			if took := time.Since(began); took > 2*time.Second {
				t.Errorf("Subscribe returned after %v, want about 100ms", took)
			}
			s.Resume()
			eventually(t, "no goroutine is left", func() bool { return goroutinesOfTheBus() == "" })
			eventually(t, "no subscription is left", func() bool { return subscribers(t, admin) == 0 })
			if t.Failed() {
				t.Log(goroutinesOfTheBus())
			}
		})
	}
}
