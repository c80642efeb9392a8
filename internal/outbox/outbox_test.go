package outbox_test

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/tiercache/tiercache/internal/outbox"
)

func TestEverythingIsDeliveredInOrder(t *testing.T) {
	var got []int
	o := outbox.Start(func(n int) { got = append(got, n) })
	var want []int
	for n := range 10_000 {
		o.Put(n)
		want = append(want, n)
	}
	o.Close()
	if !slices.Equal(got, want) {
		t.Errorf("delivered %d things, want 0 to 9999 in order", len(got))
	}
}

func TestDeliverMayPut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var o *outbox.Outbox[int]
		got := make(chan int, 2)
		o = outbox.Start(func(n int) {
			got <- n
			if n == 1 {
				o.Put(2)
			}
		})
		o.Put(1)
		if a, b := <-got, <-got; a != 1 || b != 2 {
			t.Errorf("delivered %d, %d, want 1, 2", a, b)
		}
		o.Close()
	})
}

func TestPutDoesNotWaitForDeliver(t *testing.T) {
	proceed := make(chan struct{})
	n := 0
	o := outbox.Start(func(int) { <-proceed; n++ })
	for range 1000 {
		o.Put(0)
	}
	close(proceed)
	o.Close()
	if n != 1000 {
		t.Errorf("delivered %d, want 1000", n)
	}
}

func TestPutAfterCloseDoesNothing(t *testing.T) {
	n := 0
	o := outbox.Start(func(int) { n++ })
	o.Close()
	o.Put(1)
	o.Close()
	if n != 0 {
		t.Errorf("delivered %d, want 0", n)
	}
}

func TestPutAndCloseAtTheSameTime(t *testing.T) {
	for range 200 {
		n := 0
		o := outbox.Start(func(int) { n++ })
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range 100 {
					o.Put(1)
				}
			})
		}
		o.Close()
		seen := n
		wg.Wait()
		if n != seen {
			t.Fatalf("delivered %d after Close had returned with %d", n, seen)
		}
	}
}
