package stripe_test

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/tiercache/tiercache/internal/stripe"
)

func TestNobodyPassesAClosedGate(t *testing.T) {
	var g stripe.Gate
	p, ok := g.Enter()
	if !ok {
		t.Fatal("Enter() = false for a new gate, want true")
	}
	g.Exit(p)
	if !g.Close() {
		t.Error("Close() = false, want true")
	}
	if g.Close() {
		t.Error("second Close() = true, want false")
	}
	if !g.Closed() {
		t.Error("Closed() = false after Close, want true")
	}
	if _, ok := g.Enter(); ok {
		t.Error("Enter() after Close = true, want false")
	}
}

func TestOnlyTheSecondExitCounts(t *testing.T) {
	var g stripe.Gate
	for i := range 10 {
		p, _ := g.Enter()
		if i%2 == 0 {
			g.ExitCounted(p)
		} else {
			g.Exit(p)
		}
	}
	if got := g.Counted(); got != 5 {
		t.Errorf("Counted() = %d, want 5", got)
	}
	g.Close() // hangs if one of the exits is not an exit
}

// What is guarded is written without synchronization after Close: the race detector and the check for
// the written value both see a goroutine that is still inside.
func TestNobodyIsInsideAfterClose(t *testing.T) {
	for range 40 {
		var g stripe.Gate
		var torn atomic.Bool
		guarded := 1
		var wg sync.WaitGroup
		started := make(chan struct{}, 8)
		for range cap(started) {
			wg.Go(func() {
				started <- struct{}{}
				for {
					p, ok := g.Enter()
					if !ok {
						return
					}
					if guarded != 1 {
						torn.Store(true)
					}
					g.ExitCounted(p)
				}
			})
		}
		<-started
		g.Close()
		guarded = 2
		wg.Wait()
		if torn.Load() {
			t.Fatal("a goroutine was inside after Close")
		}
	}
}

// The address of a goroutine's stack changes when the stack grows, and with it the stripe that Enter would choose.
func TestExitAfterTheStackHasMoved(t *testing.T) {
	var g stripe.Gate
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 64 {
			p, ok := g.Enter()
			if !ok {
				t.Error("Enter() = false, want true")
				return
			}
			grown := make(chan struct{})
			go func() { // a new stack grows from its smallest size
				defer close(grown)
				q, _ := g.Enter()
				deep(200)
				g.Exit(q)
			}()
			<-grown
			g.Exit(p)
		}
	}()
	<-done
	g.Close() // hangs if a stripe was left above or below zero
}

//go:noinline
func deep(n int) byte {
	var frame [256]byte
	if n > 0 {
		frame[n%256] = deep(n-1) + 1
	}
	return frame[0]
}

func BenchmarkGate(b *testing.B) {
	var g stripe.Gate
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if p, ok := g.Enter(); ok {
				g.Exit(p)
			}
		}
	})
}
