package redisbus

import (
	"context"
	"slices"
	"sync"

	"github.com/tiercache/tiercache/invalidate"
)

// A hub hands what one link receives to many handlers. It lives from the first of them to the last.
type hub struct {
	stop  context.CancelFunc // ends the link
	done  chan struct{}      // closed when the link has ended
	users int                // guarded by Bus.mu

	mu      sync.Mutex // held while handlers run, so that each is called by one goroutine at a time
	members []*member  // guarded by mu
	isUp    bool       // guarded by mu; the subscription is in place
}

// A member has an identity even where two have the same handler.
type member struct{ invalidate.Handler }

// add lets m take part. If the subscription is in place, m may have missed what came before; if not, it is told
// when that happens.
func (h *hub) add(m *member) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.members = append(h.members, m)
	if h.isUp {
		m.dropAll()
	}
}

// remove returns when no call of m is under way, and there will be none after.
func (h *hub) remove(m *member) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.members = slices.DeleteFunc(h.members, func(o *member) bool { return o == m })
}

// up notes that the subscription is in place, perhaps again.
func (h *hub) up() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.isUp = true
	h.dropLocked()
}

// down notes that it is not.
func (h *hub) down() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.isUp = false
}

func (h *hub) connected() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.isUp
}

func (h *hub) apply(e invalidate.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, m := range h.members {
		m.Apply(e)
	}
}

func (h *hub) drop() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.dropLocked()
}

func (h *hub) dropLocked() {
	for _, m := range h.members {
		m.dropAll()
	}
}

func (m *member) dropAll() {
	for p := range invalidate.Partitions {
		m.Drop(p)
	}
}
