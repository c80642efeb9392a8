package tiercache

import (
	"context"
	"time"

	"github.com/tiercache/tiercache/internal/clock"
)

// A Result is what a Lookup has found, and how. The zero Result is that of a miss.
type Result[V any] struct {
	Value  V             // zero unless Found
	Found  bool          // there is a value
	Absent bool          // the source is known to have no value; the error is ErrNotFound then
	Tier   string        // name of the tier that had it; empty when it was loaded, and for a miss
	Loaded bool          // it comes from a Loader that this call has waited for
	Joined bool          // another caller had begun the flight that this call has waited for
	Age    time.Duration // since the value was stored; 0 if unknown. Records count on the clock of their store

	// Stale says that the value is past its TTL, and is served while a load runs or because it has failed: see Profile.StaleFor.
	Stale bool
	// Unconfirmed says that the bus has not vouched for the value within its bound, and that it is served under ServeStale: it may be
	// older than the bound.
	Unconfirmed bool
}

// Lookup is GetOrLoad for those who want to know how the value was come by. With a nil Loader it only looks, as Get does: a miss is a Result
// that is not Found, without an error. An absence known to the cache is ErrNotFound and a Result that is Absent. With any other error the Result is zero.
func (c *Cache[V]) Lookup(ctx context.Context, key string, load Loader[V], opts ...CallOption) (Result[V], error) {
	e, hit := c.nearHit(ctx, key)
	if hit {
		return c.result(answer[V]{entry: e})
	}
	var a answer[V]
	var err error
	if load != nil {
		a, err = c.lookOrLoad(ctx, key, e, load, opts)
	} else if profile, invalid := c.profile.derive(opts); invalid != nil {
		err = invalid
	} else {
		a, err = c.look(ctx, key, profile, e)
	}
	if err != nil || a.entry == nil {
		return Result[V]{}, err
	}
	return c.result(a)
}

// result tells a caller of an answer.
func (c *Cache[V]) result(a answer[V]) (r Result[V], err error) {
	r = Result[V]{Joined: a.joined, Stale: a.stale, Unconfirmed: a.unconfirmed}
	if a.entry.StoredAt != 0 {
		r.Age = clock.Now().Sub(a.entry.StoredAt)
	}
	if a.at == fromSource {
		r.Loaded = true
	} else {
		r.Tier = c.tiers[a.at].Name()
	}
	if a.entry.Absent {
		r.Absent = true
		return r, ErrNotFound
	}
	r.Found, r.Value = true, c.own(a.entry.Value)
	return r, nil
}
