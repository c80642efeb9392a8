package tier_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/tiercache/tiercache/backend"
	"github.com/tiercache/tiercache/codec"
	"github.com/tiercache/tiercache/tier"
)

// leaseFor is long enough for no lease to lapse during a test.
const leaseFor = time.Minute

// lease takes the lease of a key, which must be free.
func (r *remote[V]) lease(key string) tier.Lease[V] {
	r.t.Helper()
	l, e, err := r.Lease(context.Background(), key, leaseFor, nil)
	if l == nil || e != nil || err != nil {
		r.t.Fatalf("Lease(%q) = %v, %v, %v, want a lease", key, l, e, err)
	}
	return l
}

// wantLeased checks that another has the lease of a key.
func (r *remote[V]) wantLeased(key string) {
	r.t.Helper()
	if l, e, err := r.Lease(context.Background(), key, leaseFor, nil); l != nil || e != nil || err != nil {
		r.t.Errorf("Lease(%q) = %v, %v, %v, want neither lease nor entry", key, l, e, err)
	}
}

func fill[V any](t testing.TB, l tier.Lease[V], e *tier.Entry[V], want bool) {
	t.Helper()
	if stored, err := l.Fill(context.Background(), e); stored != want || err != nil {
		t.Errorf("Fill(%q) = %t, %v, want %t, nil", e.Key, stored, err, want)
	}
}

func release[V any](t testing.TB, l tier.Lease[V]) {
	t.Helper()
	if err := l.Release(context.Background()); err != nil {
		t.Errorf("Release() = %v, want nil", err)
	}
}

func TestOneProcessLoadsAndTheOthersGetItsFill(t *testing.T) {
	onEveryStore(t, func(t *testing.T, b backend.Backend) {
		mine, other := texts(t, b), texts(t, b)
		l := mine.lease("k")
		other.wantLeased("k")
		mine.wantLeased("k") // nor does this process get it twice
		other.wantMiss("k")
		other.wantProblems()
		fill(t, l, fresh("k", "v"), true)
		wantText(other, "k", "v")
		got, e, err := other.Lease(t.Context(), "k", leaseFor, nil)
		if got != nil || err != nil || e == nil || e.Value != "v" {
			t.Errorf("Lease() of a fresh entry = %v, %v, %v, want the entry", got, e, err)
		}
	})
}

func TestFillIsRefusedAfterAnInvalidation(t *testing.T) {
	onEveryStore(t, func(t *testing.T, b backend.Backend) {
		for name, prepare := range map[string]func(r *remote[string]){"absent": nothing, "stale": staleOne} {
			for by, invalidate := range map[string]func(ctx context.Context, r *remote[string]) error{
				"Set": callSet, "Delete": callDelete, "Expire": callExpire, "Clear": callClear,
			} {
				t.Run(name+" "+by, func(t *testing.T) {
					if err := b.Delete(t.Context(), "c:k", mark); err != nil {
						t.Fatal(err)
					}
					mine, other := texts(t, b), texts(t, b)
					prepare(mine)
					l := mine.lease("k")
					if err := invalidate(t.Context(), other); err != nil {
						t.Fatalf("%s() = %v, want nil", by, err)
					}
					mine.epoch.Add(1) // as the root does when it hears of a Clear
					fill(t, l, fresh("k", "old"), false)
					if e := other.get("k"); e != nil && e.Value == "old" {
						t.Error("the value that was loaded before is there")
					}
					release(t, l) // does nothing any more
					if by == "Set" {
						wantText(other, "k", "v")
						return
					}
					release(t, other.lease("k"))
				})
			}
		}
	})
}

// A Clear that the filling process has not heard of: the fill arrives, under a generation that is no more.
func TestFillAfterAnUnheardClearIsAMissForOthers(t *testing.T) {
	b := backend.NewMemory()
	mine, other := texts(t, b), texts(t, b)
	l := mine.lease("k")
	other.clear()
	if _, err := l.Fill(t.Context(), fresh("k", "old")); err != nil {
		t.Errorf("Fill() = %v, want nil", err)
	}
	other.wantMiss("k")
	other.lease("k")
}

func TestReleaseLeavesThingsAsTheyWere(t *testing.T) {
	onEveryStore(t, func(t *testing.T, b backend.Backend) {
		r := texts(t, b)
		release(t, r.lease("k"))
		if got := raw(t, b, "k"); got != nil {
			t.Errorf("the record of an absent key is %q after a lease, want none", got)
		}

		e := stale("k", "v")
		r.set(e)
		for range 2 {
			l := r.lease("k")
			r.wantLeased("k")
			release(t, l)
			release(t, l) // does nothing
			got := wantText(r, "k", "v")
			if got.FreshUntil.Sub(e.FreshUntil).Abs() > time.Second || got.ExpiresAt.Sub(e.ExpiresAt).Abs() > time.Second {
				t.Error("the entry has another life after a lease")
			}
		}

		r.set(fresh("k", "v"))
		r.expire("k")
		release(t, r.lease("k"))
		if got := wantText(r, "k", "v"); got.FreshUntil > tier.Now() {
			t.Error("an entry that was expired by hand is fresh after a lease")
		}
		fill(t, r.lease("k"), fresh("k", "w"), true)
		if got := wantText(r, "k", "w"); got.FreshUntil < tier.Now() {
			t.Error("a fill in the place of an entry that was expired by hand is stale")
		}
	})
}

func TestStaleValueIsReadableWhileItIsLoadedAgain(t *testing.T) {
	onEveryStore(t, func(t *testing.T, b backend.Backend) {
		mine, other := texts(t, b), texts(t, b)
		mine.set(stale("k", "old"))
		l := mine.lease("k")
		if e := wantText(other, "k", "old"); e.FreshUntil > tier.Now() {
			t.Error("the value is fresh while it is leased, want stale")
		}
		other.wantLeased("k")
		fill(t, l, fresh("k", "new"), true)
		wantText(other, "k", "new")
	})
}

