package tiercache

import (
	"errors"
	"fmt"
)

// Errors to test for with errors.Is. Errors that a Loader returns reach the caller unchanged.
var (
	// ErrNotFound says that the source has no value for the key. A Loader returns it; the cache remembers it
	// for Profile.AbsentFor and returns it to callers.
	ErrNotFound = errors.New("tiercache: not found")

	// ErrClosed is returned by every method of a closed cache that cannot do its work any more.
	ErrClosed = errors.New("tiercache: cache is closed")

	// ErrLoadTimeout is returned to callers whose load took longer than Profile.LoadTimeout. The load's context
	// has been cancelled; a later call starts another load even if this one never returns.
	ErrLoadTimeout = errors.New("tiercache: load timed out")

	// ErrGoexit is returned to callers whose Loader ended its goroutine by runtime.Goexit.
	ErrGoexit = errors.New("tiercache: loader called runtime.Goexit")

	// ErrNoBound is returned by DeleteWait when the bus does not promise that all processes learn of an event in a certain time.
	ErrNoBound = errors.New("tiercache: the bus promises no bound")

	// ErrLeased is returned by Add when another process has held the right to fill the key for longer than
	// Profile.LeaseFor.
	ErrLeased = errors.New("tiercache: key is leased to another process")
)

// A PanicError is returned to all callers that waited for a load that panicked.
type PanicError struct {
	Value any    // what the Loader panicked with
	Stack []byte // the stack of the loading goroutine
}

// Error returns the panic value and the stack.
func (p *PanicError) Error() string {
	return fmt.Sprintf("tiercache: loader panicked: %v\n\n%s", p.Value, p.Stack)
}

// Unwrap returns the panic value if it is an error, else nil.
func (p *PanicError) Unwrap() error {
	err, _ := p.Value.(error)
	return err
}
