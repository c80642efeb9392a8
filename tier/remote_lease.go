package tier

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tiercache/tiercache/backend"
	"github.com/tiercache/tiercache/internal/envelope"
	"github.com/tiercache/tiercache/internal/keys"
)

// A lease lies in the record of its key, so whatever replaces or removes the record ends the lease too. One load, in order:
//
//  1. Lease: where there is no record, one that is nothing but a head is added. Where there is a value that is not
//     fresh, its head is overwritten; the value stays readable, and stays stale.
//  2. The value is loaded. A Set, Delete or Expire, in any process, leaves a record with another token or none. The store may
//     lose the record as well.
//  3. Fill: the record is replaced if it still begins with the head of step 1, in one atomic step of the store.
//
// All doubts are resolved towards a value that is not stored. A Clear does not touch the record. It changes the
// generation, and a fill is made under that of step 1.

// A remoteLease is the right to fill one key.
type remoteLease[V any] struct {
	tier       *RemoteTier[V]
	scope      *Scope
	key        string
	physical   string
	ttl        time.Duration
	generation uint64        // read before Lease returned
	head       envelope.Head // that the record has as long as the lease is ours
}

// Lease asks for the right to load key. Without a backend.Leaser below, the error is errors.ErrUnsupported. A lease on a
// value that is there does not prolong its time in the store: when that ends first, the fill is refused.
func (t *RemoteTier[V]) Lease(ctx context.Context, key string, ttl time.Duration, replaceable func(*Entry[V]) bool) (Lease[V], *Entry[V], error) {
	s, err := t.opened()
	if err != nil {
		return nil, nil, err
	}
	if ttl < time.Millisecond {
		return nil, nil, fmt.Errorf("key %q: lease for %v, less than a millisecond", key, ttl)
	}
	l := &remoteLease[V]{
		tier:     t,
		scope:    s,
		key:      key,
		physical: keys.Physical(s.Cache, key),
		ttl:      ttl,
		head:     envelope.Head{Kind: envelope.Lease, Token: envelope.NewToken(), Deadline: t.now(ctx).millis() + ttl.Milliseconds()},
	}
	granted, e, err := l.acquire(ctx, replaceable)
	if granted {
		// Not earlier: what is current now cannot have changed before the load begins.
		l.generation, err = t.currentGeneration(ctx, s)
	}
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		return nil, nil, fmt.Errorf("key %q: %w", key, err)
	case err != nil:
		return l, nil, fmt.Errorf("key %q: %w", key, err)
	case granted:
		return l, nil, nil
	}
	return nil, e, nil
}

// acquire makes l the lease of its key, or returns the fresh entry that is there.
func (l *remoteLease[V]) acquire(ctx context.Context, replaceable func(*Entry[V]) bool) (granted bool, e *Entry[V], err error) {
	existing, added, err := l.add(ctx)
	if err == nil && !added && len(existing) == 0 {
		// An empty value has no head that could be replaced. Of several that find one, the last to delete it has the lease, and the
		// others load in vain.
		if err = l.tier.backend.Delete(ctx, l.physical); err == nil {
			existing, added, err = l.add(ctx)
		}
	}
	switch {
	case err != nil:
		return false, nil, err
	case added, bytes.Equal(existing, l.bytes()): // the latter if the client repeated an Add whose answer was lost
		return true, nil, nil
	}
	r, err := l.tier.unseal(ctx, l.scope, l.key, existing)
	switch {
	case err != nil:
		return false, nil, err
	case r.state == unreadable:
		l.scope.Report(Problem{Kind: Unreadable, Tier: l.tier.name, Key: l.key, Err: r.why})
		granted, err = l.replace(ctx, condition(existing))
	case r.state == usable && Now() < r.entry.FreshUntil && (replaceable == nil || !replaceable(r.entry)):
		return false, r.entry, nil
	case r.head.Kind.Leased() && l.tier.now(ctx).millis() < r.head.Deadline:
		return false, nil, nil // another is loading
	case r.state == usable, r.state == foreign:
		granted, err = l.patch(ctx, r.head)
	default: // a lease that has lapsed, or a value that nobody can use any more
		granted, err = l.replace(ctx, existing[:envelope.HeadSize])
	}
	return granted, nil, err
}

func (l *remoteLease[V]) bytes() []byte { return l.head.Append(nil) }

func (l *remoteLease[V]) add(ctx context.Context) (existing []byte, added bool, err error) {
	return backend.Add(ctx, l.tier.backend, l.physical, l.bytes(), l.ttl)
}

// replace puts the lease in the place of a record that is of no use.
func (l *remoteLease[V]) replace(ctx context.Context, head []byte) (bool, error) {
	return backend.Replace(ctx, l.tier.backend, l.physical, head, l.bytes(), l.ttl)
}

// patch puts the lease into the head of a record whose value remains.
func (l *remoteLease[V]) patch(ctx context.Context, old envelope.Head) (bool, error) {
	l.head.Kind = old.Kind.Taken()
	if old.Kind.Stale() {
		l.head.Token = l.head.Token.StaleSince(old.Since())
	}
	return backend.Patch(ctx, l.tier.backend, l.physical, old.Append(nil), l.bytes())
}

// Fill stores e if the lease still holds. An e that cannot be stored gives the lease back.
func (l *remoteLease[V]) Fill(ctx context.Context, e *Entry[V]) (stored bool, err error) {
	if stored, err = l.fill(ctx, e); err != nil {
		return false, fmt.Errorf("key %q: %w", l.key, err)
	}
	return stored, nil
}

func (l *remoteLease[V]) fill(ctx context.Context, e *Entry[V]) (stored bool, err error) {
	t := l.tier
	if e.Key != l.key {
		return false, errors.Join(fmt.Errorf("filled with an entry of %q", e.Key), l.Release(ctx))
	}
	// The record would be refused by its readers. That it is not stored tells the caller of the Clear.
	generation, err := t.currentGeneration(ctx, l.scope)
	if err != nil || generation != l.generation {
		return false, errors.Join(err, l.Release(ctx))
	}
	r, err := t.seal(ctx, l.scope, e, l.generation)
	defer t.recycle(r)
	switch {
	case err != nil:
		return false, errors.Join(err, l.Release(ctx))
	case r.ttl == 0:
		return backend.DeleteIf(ctx, t.backend, l.physical, l.bytes())
	}
	return backend.Replace(ctx, t.backend, l.physical, l.bytes(), r.bytes, r.ttl)
}

// Release gives the lease back. A value that was there before is again as it was.
func (l *remoteLease[V]) Release(ctx context.Context) (err error) {
	if l.head.Kind == envelope.Lease {
		_, err = backend.DeleteIf(ctx, l.tier.backend, l.physical, l.bytes())
		return err
	}
	settled := envelope.Head{Kind: l.head.Kind.Settled(), Token: envelope.NewToken()}
	if settled.Kind.Stale() {
		settled.Token = settled.Token.StaleSince(l.head.Since())
	}
	_, err = backend.Patch(ctx, l.tier.backend, l.physical, l.bytes(), settled.Append(nil))
	return err
}
