package redisbus

import (
	"sync/atomic"
	"time"
)

// Stats counts what a Bus has done since New.
type Stats struct {
	Published      uint64 // events that Redis has accepted
	PublishErrors  uint64 // events of which that is not known, or that were not valid
	Coalesced      uint64 // events that were published together with an earlier one
	Received       uint64 // messages that came, those of this process included
	Undecodable    uint64 // messages that were no events; each drops all partitions
	Subscribed     uint64 // times a subscription was put in place
	Interrupted    uint64 // times one was lost after that
	Silent         uint64 // how many of those were noticed by the silence alone
	FailedAttempts uint64 // attempts to subscribe that failed
	Polls          uint64 // comparisons with the log
	PollErrors     uint64 // comparisons that failed, in part or as a whole
	Gaps           uint64 // messages before which others were missing
	Behind         uint64 // logs of which a poll has found messages missing
	Replayed       uint64 // missing events that were fetched from the replay log
	Diverged       uint64 // times a log was not the one that was followed: it had gone back, or was new
	Takeovers      uint64 // times another server, or the same after a restart, was found to be the store
	Drops          uint64 // partitions dropped for one of these reasons, and when the log was first seen
	Connected      bool   // whether the subscriptions are in place, as far as is known

	// ConfirmedAge is how long ago the poll began that confirmed the partition of which that is longest ago. Past Bound
	// the partition is not trusted. It is 0 while there is no subscription, and negative
	// until all have been confirmed once.
	ConfirmedAge time.Duration
}

// counters are the parts of Stats that only grow.
type counters struct {
	published, publishErrors, coalesced, received, undecodable            atomic.Uint64
	subscribed, interrupted, silent, failedAttempts                       atomic.Uint64
	polls, pollErrors, gaps, behind, replayed, diverged, takeovers, drops atomic.Uint64
}

// Stats returns the counters. They are not read at one instant.
func (b *Bus) Stats() Stats {
	s := Stats{
		Published:      b.count.published.Load(),
		PublishErrors:  b.count.publishErrors.Load(),
		Coalesced:      b.count.coalesced.Load(),
		Received:       b.count.received.Load(),
		Undecodable:    b.count.undecodable.Load(),
		Subscribed:     b.count.subscribed.Load(),
		Interrupted:    b.count.interrupted.Load(),
		Silent:         b.count.silent.Load(),
		FailedAttempts: b.count.failedAttempts.Load(),
		Polls:          b.count.polls.Load(),
		PollErrors:     b.count.pollErrors.Load(),
		Gaps:           b.count.gaps.Load(),
		Behind:         b.count.behind.Load(),
		Replayed:       b.count.replayed.Load(),
		Diverged:       b.count.diverged.Load(),
		Takeovers:      b.count.takeovers.Load(),
		Drops:          b.count.drops.Load(),
	}
	if h := b.current(); h != nil {
		s.Connected = h.connected()
		s.ConfirmedAge = h.age()
	}
	return s
}
