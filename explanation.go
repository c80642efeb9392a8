package tiercache

import (
	"fmt"
	"strings"
	"time"
)

// An Explanation is what Explain has found out about a key. Durations are of the moment it was made.
type Explanation struct {
	Cache     string
	Key       string
	Partition int           // of the bus, that the key belongs to
	LeaseAge  time.Duration // how long ago the bus last vouched for the partition, or for how long it never did; 0 without a bound
	LeaseLeft time.Duration // for how much longer that holds; 0 if it has run out, Forever without a bound
	Tiers     []TierExplanation
	Flight    *FlightExplanation // that is under way in this process; nil if there is none
	Outcome   Outcome            // of a GetOrLoad now, under the profile of the cache
	From      string             // name of the tier that it would serve; empty for a load
	Why       string             // the reason, in a sentence
}

// A TierExplanation is what one tier has of a key.
type TierExplanation struct {
	Tier        string
	State       EntryState
	Absent      bool          // the entry says that the source has no value
	Age         time.Duration // since the value was stored; 0 if unknown
	FreshFor    time.Duration // time to the end of the TTL; negative: since then. Forever if it does not end
	ExpiresIn   time.Duration // time to the end of the entry; Forever if it does not end
	Size        int           // bytes stored, or of the encoded value in a near tier; 0 if unknown
	Invalidated Invalidation  // since the entry was stored
	Trusted     bool          // the bus vouches for the entry
	TrustedFor  time.Duration // for how much longer; negative: since when not. Forever without a bound
	Lease       string        // token of the lease on the record, held by a process that loads the key; empty if there is none
	LeaseLeft   time.Duration // for how much longer; negative: it has lapsed
	Err         error         // why the tier could not tell (EntryUnknown), or what is stored cannot be used (EntryUnreadable)
}

// A FlightExplanation is about the load of a key that is under way in this process.
type FlightExplanation struct {
	Running  time.Duration // since it began
	Waiters  int           // callers that wait for it; 0 for a refresh behind a stale value
	Joinable bool          // a caller that comes now shares it; otherwise an invalidation or its deadline has overtaken it
}

// An EntryState says of what use an entry is by its times alone.
type EntryState string

// What State may be.
const (
	EntryNone       EntryState = "no entry"
	EntryFresh      EntryState = "fresh"
	EntryStale      EntryState = "stale"
	EntryExpired    EntryState = "expired"
	EntryUnreadable EntryState = "unreadable" // by this cache: damaged, or of another codec, type or generation
	EntryUnknown    EntryState = "unknown"    // the tier has failed
)

// An Invalidation says what has ended an entry.
type Invalidation string

// What Invalidated may be.
const (
	NotInvalidated Invalidation = ""
	ByKey          Invalidation = "by key"       // a write or an event of the key, or of another that shares its counter
	ByPartition    Invalidation = "by partition" // a clear, or events of the partition may have been lost
)

// An Outcome is what a read comes to.
type Outcome string

// What Outcome may be.
const (
	OutcomeHit      Outcome = "hit"       // a fresh value, or an absence that is known
	OutcomeStaleHit Outcome = "stale hit" // a value past its TTL, or past what the bus vouches for
	OutcomeLoad     Outcome = "load"
)

// String returns the explanation in several lines, for people.
func (x Explanation) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %q in partition %d, %s\n", x.Cache, x.Key, x.Partition, x.lease())
	for _, t := range x.Tiers {
		fmt.Fprintf(&b, "  %s: %s\n", t.Tier, strings.Join(t.parts(), ", "))
	}
	if f := x.Flight; f != nil {
		fmt.Fprintf(&b, "  load: running for %s, waiters: %d", short(f.Running), f.Waiters)
		if !f.Joinable {
			b.WriteString(", overtaken")
		}
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "  a read now is a %s: %s\n", x.Outcome, x.Why)
	return b.String()
}

func (x Explanation) lease() string {
	switch {
	case x.LeaseLeft == Forever:
		return "on a bus without a bound, or none"
	case x.LeaseLeft > 0:
		return fmt.Sprintf("confirmed %s ago, which holds for %s", short(x.LeaseAge), short(x.LeaseLeft))
	}
	return fmt.Sprintf("not confirmed for %s", short(x.LeaseAge))
}

// parts returns what is worth saying of a tier.
func (t TierExplanation) parts() []string {
	parts := []string{string(t.State)}
	add := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	switch {
	case t.State == EntryFresh && t.FreshFor == Forever:
		parts[0] = "fresh for ever"
	case t.State == EntryFresh:
		parts[0] = "fresh for " + short(t.FreshFor)
	case t.State == EntryStale:
		parts[0] = "stale for " + short(-t.FreshFor)
	}
	if t.Absent {
		add("an absence")
	}
	if t.Age > 0 {
		add("age %s", short(t.Age))
	}
	if (t.State == EntryFresh || t.State == EntryStale) && t.ExpiresIn != Forever {
		add("expires in %s", short(t.ExpiresIn))
	}
	if t.Size > 0 {
		add("%d bytes", t.Size)
	}
	if t.Invalidated != NotInvalidated {
		add("invalidated %s", t.Invalidated)
	}
	switch {
	case t.TrustedFor == 0: // nothing is known of it
	case !t.Trusted:
		add("not trusted for %s", short(-t.TrustedFor))
	case t.TrustedFor != Forever:
		add("trusted for %s", short(t.TrustedFor))
	}
	switch {
	case t.Lease == "":
	case t.LeaseLeft > 0:
		add("leased for %s by %.8s", short(t.LeaseLeft), t.Lease)
	default:
		add("a lease of %.8s that has lapsed", t.Lease)
	}
	if t.Err != nil {
		add("%v", t.Err)
	}
	return parts
}

// short returns a duration in as many digits as people read.
func short(d time.Duration) string {
	switch {
	case d == Forever:
		return "ever"
	case d >= time.Minute:
		return d.Round(time.Second).String()
	case d >= time.Second:
		return d.Round(time.Millisecond).String()
	}
	return d.Round(time.Microsecond).String()
}
