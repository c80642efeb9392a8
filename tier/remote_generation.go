package tier

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/tiercache/tiercache/backend"
	"github.com/tiercache/tiercache/internal/keys"
)

// Every record says under which generation of its cache it was written, and counts only as long as that is the one
// in the mark, a key of its own in the store. So Clear is one write, whatever the number of entries. Generations are
// random: if the store loses the mark the next one is new again, and no old record comes back.

// markTrust is how long a generation that was read is used without another look, as long as the epoch of the
// cache does not change either. If another process clears the cache meanwhile, and its event is lost, what is read from the store by the old
// generation was good when that was read, and no later. So the entry says when that was.
const markTrust = time.Second

// markSize is the length of the mark, in bytes.
const markSize = 8

// A generation is what a tier remembers of its mark. Readings may end in another order than they began, so each has a
// ticket, and one that began before what is known now is not believed.
type generation struct {
	mu      sync.Mutex
	tickets uint64  // handed out so far
	newest  uint64  // ticket of what is known: nothing older is learned
	value   uint64  // the generation
	epoch   uint64  // the epoch in which it was read
	asOf    Instant // when that began; long past if nothing is known
}

// A reading is a look at the mark. It begins before the look.
type reading struct {
	ticket uint64
	epoch  uint64
	began  Instant
}

// known returns the generation if it is known well enough, and when it was looked at.
func (g *generation) known(epoch uint64) (value uint64, asOf Instant, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.value, g.asOf, g.epoch == epoch && Now() < g.asOf.Add(markTrust)
}

func (g *generation) begin(epoch uint64) reading {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.tickets++
	return reading{ticket: g.tickets, epoch: epoch, began: Now()}
}

func (g *generation) learn(r reading, value uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if r.ticket > g.newest {
		g.newest, g.value, g.epoch, g.asOf = r.ticket, value, r.epoch, r.began
	}
}

// forget drops what is known, and what the readings under way will say.
func (g *generation) forget() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.newest, g.asOf = g.tickets, 0
}

// Clear forgets all entries of the cache. The tier does not remember the new generation: another process may clear the cache at the
// same time, and only the store knows whose write came last.
func (t *RemoteTier[V]) Clear(ctx context.Context) error {
	s, err := t.opened()
	if err != nil {
		return err
	}
	defer t.generation.forget() // on an error too: the write may have arrived
	return t.backend.Set(ctx, markKey(s), newMark(), 0)
}

// currentGeneration returns the generation for what is to be stored from now on, and makes one if there is none.
func (t *RemoteTier[V]) currentGeneration(ctx context.Context, s *Scope) (uint64, error) {
	if value, _, ok := t.generation.known(s.Epoch()); ok {
		return value, nil
	}
	value, ok, err := t.readMark(ctx, s)
	if err == nil && !ok {
		value, err = t.createMark(ctx, s)
	}
	return value, err
}

// readMark reads the generation from the store. ok is false if there is none.
func (t *RemoteTier[V]) readMark(ctx context.Context, s *Scope) (value uint64, ok bool, err error) {
	r := t.generation.begin(s.Epoch())
	mark, ok, err := t.backend.Get(ctx, markKey(s))
	switch {
	case err != nil:
		return 0, false, fmt.Errorf("generation: %w", err)
	case !ok:
		return 0, false, nil
	}
	value, ok = t.learnMark(r, mark)
	return value, ok, nil
}

// createMark makes a generation. Of several processes that do so at the same time one succeeds, and the others use its generation. Where
// the store cannot add, or has something else under the key, the last one wins instead: then
// entries that the others store meanwhile are lost.
func (t *RemoteTier[V]) createMark(ctx context.Context, s *Scope) (uint64, error) {
	// The others of this process use the one that is made. A mutex would not do: it cannot be left when ctx is done.
	select {
	case t.creating <- struct{}{}:
		defer func() { <-t.creating }()
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	if value, _, ok := t.generation.known(s.Epoch()); ok {
		return value, nil
	}
	r := t.generation.begin(s.Epoch())
	mark := newMark()
	existing, added, err := backend.Add(ctx, t.backend, markKey(s), mark, 0)
	switch {
	case err == nil && !added && len(existing) == markSize:
		mark = existing
	case err == nil && !added, errors.Is(err, errors.ErrUnsupported):
		err = t.backend.Set(ctx, markKey(s), mark, 0)
	}
	if err != nil {
		return 0, fmt.Errorf("generation: %w", err)
	}
	value, _ := t.learnMark(r, mark)
	return value, nil
}

// learnMark remembers what the reading r has found. ok is false if that is no mark.
func (t *RemoteTier[V]) learnMark(r reading, mark []byte) (value uint64, ok bool) {
	if len(mark) != markSize {
		return 0, false
	}
	value = binary.BigEndian.Uint64(mark)
	t.generation.learn(r, value)
	return value, true
}

func markKey(s *Scope) string { return keys.Meta(s.Cache, "generation") }

func newMark() []byte {
	mark := make([]byte, markSize)
	_, _ = rand.Read(mark) // never fails
	return mark
}
