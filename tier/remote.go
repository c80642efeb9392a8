package tier

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"sync/atomic"

	"github.com/tiercache/tiercache/backend"
	"github.com/tiercache/tiercache/codec"
	"github.com/tiercache/tiercache/internal/envelope"
	"github.com/tiercache/tiercache/internal/keys"
)

// ErrTooLarge is the error of a Set or Fill whose encoded value is larger than Scope.MaxValueBytes. Nothing was stored.
var ErrTooLarge = errors.New("encoded value too large")

// A RemoteTier is a tier in a store that processes share. Make one with Remote. Besides Tier it is an Opener, a Clearer, an Expirer, an
// Inspector and, where the backend is a backend.Leaser or a backend.Locator, of use as a Leaser or a Locator. It does not close the backend.
//
// What is not a record of this cache is a miss and never an error: bytes that cannot be read (Unreadable) are deleted,
// and records of another codec, of another shape of V, or from before the last Clear (Foreign) are left until they are
// replaced. A shape is made of field names, tags, order and types, so that processes of an old and a new version of a program do not
// misread each other's values.
//
// Ages and leases are measured by the clock of the backend, where that is a backend.Clock. Else it is by the wall clocks of the
// processes: one that is ahead by a minute makes what others store a minute older, and so takes over their leases a
// minute early, which costs a load; one that is behind makes it younger, and serves it for as much longer.
type RemoteTier[V any] struct {
	name       string
	backend    backend.Backend
	codec      codec.Codec
	codecName  string
	schema     uint64
	scope      atomic.Pointer[Scope] // set once, by Open
	generation generation            // what is known of the generation of the cache
	creating   chan struct{}         // holds a token while a generation is made
	buffers    sync.Pool             // of *[]byte, for records that are written
}

var (
	_ Leaser[int] = (*RemoteTier[int])(nil)
	_ Opener      = (*RemoteTier[int])(nil)
	_ Clearer     = (*RemoteTier[int])(nil)
	_ Expirer     = (*RemoteTier[int])(nil)
	_ Locator     = (*RemoteTier[int])(nil)

	_ Inspector[int] = (*RemoteTier[int])(nil)
)

// Remote returns a tier named "remote" that stores values in b as c encodes them. A nil b or c and a c without a proper name
// are reported by Open, and so by tiercache.New. A RemoteTier belongs to one cache; many may share a
// backend.
func Remote[V any](b backend.Backend, c codec.Codec) *RemoteTier[V] {
	t := &RemoteTier[V]{
		name:     "remote",
		backend:  b,
		codec:    c,
		schema:   envelope.Schema(reflect.TypeFor[V]()),
		creating: make(chan struct{}, 1),
		buffers:  sync.Pool{New: func() any { return new([]byte) }},
	}
	if c != nil {
		t.codecName = c.Name()
	}
	return t
}

// Named returns a new tier over the same backend and codec, of another name. It is for caches that have two remote tiers.
func (t *RemoteTier[V]) Named(name string) *RemoteTier[V] {
	named := Remote[V](t.backend, t.codec)
	named.name = name
	return named
}

// Name returns "remote", or what was given to Named.
func (t *RemoteTier[V]) Name() string { return t.name }

// Open checks the configuration. It does not wait for the backend.
func (t *RemoteTier[V]) Open(s Scope) error {
	switch n := len(t.codecName); {
	case t.backend == nil:
		return errors.New("nil Backend")
	case t.codec == nil:
		return errors.New("nil Codec")
	case n == 0 || n > envelope.MaxCodecName:
		return fmt.Errorf("codec name %q is not 1 to %d bytes long", t.codecName, envelope.MaxCodecName)
	case s.MaxValueBytes <= 0 || s.Epoch == nil || s.Report == nil:
		return errors.New("incomplete Scope")
	}
	if err := keys.CheckName(s.Cache); err != nil {
		return err
	}
	if !t.scope.CompareAndSwap(nil, &s) {
		return errors.New("opened twice")
	}
	return nil
}

// opened returns the scope, or an error before Open.
func (t *RemoteTier[V]) opened() (*Scope, error) {
	if s := t.scope.Load(); s != nil {
		return s, nil
	}
	return nil, errNotOpen
}

