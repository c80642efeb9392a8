package tiercache_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiercache/tiercache"
	"github.com/tiercache/tiercache/backend"
	"github.com/tiercache/tiercache/tier"
)

// A closeTier counts how often it is closed, and may fail to.
type closeTier struct {
	stopNear
	closed int
	err    error
}

func (t *closeTier) Close() error {
	t.closed++
	return errors.Join(t.err, t.stopNear.Close())
}

func TestCloseWaitsForACallThatUsesATier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near := &closeTier{stopNear: stopNear{memoryTier[int64]()}}
		c := newCache(t, tiercache.Config[int64]{Tiers: []tier.Tier[int64]{near}})
		held := newStop(stopAfterNear, 1)
		call := flightGo(func() (int64, error) { v, _, err := c.Get(held.in(t.Context()), "k"); return v, err })
		synctest.Wait()
		closed := flightGo(func() (int64, error) { return 0, c.Close() })
		time.Sleep(time.Second)
		if !closed.running() || near.closed != 0 {
			t.Errorf("Close has closed a tier %d times that somebody uses, want 0", near.closed)
		}
		close(held.release)
		closed.wants(t, 0, nil)
		<-call.done
		if near.closed != 1 {
			t.Errorf("the tier was closed %d times, want 1", near.closed)
		}
	})
}

func TestCloseClosesEveryTierAndNamesThoseThatFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := &closeTier{stopNear: stopNear{tier.Memory[int64](tier.MemoryConfig{Name: "first", MaxEntries: 10})}, err: errStatsBroken}
		second := &closeTier{stopNear: stopNear{memoryTier[int64]()}}
		c, err := tiercache.New(tiercache.Config[int64]{
			Name:    "test",
			Tiers:   []tier.Tier[int64]{first, second, flightFar(backend.NewMemory())},
			Profile: tiercache.Standard(),
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Close(); !errors.Is(err, errStatsBroken) || !strings.Contains(err.Error(), "tier first: close") {
			t.Errorf("Close() = %v, want %v of tier first", err, errStatsBroken)
		}
		if err := c.Close(); err != nil {
			t.Errorf("second Close() = %v, want nil", err)
		}
		if first.closed != 1 || second.closed != 1 {
			t.Errorf("the tiers were closed %d and %d times, want 1 and 1", first.closed, second.closed)
		}
	})
}
