package stripe_test

import (
	"sync"
	"testing"

	"github.com/tiercache/tiercache/internal/stripe"
)

func TestCounterBeginsAtZeroAndAdds(t *testing.T) {
	var c stripe.Counter
	if got := c.Load(); got != 0 {
		t.Errorf("Load() of the zero Counter = %d, want 0", got)
	}
	c.Add(3)
	c.Add(0)
	c.Add(39)
	if got := c.Load(); got != 42 {
		t.Errorf("Load() = %d, want 42", got)
	}
}

// There are more goroutines than stripes, so some share one.
func TestConcurrentAddsAreNotLost(t *testing.T) {
	var c stripe.Counter
	const goroutines, adds = 256, 50_000
	var wg sync.WaitGroup
	for range goroutines {
		wg.Go(func() {
			for range adds {
				c.Add(1)
			}
		})
	}
	wg.Wait()
	if got := c.Load(); got != goroutines*adds {
		t.Errorf("Load() = %d after %d adds of 1", got, goroutines*adds)
	}
}

func TestCounterDoesNotRunBackwards(t *testing.T) {
	var c stripe.Counter
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			last := uint64(0)
			for range 2000 {
				c.Add(1)
				now := c.Load()
				if now <= last {
					t.Errorf("Load() = %d after an Add, and %d before it", now, last)
					return
				}
				last = now
			}
		})
	}
	wg.Wait()
}