// Get returns the entry of key. Its Stamp.AsOf is when the generation of the cache was looked at last.
func (t *RemoteTier[V]) Get(ctx context.Context, key string) (*Entry[V], bool, error) {
	s, err := t.opened()
	if err != nil {
		return nil, false, err
	}
	data, err := t.read(ctx, s, keys.Physical(s.Cache, key))
	if err != nil {
		return nil, false, fmt.Errorf("key %q: %w", key, err)
	}
	if data == nil {
		return nil, false, nil
	}
	r, err := t.unseal(ctx, s, key, data)
	if err != nil {
		return nil, false, fmt.Errorf("key %q: %w", key, err)
	}
	switch r.state {
	case unreadable:
		err := errors.Join(r.why, t.discard(ctx, keys.Physical(s.Cache, key), data))
		s.Report(Problem{Kind: Unreadable, Tier: t.name, Key: key, Err: err})
	case foreign, outdated:
		s.Report(Problem{Kind: Foreign, Tier: t.name, Key: key, Err: r.why})
	}
	return r.entry, r.entry != nil, nil
}

// read reads a record, nil if there is none. When the generation is not known it is read in the same round trip. If there is none either it is
// not made here: without it no record counts, and whoever stores one makes it.
func (t *RemoteTier[V]) read(ctx context.Context, s *Scope, physical string) ([]byte, error) {
	epoch := s.Epoch()
	if _, _, ok := t.generation.known(epoch); ok {
		data, ok, err := t.backend.Get(ctx, physical)
		switch {
		case err != nil || !ok:
			return nil, err
		case data == nil:
			return []byte{}, nil
		}
		return data, nil
	}
	r := t.generation.begin(epoch)
	values, err := backend.GetMany(ctx, t.backend, []string{physical, markKey(s)})
	if err != nil {
		return nil, err
	}
	t.learnMark(r, values[1])
	return values[0], nil
}

// discard deletes an unreadable record unless it has been replaced. A backend that cannot tell keeps it until it is.
func (t *RemoteTier[V]) discard(ctx context.Context, physical string, data []byte) error {
	if len(data) == 0 { // nothing to compare, so a newer record may go with it: that is a miss
		return t.backend.Delete(ctx, physical)
	}
	_, err := backend.DeleteIf(ctx, t.backend, physical, condition(data))
	if errors.Is(err, errors.ErrUnsupported) {
		return nil
	}
	return err
}

// condition returns as much of an unreadable record as is needed to tell it from another: more than a head, since its
// head may be no proper one.
func condition(data []byte) []byte { return data[:min(len(data), 64)] }

// Set stores e. When it cannot because of e itself, the older entry is deleted all the same.
func (t *RemoteTier[V]) Set(ctx context.Context, e *Entry[V]) error {
	s, err := t.opened()
	if err != nil {
		return err
	}
	generation, err := t.currentGeneration(ctx, s)
	if err != nil {
		return fmt.Errorf("key %q: %w", e.Key, err)
	}
	physical := keys.Physical(s.Cache, e.Key)
	r, err := t.seal(ctx, s, e, generation)
	defer t.recycle(r)
	switch {
	case err != nil:
		err = errors.Join(err, t.backend.Delete(ctx, physical))
	case r.ttl == 0:
		err = t.backend.Delete(ctx, physical)
	default:
		err = t.backend.Set(ctx, physical, r.bytes, r.ttl)
	}
	if err != nil {
		return fmt.Errorf("key %q: %w", e.Key, err)
	}
	return nil
}

// Delete removes keys.
func (t *RemoteTier[V]) Delete(ctx context.Context, names ...string) error {
	s, err := t.opened()
	if err != nil || len(names) == 0 {
		return err
	}
	return t.backend.Delete(ctx, physicalKeys(s, names)...)
}

// Locate implements Locator, where the backend is a backend.Locator.
func (t *RemoteTier[V]) Locate(names ...string) (store any, physicals []string, ok bool) {
	s, err := t.opened()
	if err != nil || len(names) == 0 {
		return nil, nil, false
	}
	physicals = physicalKeys(s, names)
	for i, name := range physicals {
		at, located, ok := backend.Locate(t.backend, name)
		if !ok || i > 0 && at != store {
			return nil, nil, false
		}
		store, physicals[i] = at, located
	}
	return store, physicals, true
}

// physicalKeys returns the keys under which entries lie in the backend.
func physicalKeys(s *Scope, names []string) []string {
	all := make([]string, len(names))
	for i, key := range names {
		all[i] = keys.Physical(s.Cache, key)
	}
	return all
}
