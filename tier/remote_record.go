package tier

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/tiercache/tiercache/codec"
	"github.com/tiercache/tiercache/internal/envelope"
)

// maxPooled is the largest buffer, in bytes, that is kept for the next record.
const maxPooled = 256 << 10

// longest is the longest time that a record is stored. Redis and time.Duration both have their limits somewhat
// beyond.
const longest = 100 * 365 * 24 * time.Hour

// A sealed record can be stored. Its bytes are those of buffer, which goes back to the pool with recycle.
type sealed struct {
	bytes  []byte
	ttl    time.Duration // 0: it has expired already, and is not to be stored
	buffer *[]byte
}

// seal encodes e. An error is one of e, not of the store. The clock of that is all that ctx is for.
func (t *RemoteTier[V]) seal(ctx context.Context, s *Scope, e *Entry[V], generation uint64) (r sealed, err error) {
	h := envelope.Header{
		Head:       envelope.Head{Kind: envelope.Value, Token: envelope.NewToken()},
		Absent:     e.Absent,
		Generation: generation,
		Schema:     t.schema,
		Codec:      t.codecName,
	}
	if r.ttl = t.now(ctx).setTimes(&h, e.FreshUntil, e.ExpiresAt); r.ttl == 0 {
		return r, nil
	}
	for _, tag := range e.Tags {
		h.Tags = append(h.Tags, envelope.Tag(tag))
	}
	buffer := t.buffers.Get().(*[]byte)
	data, err := envelope.Append((*buffer)[:0], &h)
	if err != nil {
		return sealed{}, err
	}
	size := -len(data)
	if !e.Absent {
		if data, err = t.marshal(data, e.Value); err != nil {
			return sealed{}, err
		}
	}
	size += len(data)
	r.bytes, r.buffer = data, buffer
	if size > s.MaxValueBytes {
		err = fmt.Errorf("%w: %d bytes, the limit is %d", ErrTooLarge, size, s.MaxValueBytes)
		s.Report(Problem{Kind: TooLarge, Tier: t.name, Key: e.Key, Err: err})
		return r, err
	}
	envelope.Seal(data)
	if e.Size == 0 {
		e.Size = int32(min(size, math.MaxInt32))
	}
	return r, nil
}

// recycle ends the use of r.
func (t *RemoteTier[V]) recycle(r sealed) {
	if r.buffer != nil && cap(r.bytes) <= maxPooled {
		*r.buffer = r.bytes[:0]
		t.buffers.Put(r.buffer)
	}
}

// A state says of what use a record is.
type state uint8

const (
	usable     state = iota // it has an entry, fresh or stale
	vacant                  // a lease without a value
	unreadable              // to nobody
	foreign                 // to processes with another codec or another V
	outdated                // it is from before a Clear
	expired                 // it has not gone yet, but will
)

// An unsealed record is what could be made of the bytes in the store.
type unsealed[V any] struct {
	state state
	head  envelope.Head // unless unreadable
	entry *Entry[V]     // if usable
	why   error         // if unreadable, foreign or outdated
}

// unseal decodes data. The error is that of reading the generation, when a record of an unknown one makes that necessary.
func (t *RemoteTier[V]) unseal(ctx context.Context, s *Scope, key string, data []byte) (r unsealed[V], err error) {
	h, payload, err := envelope.Parse(data)
	r.head = h.Head
	fail := func(state state, why error) (unsealed[V], error) {
		r.state, r.why = state, why
		return r, nil
	}
	switch {
	case err != nil:
		return fail(unreadable, err)
	case h.Kind == envelope.Lease:
		return fail(vacant, nil)
	case h.Codec != t.codecName:
		return fail(foreign, fmt.Errorf("stored by codec %q, not %q", h.Codec, t.codecName))
	case h.Schema != t.schema:
		return fail(foreign, fmt.Errorf("stored from another version of type %T", r.entry))
	}
	current, asOf, err := t.isCurrent(ctx, s, h.Generation)
	if err != nil {
		return r, err
	}
	if !current {
		return fail(outdated, fmt.Errorf("stored before the cache was cleared"))
	}
	now := t.now(ctx)
	storedAt, freshUntil, expiresAt := now.times(&h)
	if now.here >= expiresAt {
		return fail(expired, nil)
	}
	if len(payload) > s.MaxValueBytes {
		return fail(unreadable, fmt.Errorf("%w: %d bytes, the limit is %d", ErrTooLarge, len(payload), s.MaxValueBytes))
	}
	e := &Entry[V]{
		Key:        key,
		FreshUntil: freshUntil,
		ExpiresAt:  expiresAt,
		StoredAt:   storedAt,
		Stamp:      Stamp{AsOf: asOf},
		Absent:     h.Absent,
		Size:       int32(min(len(payload), math.MaxInt32)),
	}
	for _, tag := range h.Tags {
		e.Tags = append(e.Tags, Tag(tag))
	}
	if !h.Absent {
		if err := t.unmarshal(payload, &e.Value); err != nil {
			return fail(unreadable, err)
		}
	}
	r.entry = e
	return r, nil
}

// isCurrent reports whether a record of the given generation counts, or did at asOf. What the tier remembers may say yes; only the store says no.
func (t *RemoteTier[V]) isCurrent(ctx context.Context, s *Scope, generation uint64) (current bool, asOf Instant, err error) {
	if value, asOf, ok := t.generation.known(s.Epoch()); ok && value == generation {
		return true, asOf, nil
	}
	asOf = Now()
	value, ok, err := t.readMark(ctx, s)
	return ok && value == generation, asOf, err
}

// marshal appends the encoding of v to dst. A codec that panics costs the value, not the process.
func (t *RemoteTier[V]) marshal(dst []byte, v V) (out []byte, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("codec %s: panic: %v", t.codecName, r)
		}
	}()
	if out, err = codec.Append(t.codec, dst, v); err != nil {
		err = fmt.Errorf("codec %s: %w", t.codecName, err)
	}
	return out, err
}

// unmarshal decodes data into v, and treats a panic as marshal does.
func (t *RemoteTier[V]) unmarshal(data []byte, v *V) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("codec %s: panic: %v", t.codecName, r)
		}
	}()
	if err = t.codec.Unmarshal(data, v); err != nil {
		err = fmt.Errorf("codec %s: %w", t.codecName, err)
	}
	return err
}
