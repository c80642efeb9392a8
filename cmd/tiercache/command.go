package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
)

// Exit statuses.
const (
	exitOK          = 0
	exitFailed      = 1   // in the middle: a fleet could not be started, or the result not be written
	exitUsage       = 2   // nothing was done: bad flags, an unreadable trace, a Redis that does not answer
	exitInterrupted = 130 // by a signal; what had been measured was printed
)

const usage = `Tiercache answers questions about caches of several tiers.

Usage:

	tiercache replay [flags]    run a fleet of instances and replay a workload against it
	tiercache replay -h         list the flags
	tiercache help              print this text
`

// run is the program: it returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		fmt.Fprint(stderr, usage)
		return exitUsage
	}
	switch args[0] {
	case "help", "-h", "-help", "--help":
		fmt.Fprint(stdout, usage)
		return exitOK
	case "replay":
		return finish(stderr, replay(ctx, args[1:], stdout, stderr))
	}
	return finish(stderr, usageError{fmt.Errorf("unknown command %q, see tiercache help", args[0])})
}

// A usageError is an error before anything was done.
type usageError struct{ error }

// Unwrap returns the error.
func (e usageError) Unwrap() error { return e.error }

// errInterrupted says that a signal came. It needs no message: the report tells.
var errInterrupted = errors.New("interrupted")

// finish prints an error as one line and returns the exit status that it has.
func finish(stderr io.Writer, err error) int {
	if err == nil || errors.Is(err, flag.ErrHelp) {
		return exitOK
	}
	if errors.Is(err, errInterrupted) {
		return exitInterrupted
	}
	line := strings.Join(strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
	fmt.Fprintf(stderr, "tiercache: %s\n", line)
	if errors.As(err, new(usageError)) {
		return exitUsage
	}
	return exitFailed
}
