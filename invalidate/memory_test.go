package invalidate_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiercache/tiercache/invalidate"
	"github.com/tiercache/tiercache/invalidate/invalidatetest"
)

func TestMemoryConforms(t *testing.T) {
	invalidatetest.Test(t, func(t *testing.T) (a, b invalidate.Bus) {
		m := invalidate.NewMemory()
		return m, m
	})
}

// funcs is a handler made of functions, any of which may be nil.
type funcs struct {
	apply func(invalidate.Event)
	drop  func(int)
}

func (f funcs) Apply(e invalidate.Event) {
	if f.apply != nil {
		f.apply(e)
	}
}

func (f funcs) Drop(partition int) {
	if f.drop != nil {
		f.drop(partition)
	}
}

func (f funcs) Confirm(int, time.Time) { panic("Memory promises no bound") }

func TestMemoryHasDeliveredWhenPublishReturns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		m := invalidate.NewMemory()
		applied := 0 // not guarded: the handlers run within Publish
		for range 2 {
			go m.Subscribe(ctx, funcs{apply: func(invalidate.Event) { applied++ }})
		}
		synctest.Wait()
		for want := 2; want <= 6; want += 2 {
			if err := m.Publish(ctx, events[0]); err != nil {
				t.Fatalf("Publish: %v", err)
			}
			if applied != want {
				t.Errorf("Publish returned after %d calls of Apply, want %d", applied, want)
			}
		}
		cancel()
		synctest.Wait()
	})
}

func TestMemoryHandlerIsQuietAfterSubscribeReturns(t *testing.T) {
	m := invalidate.NewMemory()
	var publishers sync.WaitGroup
	stop := make(chan struct{})
	for range 4 {
		publishers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					if err := m.Publish(t.Context(), events[0]); err != nil {
						t.Errorf("Publish: %v", err)
						return
					}
				}
			}
		})
	}
	for range 200 {
		ctx, cancel := context.WithCancel(t.Context())
		ended := false // not guarded: the race detector sees a late call even if this test does not
		err := m.Subscribe(ctx, funcs{apply: func(invalidate.Event) {
			if ended {
				t.Error("Apply is called after Subscribe has returned")
			}
			cancel()
		}})
		ended = true
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("Subscribe: %v, want %v", err, context.Canceled)
		}
	}
	close(stop)
	publishers.Wait()
}

func TestMemorySurvivesAPanicOfAHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		m := invalidate.NewMemory()
		go m.Subscribe(ctx, funcs{apply: func(invalidate.Event) { panic("handler") }})
		synctest.Wait()
		func() {
			defer func() {
				if r := recover(); r != "handler" {
					t.Errorf("Publish panics with %v, want the handler's", r)
				}
			}()
			_ = m.Publish(ctx, events[0])
		}()
		cancel() // Subscribe can leave
		synctest.Wait()
		if err := m.Publish(t.Context(), events[0]); err != nil {
			t.Errorf("Publish: %v", err)
		}
	})
}

func TestMemoryRefusesNoHandler(t *testing.T) {
	if err := invalidate.NewMemory().Subscribe(t.Context(), nil); err == nil {
		t.Error("Subscribe(nil) = nil, want an error")
	}
}
