// Package checker decides whether what a cache has returned was allowed.
package checker

import (
	"time"

	"github.com/tiercache/tiercache/faults/internal/mono"
	"github.com/tiercache/tiercache/faults/internal/source"
)

// A Read is one answer of a cache.
type Read struct {
	Key      int
	Instance int
	Start    mono.Time // before the cache was asked
	End      mono.Time // after it answered
	Version  uint64    // the answer

	// What the cache says of the answer. Nothing is judged by it.
	Tier   string        // that it came from; empty: from the source
	Age    time.Duration // since it was stored
	Joined bool          // another read had begun the load
}

// A Verdict is what a Read was.
type Verdict struct {
	Staleness  time.Duration // since when a newer version had been acknowledged when the read began; 0 if it was the newest
	Beyond     bool          // stale for longer than the bound
	Own        bool          // older than what the same instance had acknowledged before
	Waited     bool          // older than what somebody has waited for
	Impossible bool          // no version that the source has ever had
	Unjudged   bool          // the acknowledgements that matter are forgotten
}

// Wrong reports whether the contract forbids it.
func (v Verdict) Wrong() bool { return v.Beyond || v.Own || v.Waited || v.Impossible }

// Judge compares r with the acknowledgements of its key, read after it ended, and with newest, the version that the source had then.
// All times are of one clock, so the verdict is exact: a read that started at t must reflect every version that was
// acknowledged before t-bound, and every one that its own instance had acknowledged before t.
func Judge(r Read, acks []source.Ack, complete bool, newest uint64, bound time.Duration) Verdict {
	var v Verdict
	if r.Version == 0 || r.Version > newest {
		v.Impossible = true
		return v
	}
	first := true
	for _, a := range acks {
		if a.Version <= r.Version {
			continue
		}
		if first {
			first = false
			v.Staleness = max(0, r.Start.Sub(a.At))
			// If others before it are forgotten, this is the least that it may have been.
			v.Unjudged = !complete && a.Version > r.Version+1
		}
		if a.At <= r.Start {
			v.Own = v.Own || a.Instance == r.Instance
			v.Waited = v.Waited || a.Waited
		}
	}
	v.Beyond = v.Staleness > bound
	v.Unjudged = v.Unjudged && !v.Wrong()
	return v
}
