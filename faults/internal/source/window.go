package source

import (
	"errors"
	"sync/atomic"

	"github.com/tiercache/tiercache/faults/internal/mono"
)

const maxWindows = 4096

// A window is a time in which acknowledged changes of Redis may be undone.
type window struct {
	from, to atomic.Int64
}

// A Window is a time in which Redis may have rolled back, and the instances may not have repaired it yet.
type Window struct{ w *window }

// OpenWindow says that from now on, until it is closed, Redis may roll back. Only one goroutine of all processes opens windows.
func (s *Source) OpenWindow() (Window, error) {
	n := s.table.windows.Load()
	if n == maxWindows {
		return Window{}, errors.New("source: too many windows")
	}
	w := &s.table.window[n]
	w.from.Store(int64(mono.Now()))
	w.to.Store(int64(mono.Forever))
	s.table.windows.Store(n + 1)
	return Window{w}, nil
}

// Close says that the effects end at to, which must be in the future: a read that starts then must find the window closed.
func (w Window) Close(to mono.Time) { w.w.to.Store(int64(to)) }

// InWindow reports whether the time between from and to has a part of a window in it.
func (s *Source) InWindow(from, to mono.Time) bool {
	for i := range s.table.windows.Load() {
		w := &s.table.window[i]
		if int64(to) >= w.from.Load() && int64(from) <= w.to.Load() {
			return true
		}
	}
	return false
}
