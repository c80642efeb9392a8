package tier_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/tiercache/tiercache/backend"
	"github.com/tiercache/tiercache/internal/envelope"
	"github.com/tiercache/tiercache/tier"
)

// The answer of an Add is lost, and the client sends it again: it finds its own lease.
func TestRepeatedAddStillGrantsTheLease(t *testing.T) {
	memory := backend.NewMemory()
	b := repeating{watched{memory, func(string) error { return nil }}}
	r := texts(t, b)
	fill(t, r.lease("k"), fresh("k", "v"), true)
	wantText(r, "k", "v")
}

// A repeating backend does each Add twice.
type repeating struct{ watched }

func (r repeating) Add(ctx context.Context, key string, value []byte, ttl time.Duration) ([]byte, bool, error) {
	if _, _, err := r.watched.Add(ctx, key, value, ttl); err != nil {
		return nil, false, err
	}
	return r.watched.Add(ctx, key, value, ttl)
}

func TestErrorsOfTheStoreUnderALeaseAreReturned(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(r *remote[string])
		use     func(ctx context.Context, l tier.Lease[string]) error
		fails   string
	}{
		"Fill":                 {nothing, useFill, "Replace"},
		"Fill, expired":        {nothing, useFillExpired, "DeleteIf"},
		"Fill, generation":     {nothing, useFill, "Get"},
		"Fill, too large":      {nothing, useFillLarge, "DeleteIf"},
		"Release":              {nothing, useRelease, "DeleteIf"},
		"Release of a value":   {staleOne, useRelease, "Patch"},
		"Fill of a large one":  {staleOne, useFillLarge, "Patch"},
		"Fill of a stale one":  {staleOne, useFill, "Replace"},
		"Fill of another time": {staleOne, useFill, "Get"},
	} {
		broken := false
		r := texts(t, watched{backend.NewMemory(), func(op string) error {
			if broken && op == c.fails {
				return errStore
			}
			return nil
		}})
		c.prepare(r)
		l := r.lease("k")
		broken = true
		r.epoch.Add(1)
		if err := c.use(t.Context(), l); !errors.Is(err, errStore) {
			t.Errorf("%s when %s fails = %v, want the error of the store", name, c.fails, err)
		}
	}
}

func useFill(ctx context.Context, l tier.Lease[string]) error {
	_, err := l.Fill(ctx, fresh("k", "v"))
	return err
}

func useFillExpired(ctx context.Context, l tier.Lease[string]) error {
	_, err := l.Fill(ctx, &tier.Entry[string]{Key: "k"})
	return err
}

func useFillLarge(ctx context.Context, l tier.Lease[string]) error {
	_, err := l.Fill(ctx, fresh("k", string(make([]byte, maxValue))))
	return err
}

func useRelease(ctx context.Context, l tier.Lease[string]) error { return l.Release(ctx) }

// The store fails, or its answer is lost: then the lease that came of it, if any, has to be given back.
func TestLeaseThatCameWithAnErrorCanBeGivenBack(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(r *remote[string])
		lost    string // operation that is done all the same
		fails   string // operation that is not
	}{
		"generation":             {prepare: nothing, fails: "Get"},
		"a new lease":            {prepare: nothing, lost: "Add"},
		"of a stale entry":       {prepare: staleOne, lost: "Patch"},
		"in the place of junk":   {prepare: junk, lost: "Replace"},
		"none":                   {prepare: nothing, fails: "Add"},
		"none, of a stale entry": {prepare: staleOne, fails: "Patch"},
	} {
		memory, released := backend.NewMemory(), false
		c.prepare(texts(t, memory))
		r := texts(t, losing{watched{memory, func(op string) error {
			if op == c.fails && !released {
				return errStore
			}
			return nil
		}}, c.lost})
		l, e, err := r.Lease(t.Context(), "k", leaseFor, nil)
		if l == nil || e != nil || !errors.Is(err, errStore) {
			t.Errorf("%s: Lease() = %v, %v, %v, want a lease and the error of the store", name, l, e, err)
			continue
		}
		if c.lost != "" {
			texts(t, memory).wantLeased("k")
		}
		released = true // the store is well again
		release(t, l)
		texts(t, memory).lease("k")
	}
}

// A losing backend does the operation lost, and then fails as if its answer had not come.
type losing struct {
	watched
	lost string
}

func (b losing) Add(ctx context.Context, key string, value []byte, ttl time.Duration) ([]byte, bool, error) {
	existing, added, err := b.watched.Add(ctx, key, value, ttl)
	if b.lost == "Add" {
		return nil, false, errStore
	}
	return existing, added, err
}

func (b losing) Replace(ctx context.Context, key string, head, value []byte, ttl time.Duration) (bool, error) {
	replaced, err := b.watched.Replace(ctx, key, head, value, ttl)
	if b.lost == "Replace" {
		return false, errStore
	}
	return replaced, err
}

func (b losing) Patch(ctx context.Context, key string, head, newHead []byte) (bool, error) {
	patched, err := b.watched.Patch(ctx, key, head, newHead)
	if b.lost == "Patch" && newHead[3] == byte(envelope.Refresh) { // not that of a Release
		return false, errStore
	}
	return patched, err
}

func TestFreshEntryIsLeasedIfItMayBeReplaced(t *testing.T) {
	r := texts(t, backend.NewMemory())
	r.set(fresh("k", "v"))
	for _, may := range []bool{false, true} {
		l, e, err := r.Lease(t.Context(), "k", leaseFor, func(e *tier.Entry[string]) bool {
			if e.Value != "v" {
				t.Errorf("asked whether %q may be replaced, want v", e.Value)
			}
			return may
		})
		if err != nil || (l != nil) != may || (e != nil) == may {
			t.Errorf("Lease() of a fresh entry that may be replaced: %t = %v, %v, %v", may, l, e, err)
		}
	}
	wantText(r, "k", "v") // until it is replaced
}

// Between the look at a record and the lease in its place, another process sets a value.
func TestLeaseDoesNotReplaceANewerValue(t *testing.T) {
	damaged := func(r *remote[string]) {
		r.set(fresh("k", "older"))
		data := raw(t, r.store, "k")
		data[len(data)-1] ^= 1
		plant(t, r.store, "k", data)
	}
	for name, prepare := range map[string]func(r *remote[string]){
		"unreadable": damaged, "stale": staleOne, "cleared": cleared,
	} {
		memory := backend.NewMemory()
		writer := texts(t, memory)
		prepare(writer)
		r := texts(t, watched{memory, func(op string) error {
			if op == "Replace" || op == "Patch" {
				writer.set(fresh("k", "newer"))
			}
			return nil
		}})
		if l, e, err := r.Lease(t.Context(), "k", leaseFor, nil); l != nil || e != nil || err != nil {
			t.Errorf("%s: Lease() = %v, %v, %v, want neither lease nor entry", name, l, e, err)
		}
		wantText(r, "k", "newer")
	}
}
