package invalidate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Memory is a Bus for the caches of one process, in tests and in programs that run several. Publish calls
// the handlers itself, one after the other, and returns when all of them have returned. A handler must
// not use the bus it is called by.
type Memory struct {
	mu       sync.Mutex      // held while handlers run
	handlers []*subscription // guarded by mu
}

// A subscription has an identity even where two have the same handler.
type subscription struct{ Handler }

// NewMemory returns a bus that nobody has subscribed to.
func NewMemory() *Memory { return new(Memory) }

// Publish calls Apply of every subscription with e, and returns after that. It returns an error, without having
// called any, if ctx is done or e is not valid.
func (m *Memory) Publish(ctx context.Context, e Event) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("invalidate: publish: %w", err)
	}
	if err := e.Validate(); err != nil {
		return err
	}
	// Handlers may keep the event, the caller may use its slices again.
	e.Keys, e.Tags = slices.Clone(e.Keys), slices.Clone(e.Tags)
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.handlers {
		s.Apply(e)
	}
	return nil
}

// Subscribe calls h.Drop for every partition and then h.Apply for every event, until ctx is done. Of what is
// published after the calls of Drop nothing is lost, and h is not called again when Subscribe has returned.
func (m *Memory) Subscribe(ctx context.Context, h Handler) error {
	if h == nil {
		return errors.New("invalidate: subscribe: no handler")
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	s := &subscription{h}
	m.add(s)
	defer m.remove(s)
	<-ctx.Done()
	return ctx.Err()
}

func (m *Memory) add(s *subscription) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.handlers = append(m.handlers, s)
	for p := range Partitions {
		s.Drop(p)
	}
}

func (m *Memory) remove(s *subscription) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.handlers = slices.DeleteFunc(m.handlers, func(o *subscription) bool { return o == s })
}

// Bound returns 0. Within a process nothing is lost or late, so there is nothing to confirm, and whoever waited for
// Handler.Confirm would wait in vain.
func (m *Memory) Bound() time.Duration { return 0 }
