package fleet

import "sync"

// errorLog counts errors and keeps the first one.
type errorLog struct {
	mu    sync.Mutex
	count uint64
	first error
}

func (l *errorLog) note(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.count == 0 {
		l.first = err
	}
	l.count++
}
