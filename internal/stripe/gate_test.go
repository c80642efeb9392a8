package stripe_test

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/tiercache/tiercache/internal/stripe"
)

func TestGateLetsNobodyPassBeforeItIsOpened(t *testing.T) {
	var g stripe.Gate
	if _, ok := g.Enter(); ok {
		t.Error("Enter() = true before Open, want false")
	}
	if !g.Open() {
		t.Fatal("Open() = false for a new gate, want true")
	}
	p, ok := g.Enter()
	if !ok {
		t.Fatal("Enter() = false after Open, want true")
	}
	g.Exit(p)
}

func TestGateOpensOnce(t *testing.T) {
	var g stripe.Gate
	g.Open()
	if g.Open() {
		t.Error("second Open() = true, want false")
	}
	g.Close()
	if g.Open() {
		t.Error("Open() after Close = true, want false")
	}
	if !g.Closed() {
		t.Error("Closed() = false after Close, want true")
	}
	if _, ok := g.Enter(); ok {
		t.Error("Enter() after Close = true, want false")
	}
}

// What is guarded is written without synchronization after Close: the race detector and the check for
// the written value both see a goroutine that is still inside.
func TestNobodyIsInsideAfterClose(t *testing.T) {
	for range 40 {
		var g stripe.Gate
		g.Open()
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
					g.Exit(p)
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
	g.Open()
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
	g.Open()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if p, ok := g.Enter(); ok {
				g.Exit(p)
			}
		}
	})
}