func TestStaleEntryIsNoReasonNotToLease(t *testing.T) {
	r := texts(t, backend.NewMemory())
	r.set(fresh("k", "v"))
	if l, e, err := r.Lease(t.Context(), "k", leaseFor, nil); l != nil || e == nil || err != nil {
		t.Errorf("Lease() of a fresh entry = %v, %v, %v, want the entry", l, e, err)
	}
	r.expire("k")
	r.lease("k")
}

func TestAbsentEntryCanBeLeasedAndFilled(t *testing.T) {
	r := texts(t, backend.NewMemory())
	absent := fresh("k", "")
	absent.Absent = true
	fill(t, r.lease("k"), absent, true)
	_, e, err := r.Lease(t.Context(), "k", leaseFor, nil)
	if err != nil || e == nil || !e.Absent {
		t.Errorf("Lease() = %v, %v, want the absent entry", e, err)
	}
}

func TestLeaseTakesTheNextGenerationAfterAClear(t *testing.T) {
	r := texts(t, backend.NewMemory())
	r.set(fresh("k", "old"))
	r.clear()
	fill(t, r.lease("k"), fresh("k", "new"), true)
	wantText(r, "k", "new")
}

func TestForeignRecordStaysWhileItsKeyIsLeased(t *testing.T) {
	onEveryStore(t, func(t *testing.T, b backend.Backend) {
		packed, json := texts(t, b), openRemote[string](t, b, codec.JSON{})
		packed.set(fresh("k", "packed"))
		l := json.lease("k")
		wantText(packed, "k", "packed")
		json.wantLeased("k")
		release(t, l)
		wantText(packed, "k", "packed")
		fill(t, json.lease("k"), fresh("k", "json"), true)
		wantText(json, "k", "json")
	})
}

func TestLeaseReplacesWhatIsOfNoUse(t *testing.T) {
	onEveryStore(t, func(t *testing.T, b backend.Backend) {
		for name, c := range map[string]struct {
			record  []byte
			reports []tier.Kind
		}{
			"empty":       {[]byte{}, nil},
			"one byte":    {[]byte("x"), []tier.Kind{tier.Unreadable}},
			"not a value": {bytes.Repeat([]byte("no record "), 10), []tier.Kind{tier.Unreadable}},
		} {
			t.Run(name, func(t *testing.T) {
				r := texts(t, b)
				plant(t, b, "k", c.record)
				l := r.lease("k")
				r.wantProblems(c.reports...)
				r.wantLeased("k")
				fill(t, l, fresh("k", "v"), true)
				wantText(r, "k", "v")
			})
		}
	})
}

func TestFillThatCannotBeStoredGivesTheLeaseBack(t *testing.T) {
	failing := func() error { return errCodec }
	for name, c := range map[string]struct {
		codec codec.Codec
		entry *tier.Entry[string]
		want  error // that is to be in the error; nil: any
	}{
		"another key":     {codec.MsgPack{}, fresh("other", "v"), nil},
		"a large value":   {codec.MsgPack{}, fresh("k", string(make([]byte, maxValue))), tier.ErrTooLarge},
		"a failing codec": {faulty{marshal: failing}, fresh("k", "v"), errCodec},
		"a codec's panic": {faulty{marshal: func() error { panic("boom") }}, fresh("k", "v"), nil},
		"too many tags":   {codec.MsgPack{}, &tier.Entry[string]{Key: "k", ExpiresAt: 1 << 62, Tags: make([]tier.Tag, 1000)}, nil},
	} {
		r := openRemote[string](t, backend.NewMemory(), c.codec)
		stored, err := r.lease("k").Fill(t.Context(), c.entry)
		if stored || err == nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: Fill() = %t, %v, want false and %v", name, stored, err, c.want)
		}
		r.wantMiss("k")
		r.lease("k")
	}
}

func TestFillWithAnExpiredEntryEndsTheLease(t *testing.T) {
	b := backend.NewMemory()
	r := texts(t, b)
	r.set(stale("k", "older"))
	l := r.lease("k")
	fill(t, l, &tier.Entry[string]{Key: "k", Value: "expired"}, true)
	if got := raw(t, b, "k"); got != nil {
		t.Errorf("the record is %q, want none", got)
	}
	r.lease("k")
}

func TestLeaseIsOfUseOnce(t *testing.T) {
	r := texts(t, backend.NewMemory())
	l := r.lease("k")
	fill(t, l, fresh("k", "first"), true)
	fill(t, l, fresh("k", "second"), false)
	release(t, l)
	wantText(r, "k", "first")
}

func TestStoresWithoutConditionalWritesHaveNoLeases(t *testing.T) {
	r := texts(t, basic{backend.NewMemory()})
	l, e, err := r.Lease(t.Context(), "k", leaseFor, nil)
	if l != nil || e != nil || !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Lease() = %v, %v, %v, want ErrUnsupported", l, e, err)
	}
}

func TestLeasesForLessThanAMillisecondAreAnError(t *testing.T) {
	b := backend.NewMemory()
	r := texts(t, b)
	for _, ttl := range []time.Duration{-time.Hour, 0, time.Millisecond - 1} {
		if l, _, err := r.Lease(t.Context(), "k", ttl, nil); l != nil || err == nil {
			t.Errorf("Lease() for %v = %v, %v, want an error", ttl, l, err)
		}
	}
	if b.Len() != 0 {
		t.Errorf("%d values are stored, want 0", b.Len())
	}
}
