package tiercache

import (
	"context"
	"sync"
)

// keyLocks are locks by key. The zero keyLocks is ready to use.
type keyLocks struct {
	mu   sync.Mutex
	held map[string]chan struct{} // closed when the lock is given back; guarded by mu
}

// lock waits until nobody else has the lock of key, or until ctx is done.
func (l *keyLocks) lock(ctx context.Context, key string) error {
	for {
		l.mu.Lock()
		held, taken := l.held[key]
		if !taken {
			if l.held == nil {
				l.held = make(map[string]chan struct{})
			}
			l.held[key] = make(chan struct{})
		}
		l.mu.Unlock()
		if !taken {
			return nil
		}
		select {
		case <-held:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// unlock gives the lock of key back.
func (l *keyLocks) unlock(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.held[key])
	delete(l.held, key)
}
