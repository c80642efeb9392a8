package redisbus_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/tiercache/tiercache/invalidate"
	"github.com/tiercache/tiercache/invalidate/redisbus"
)

// patience is how long anything may take on a busy machine.
const patience = 20 * time.Second

// newBus returns a bus that a busy machine does not take for cut off.
func newBus(t *testing.T, rdb client, change ...func(*redisbus.Config)) *redisbus.Bus {
	t.Helper()
	cfg := redisbus.Config{Timeout: 5 * time.Second, PingInterval: 50 * time.Millisecond, PingTimeout: patience}
	for _, c := range change {
		c(&cfg)
	}
	b, err := redisbus.New(rdb, cfg)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	return b
}

// impatient makes a bus notice a dead connection fast.
func impatient(c *redisbus.Config) { c.PingTimeout = 500 * time.Millisecond }

// A listener is a subscription whose handler counts.
type listener struct {
	cancel context.CancelFunc
	done   chan error // receives what Subscribe returns
	busy   func()     // called by Apply; may be nil

	mu        sync.Mutex
	drops     [invalidate.Partitions]int // guarded by mu
	keys      []string                   // guarded by mu
	until     [invalidate.Partitions]time.Time
	early     bool // a partition was confirmed before it was dropped
	rollbacks int
}

func (l *listener) Apply(e invalidate.Event) {
	if l.busy != nil {
		l.busy()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.keys = append(l.keys, e.Keys...)
}

func (l *listener) Drop(partition int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.drops[partition]++
}

func (l *listener) Confirm(partition int, until time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.drops[partition] == 0 {
		l.early = true
	}
	l.until[partition] = until
}

func (l *listener) RolledBack() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rollbacks++
}

// confirmed returns until when all partitions are.
func (l *listener) confirmed() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.MinFunc(l.until[:], time.Time.Compare)
}

func (l *listener) rolledBack() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.rollbacks
}

// dropsOf returns how often a partition was dropped.
func (l *listener) dropsOf(partition int) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.drops[partition]
}

// dropped returns how often the whole was dropped.
func (l *listener) dropped() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Min(l.drops[:])
}

// touched reports whether any partition was dropped.
func (l *listener) touched() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Max(l.drops[:]) > 0
}

func (l *listener) heard(key string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Contains(l.keys, key)
}

// listen subscribes. The subscription ends with the test, if not before.
func listen(t *testing.T, b *redisbus.Bus) *listener {
	t.Helper()
	l := new(listener)
	l.start(t, b)
	return l
}

func (l *listener) start(t *testing.T, b *redisbus.Bus) {
	ctx, cancel := context.WithCancel(context.Background())
	l.cancel, l.done = cancel, make(chan error, 1)
	go func() { l.done <- b.Subscribe(ctx, l) }()
	t.Cleanup(func() { l.end(t) })
}

// end ends the subscription. To end it again does nothing.
func (l *listener) end(t *testing.T) {
	t.Helper()
	l.cancel()
	select {
	case err, ok := <-l.done:
		if ok && !errors.Is(err, context.Canceled) {
			t.Errorf("Subscribe: %v, want %v", err, context.Canceled)
		}
		if ok {
			close(l.done)
		}
	case <-time.After(patience):
		t.Errorf("Subscribe does not return")
	}
}

// eventually polls ok, which looks at something outside this process.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// inPlace waits until l has been dropped n times, which says that its subscription is in place.
func (l *listener) inPlace(t *testing.T, n int) {
	t.Helper()
	eventually(t, "all partitions are dropped", func() bool { return l.dropped() >= n })
}

// hears publishes key and waits until l has heard of it.
func (l *listener) hears(t *testing.T, b *redisbus.Bus, key string) {
	t.Helper()
	if err := b.Publish(t.Context(), deletion(key)); err != nil {
		t.Fatalf("Publish(%q): %v", key, err)
	}
	eventually(t, "the event arrives", func() bool { return l.heard(key) })
}

func deletion(key string) invalidate.Event {
	return invalidate.Event{Op: invalidate.Delete, Cache: "c", Origin: "o", Keys: []string{key}}
}
