package tiercache

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"
)

// Forever is a TTL for entries that leave the cache only when they are deleted, invalidated or evicted.
const Forever time.Duration = math.MaxInt64

// Defaults for the fields of a Profile that may be left zero.
const (
	defaultLoadTimeout = 30 * time.Second
	defaultLeaseFor    = 10 * time.Second
)

// A Profile says how entries live. A cache has one; a call can derive its own from it by options.
// A Profile is a plain value: copy and change it freely.
type Profile struct {
	// TTL is how long an entry is fresh after it was stored. It must be positive; see Forever.
	TTL time.Duration
	// Jitter shortens the TTL of each entry by a random part of up to this, so that entries stored
	// together do not expire together. It must be less than TTL. 0 means none.
	Jitter time.Duration
	// StaleFor is how long after its TTL an entry may still be served, stale, while a load
	// runs or when the source fails. 0 means never.
	StaleFor time.Duration
	// StaleAfter is how long a caller waits for a running load before it is given the stale
	// value. 0 means not at all: the stale value is returned at once and the load runs in the background.
	StaleAfter time.Duration
	// AbsentFor is how long the cache remembers that the source has no value. 0 means not at all.
	AbsentFor time.Duration
	// LoadTimeout bounds a load: its context is cancelled and its callers are released. 0 means 30 s.
	LoadTimeout time.Duration
	// LeaseFor is how long one process may keep the others from loading a key, and so how long they wait for a
	// process that died while it loaded, though no longer than half of their LoadTimeout. 0 means 10 s.
	LeaseFor time.Duration
}

// Volatile is a preset for data that changes all the time: fresh for 5 s.
func Volatile() Profile {
	return Profile{TTL: 5 * time.Second, Jitter: 500 * time.Millisecond, AbsentFor: time.Second}
}

// Standard is a preset for ordinary data: fresh for 5 min, absence remembered for 30 s.
func Standard() Profile {
	return Profile{TTL: 5 * time.Minute, Jitter: 30 * time.Second, AbsentFor: 30 * time.Second}
}

// Resilient is a preset for a source that may be slow or fail: fresh for 1 min, served stale for up to a day after that, and at once
// while a load runs.
func Resilient() Profile {
	return Profile{TTL: time.Minute, Jitter: 6 * time.Second, StaleFor: 24 * time.Hour, AbsentFor: 10 * time.Second}
}

// Static is a preset for data that hardly ever changes: fresh for a day, stale for another.
func Static() Profile {
	return Profile{TTL: 24 * time.Hour, Jitter: time.Hour, StaleFor: 24 * time.Hour, AbsentFor: 5 * time.Minute}
}

// A CallOption derives the profile of one call from that of the cache.
type CallOption func(Profile) Profile

// WithTTL sets the TTL, and reduces a Jitter that would not be shorter to a tenth of it.
func WithTTL(d time.Duration) CallOption {
	return func(p Profile) Profile {
		p.TTL = d
		return p.fitJitter()
	}
}

// fitJitter reduces a jitter that the TTL has become too short for.
func (p Profile) fitJitter() Profile {
	if p.Jitter >= p.TTL {
		p.Jitter = p.TTL / 10
	}
	return p
}

// WithStaleFor sets StaleFor.
func WithStaleFor(d time.Duration) CallOption {
	return func(p Profile) Profile { p.StaleFor = d; return p }
}

// WithStaleAfter sets StaleAfter.
func WithStaleAfter(d time.Duration) CallOption {
	return func(p Profile) Profile { p.StaleAfter = d; return p }
}

// WithAbsentFor sets AbsentFor.
func WithAbsentFor(d time.Duration) CallOption {
	return func(p Profile) Profile { p.AbsentFor = d; return p }
}

// WithLoadTimeout sets LoadTimeout.
func WithLoadTimeout(d time.Duration) CallOption {
	return func(p Profile) Profile { p.LoadTimeout = d; return p }
}

// WithProfile replaces the whole profile.
func WithProfile(q Profile) CallOption {
	return func(Profile) Profile { return q }
}

// Validate reports the first field that is out of range.
func (p Profile) Validate() error {
	for _, f := range p.fields() {
		if *f.value < 0 {
			return fmt.Errorf("tiercache: profile: %s is negative (%v)", f.name, *f.value)
		}
	}
	switch {
	case p.TTL == 0:
		return fmt.Errorf("tiercache: profile: ttl must be positive (Forever for entries that do not expire)")
	case p.LeaseFor > 0 && p.LeaseFor < time.Millisecond:
		return fmt.Errorf("tiercache: profile: lease_for (%v) must be at least 1ms, or 0 for the default", p.LeaseFor)
	case p.Jitter >= p.TTL:
		return fmt.Errorf("tiercache: profile: jitter (%v) must be less than ttl (%v)", p.Jitter, p.TTL)
	}
	return nil
}

// derive applies the options of a call and fills in the defaults.
func (p Profile) derive(opts []CallOption) (Profile, error) {
	for _, opt := range opts {
		if opt == nil {
			return p, fmt.Errorf("tiercache: nil call option")
		}
		p = opt(p)
	}
	if p.LoadTimeout == 0 {
		p.LoadTimeout = defaultLoadTimeout
	}
	if p.LeaseFor == 0 {
		p.LeaseFor = defaultLeaseFor
	}
	if len(opts) == 0 {
		return p, nil // validated when the cache was built
	}
	return p, p.Validate()
}

// freshFor is the TTL of one entry, jitter taken off.
func (p Profile) freshFor() time.Duration {
	if p.Jitter == 0 {
		return p.TTL
	}
	return p.TTL - rand.N(p.Jitter+1)
}
