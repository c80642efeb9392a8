// Package fault is what can go wrong.
package fault

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/tiercache/tiercache/faults/internal/proxies"
	"github.com/tiercache/tiercache/faults/internal/servers"
)

// An Env is what faults happen to.
type Env struct {
	Servers   *servers.Fleet
	Network   *proxies.Network
	Instances []Instance
	Bound     time.Duration
	Prefix    string // of the keys in Redis that are records of the cache
}

// An Instance can be paused.
type Instance interface {
	Pause() error
	Resume() error
}

// A Fault is one kind of trouble.
type Fault struct {
	Name string
	// Rollback says that Redis may lose acknowledged changes. Such a fault is alone: there is no other at the same time.
	Rollback bool
	// Unseen says that a rollback happens in a server that goes on, so that only those who know of a lost change can notice. The others are
	// told by them, which takes as long again.
	Unseen bool
	// Moves says that other servers become masters, though nothing is lost.
	Moves bool
	// Spares says that the plain cache is spared: it cannot tell what the fault leaves behind from its own.
	Spares bool
	// Run begins the trouble, lets it last, shorter if ctx is done, and ends it. Chance is all in r.
	Run func(ctx context.Context, e *Env, r *rand.Rand) error
}

// A Lane is a kind of faults that come one after the other. Those of different lanes overlap.
type Lane struct {
	Name   string
	Faults []Fault
}

// Lanes returns the faults that a topology has.
func Lanes(t servers.Topology) []Lane {
	server := onServers()
	switch t {
	case servers.Single:
		server = append(server, onSingle()...)
	case servers.Sentinel:
		server = append(server, onSentinel()...)
	case servers.Cluster:
		server = append(server, onCluster()...)
	}
	for i := range server {
		server[i].Run = mended(server[i].Run)
	}
	return []Lane{{"servers", server}, {"network", onNetwork()}, {"instances", onInstances()}}
}

// mended runs a fault of servers, and then mends the network as far as it has suffered from it.
func mended(run func(context.Context, *Env, *rand.Rand) error) func(context.Context, *Env, *rand.Rand) error {
	return func(ctx context.Context, e *Env, r *rand.Rand) error {
		return errors.Join(run(ctx, e, r), e.Network.Mend())
	}
}

// last waits for d, or until ctx is done.
func last(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// between returns a duration in [low, high).
func between(r *rand.Rand, low, high time.Duration) time.Duration {
	return low + time.Duration(r.Int64N(int64(high-low)))
}

// times returns d multiplied by x.
func times(d time.Duration, x float64) time.Duration { return time.Duration(float64(d) * x) }
