package redisstore

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/tiercache/tiercache/internal/clock"
)

// The time of the server is that of its last answer, plus what has passed since on the monotonic clock of this process. A step of our wall
// clock moves neither of the two. It is only used as a hint: if it has moved against the monotonic clock, either it was set or
// the machine was suspended, which stops the monotonic one, and then the server has to be asked again.

const (
	askEvery = 10 * time.Second // for clocks run at different rates, and a failover leads to another one
	askAgain = time.Second      // after a failure
	apart    = time.Second      // how far the two clocks of the process may move apart before it means something
)

// A reading is a look at the two clocks of this process.
type reading struct {
	mono clock.Instant
	wall time.Duration // since 1970
}

func localTime() reading {
	now := time.Now()
	return reading{clock.At(now), time.Duration(now.UnixNano())}
}

// movedApart reports whether one of the clocks has run away from the other between two readings.
func (r reading) movedApart(later reading) bool {
	return ((later.wall - r.wall) - later.mono.Sub(r.mono)).Abs() > apart
}

// A measurement says what the clock of the server shows.
type measurement struct {
	offset time.Duration // from our monotonic clock to the time of the server since 1970
	within time.Duration // how far it may be off: half of the round trip
	at     reading       // when it was begun, or last confirmed
}

// measured makes a measurement of an answer that came between two readings. The server may have looked at its clock at any time between
// them, so the middle is the best guess.
func measured(before, after reading, server time.Time) measurement {
	half := after.mono.Sub(before.mono) / 2
	return measurement{
		offset: time.Duration(server.UnixNano()) - time.Duration(before.mono.Add(half)),
		within: half,
		at:     before,
	}
}

// better returns which of two measurements to go by: the newer one, unless that agrees with the old one and is less exact.
func better(old, newer measurement) measurement {
	if newer.within > old.within && (newer.offset-old.offset).Abs() <= newer.within {
		newer.offset, newer.within = old.offset, old.within
	}
	return newer
}

// A timekeeper knows the time of a server.
type timekeeper struct {
	local func() reading
	ask   func() (time.Time, error) // a round trip

	mu      sync.Mutex
	known   bool          // whether last has ever been set
	last    measurement   // the one to go by
	err     error         // of the last attempt
	retry   clock.Instant // no attempt before this
	pending chan struct{} // closed when the attempt under way ends; nil if none is
}

// now returns the time of the server. It waits for an answer only if there never was one, or if the last one has lost its meaning.
func (k *timekeeper) now(ctx context.Context) (time.Time, error) {
	if pending := k.update(); pending != nil {
		select {
		case <-pending:
		case <-ctx.Done():
			return time.Time{}, ctx.Err()
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.known {
		return time.Time{}, k.err
	}
	return time.Unix(0, int64(k.last.offset)+int64(k.local().mono)), nil
}

// update begins an attempt if one is due, and returns the one to wait for, or nil.
func (k *timekeeper) update() (pending chan struct{}) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.local()
	doubtful := !k.known || k.last.at.movedApart(now)
	due := doubtful || now.mono.Sub(k.last.at.mono) >= askEvery
	if due && k.pending == nil && now.mono >= k.retry {
		k.pending = make(chan struct{})
		go k.attempt(k.pending)
	}
	if !doubtful {
		return nil
	}
	return k.pending
}

// attempt asks the server. It belongs to no caller: those who wait for it leave when they like.
func (k *timekeeper) attempt(done chan struct{}) {
	defer close(done)
	before := k.local()
	server, err := k.ask()
	after := k.local()
	k.mu.Lock()
	defer k.mu.Unlock()
	k.pending, k.err = nil, err
	if err != nil {
		k.retry = after.mono.Add(askAgain)
		return
	}
	m := measured(before, after, server)
	if k.known && !k.last.at.movedApart(before) {
		m = better(k.last, m)
	}
	k.known, k.last = true, m
}

// Now implements backend.Clock with the clock of the server, asked by TIME every ten seconds. The first call waits for the answer, and so does
// one after the wall clock of this process was set or the machine was suspended; others do not. While the server does not answer
// the last answer counts. If there was none yet, the error is that of the last attempt, of which there is one each second.
//
// In a cluster, in a ring and after a failover the answer is that of any of the servers. Where their clocks differ, so do the times
// of processes, but not for longer than ten seconds after a failover. What was stored before is as old or young for as long as it is there as the
// clocks of the old server and the new one differ. Some managed services and proxies do not allow TIME. With these Now is
// always an error.
func (s *Store) Now(ctx context.Context) (time.Time, error) {
	now, err := s.clock.now(ctx)
	if err != nil {
		return now, fmt.Errorf("redisstore: time: %w", timeUp(err))
	}
	return now, nil
}

// askTime asks the server for its time. Store.clock bounds how often.
func (s *Store) askTime() (time.Time, error) {
	return bounded(context.Background(), s, func(ctx context.Context) (time.Time, error) {
		return s.rdb.Time(ctx).Result()
	})
}
