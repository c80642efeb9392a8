package redisbus

import "sync/atomic"

// Stats counts what a Bus has done since New.
type Stats struct {
	Published      uint64 // events that Redis has accepted
	PublishErrors  uint64 // events of which that is not known, or that were not valid
	Received       uint64 // events that came, those of this process included
	Undecodable    uint64 // messages that were no events; each drops all partitions
	Subscribed     uint64 // times the subscription was put in place; each drops all partitions
	Interrupted    uint64 // times it was lost after that
	Silent         uint64 // how many of those the watchdog has noticed
	FailedAttempts uint64 // attempts to subscribe that failed
	Connected      bool   // whether it is in place, as far as is known
}

// counters are the parts of Stats that only grow.
type counters struct {
	published, publishErrors, received, undecodable atomic.Uint64
	subscribed, interrupted, silent, failedAttempts atomic.Uint64
}

// Stats returns the counters. They are not read at one instant.
func (b *Bus) Stats() Stats {
	return Stats{
		Published:      b.count.published.Load(),
		PublishErrors:  b.count.publishErrors.Load(),
		Received:       b.count.received.Load(),
		Undecodable:    b.count.undecodable.Load(),
		Subscribed:     b.count.subscribed.Load(),
		Interrupted:    b.count.interrupted.Load(),
		Silent:         b.count.silent.Load(),
		FailedAttempts: b.count.failedAttempts.Load(),
		Connected:      b.connected(),
	}
}
