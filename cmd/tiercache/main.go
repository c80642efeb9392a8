// Tiercache answers questions about caches built with the module github.com/tiercache/tiercache.
//
// Its one command so far, replay, runs a fleet of instances over a Redis and replays a workload against them: it says which
// tiers and sizes are needed, and whether the instances stay consistent. See tiercache replay -h.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/redis/go-redis/v9"
)

func main() {
	redis.SetLogger(silence{}) // it would write to stderr what is in the errors that its calls return
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program as if it had not been caught
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// silence is a logger of nothing.
type silence struct{}

func (silence) Printf(context.Context, string, ...any) {}
