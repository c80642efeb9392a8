package tier_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiercache/tiercache/backend"
	"github.com/tiercache/tiercache/tier"
)

func (r *remote[V]) expire(key string) {
	r.t.Helper()
	if err := r.Expire(context.Background(), key); err != nil {
		r.t.Fatalf("Expire(%q) = %v, want nil", key, err)
	}
}

func TestExpireMakesAnEntryStale(t *testing.T) {
	onEveryStore(t, func(t *testing.T, b backend.Backend) {
		r := texts(t, b)
		e := fresh("k", "v")
		e.Tags = []tier.Tag{{Name: "t", Mark: 7}}
		r.set(e)
		for range 2 { // the second time it is stale already
			r.expire("k")
			got := wantText(r, "k", "v")
			if got.FreshUntil > tier.Now() {
				t.Errorf("fresh for %v after Expire, want stale", got.FreshUntil.Sub(tier.Now()))
			}
			if d := got.ExpiresAt.Sub(e.ExpiresAt).Abs(); d > time.Second || len(got.Tags) != 1 {
				t.Errorf("expires %v later and has %d tags after Expire, want them as they were", d, len(got.Tags))
			}
		}
		r.set(fresh("k", "w"))
		if got := wantText(r, "k", "w"); got.FreshUntil < tier.Now() {
			t.Error("a new entry is stale after an older one was expired")
		}
	})
}

func TestExpireOfManyKeysReadsThemAtOnce(t *testing.T) {
	var ops []string
	r := texts(t, watched{backend.NewMemory(), func(op string) error {
		ops = append(ops, op)
		return nil
	}})
	for _, key := range []string{"a", "b", "c"} {
		r.set(fresh(key, "v"))
	}
	ops = nil
	if err := r.Expire(t.Context(), "a", "absent", "c"); err != nil {
		t.Fatalf("Expire() = %v, want nil", err)
	}
	if want := []string{"GetMany", "Patch", "Patch"}; !slices.Equal(ops, want) {
		t.Errorf("Expire() of three keys, one of them absent, took %v, want %v", ops, want)
	}
	for key, want := range map[string]bool{"a": false, "b": true, "c": false} {
		if got := wantText(r, key, "v").FreshUntil > tier.Now(); got != want {
			t.Errorf("%q is fresh: %t, want %t", key, got, want)
		}
	}
	ops = nil
	if err := r.Expire(t.Context()); err != nil || len(ops) != 0 {
		t.Errorf("Expire() of no keys = %v and took %v, want nothing", err, ops)
	}
}

func TestExpireWithoutConditionalWritesDeletesAllItsKeys(t *testing.T) {
	b := basic{backend.NewMemory()}
	r := texts(t, b)
	r.set(fresh("a", "v"))
	r.set(fresh("b", "v"))
	if err := r.Expire(t.Context(), "a", "absent", "b"); err != nil {
		t.Fatalf("Expire() = %v, want nil", err)
	}
	r.wantMiss("a")
	r.wantMiss("b")
}

func TestExpireKeepsTheTimeInTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := backend.NewMemory()
		r := texts(t, b)
		r.set(stale("k", "v"))
		time.Sleep(time.Minute)
		r.expire("k")
		wantLife(t, r.get("k"), -2*time.Minute, time.Hour-time.Minute) // no fresher than before
		time.Sleep(time.Hour - time.Minute)
		if raw(t, b, "k") != nil {
			t.Error("the record is still there when its time has ended")
		}
	})
}

func TestExpireOfAnAbsentKeyStoresNothing(t *testing.T) {
	b := backend.NewMemory()
	texts(t, b).expire("k")
	if b.Len() != 0 {
		t.Errorf("%d values are stored, want 0", b.Len())
	}
}

func TestExpireRemovesALeaseWithoutAValue(t *testing.T) {
	b := backend.NewMemory()
	r := texts(t, b)
	r.lease("k")
	r.expire("k")
	if got := raw(t, b, "k"); got != nil {
		t.Errorf("the record is %q after Expire, want none", got)
	}
}

func TestExpireDeletesWhatItCannotMark(t *testing.T) {
	for name, c := range map[string]struct {
		b      backend.Backend
		record []byte // nil: that of a value
	}{
		"without conditional writes": {basic{backend.NewMemory()}, nil},
		"unreadable":                 {backend.NewMemory(), []byte("not a record")},
		"empty":                      {backend.NewMemory(), []byte{}},
	} {
		r := texts(t, c.b)
		r.set(fresh("k", "v"))
		if c.record != nil {
			plant(t, c.b, "k", c.record)
		}
		r.expire("k")
		if got := raw(t, c.b, "k"); got != nil {
			t.Errorf("%s: the record is %q after Expire, want none", name, got)
		}
	}
}

// Whenever Expire is about to mark the record, another process writes a new one.
func TestExpireDoesNotLoseToOtherWriters(t *testing.T) {
	memory := backend.NewMemory()
	writer := texts(t, memory)
	writer.set(fresh("k", "v"))
	patches := 0
	r := texts(t, watched{memory, func(op string) error {
		if op == "Patch" {
			patches++
			writer.set(fresh("k", "v"))
		}
		return nil
	}})
	r.expire("k")
	if patches < 2 {
		t.Errorf("Expire tried to mark the record %d times, want more than once", patches)
	}
	if e := r.get("k"); e != nil && e.FreshUntil > tier.Now() {
		t.Error("the entry is fresh after Expire")
	}
}

func TestExpireOfAnEntryOfAnotherCodecIsSeenByIt(t *testing.T) {
	b := backend.NewMemory()
	packed := texts(t, b)
	packed.set(fresh("k", "v"))
	openRemote[string](t, b, named("other")).expire("k")
	if e := wantText(packed, "k", "v"); e.FreshUntil > tier.Now() {
		t.Error("the entry is fresh after Expire")
	}
}
