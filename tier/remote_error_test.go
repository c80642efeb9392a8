package tier_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/tiercache/tiercache/backend"
	"github.com/tiercache/tiercache/codec"
	"github.com/tiercache/tiercache/tier"
)

var errStore = errors.New("store failure")

// The calls of a tier, for the tests below.
func callGet(ctx context.Context, r *remote[string]) error {
	_, _, err := r.Get(ctx, "k")
	return err
}

func callSet(ctx context.Context, r *remote[string]) error { return r.Set(ctx, fresh("k", "v")) }

func callSetExpired(ctx context.Context, r *remote[string]) error {
	return r.Set(ctx, &tier.Entry[string]{Key: "k"})
}

func callSetLarge(ctx context.Context, r *remote[string]) error {
	return r.Set(ctx, fresh("k", string(make([]byte, maxValue))))
}

func callDelete(ctx context.Context, r *remote[string]) error { return r.Delete(ctx, "k") }
func callExpire(ctx context.Context, r *remote[string]) error { return r.Expire(ctx, "k") }
func callClear(ctx context.Context, r *remote[string]) error  { return r.Clear(ctx) }

func callInspect(ctx context.Context, r *remote[string]) error {
	_, err := r.Inspect(ctx, "k")
	return err
}

func callLease(ctx context.Context, r *remote[string]) error {
	_, _, err := r.Lease(ctx, "k", time.Second, nil)
	return err
}

// What lies in the store before it fails.
func nothing(*remote[string])    {}
func another(r *remote[string])  { r.set(fresh("another", "v")) } // so that the generation is known
func freshOne(r *remote[string]) { r.set(fresh("k", "v")) }
func staleOne(r *remote[string]) { r.set(stale("k", "v")) }

// cleared leaves a record of an older generation, and a tier that has not heard of the newer one.
func cleared(r *remote[string]) {
	r.set(fresh("k", "v"))
	if err := r.Clear(context.Background()); err != nil {
		r.t.Fatalf("Clear() = %v, want nil", err)
	}
	r.set(fresh("another", "v"))
}

func junk(r *remote[string])  { r.plant([]byte("not a record")) }
func empty(r *remote[string]) { r.plant([]byte{}) }

// plant puts data in the place of the record of key "k", after the generation is known.
func (r *remote[V]) plant(data []byte) {
	var v V
	r.set(fresh("another", v))
	plant(r.t, r.store, "k", data)
}

func TestErrorsOfTheStoreAreReturned(t *testing.T) {
	for _, c := range []struct {
		name    string
		prepare func(r *remote[string])
		call    func(ctx context.Context, r *remote[string]) error
		fails   []string // each of these operations of the backend in turn
	}{
		{"Get", nothing, callGet, []string{"GetMany"}},
		{"Get", another, callGet, []string{"Get"}},
		{"Get of a cleared entry", cleared, callGet, []string{"Get"}},
		{"Inspect", nothing, callInspect, []string{"GetMany"}},
		{"Inspect", another, callInspect, []string{"Get"}},
		{"Inspect of a cleared entry", cleared, callInspect, []string{"Get"}},
		{"Set", nothing, callSet, []string{"Get", "Add", "Set"}},
		{"Set of an expired entry", freshOne, callSetExpired, []string{"Delete"}},
		{"Set of a large value", freshOne, callSetLarge, []string{"Delete"}},
		{"Delete", freshOne, callDelete, []string{"Delete"}},
		{"Clear", freshOne, callClear, []string{"Set"}},
		{"Expire", freshOne, callExpire, []string{"GetMany", "Patch"}},
		{"Expire of junk", junk, callExpire, []string{"DeleteIf"}},
		{"Expire of an empty record", empty, callExpire, []string{"Delete"}},
		{"Lease", nothing, callLease, []string{"Add", "Get"}},
		{"Lease of a stale entry", staleOne, callLease, []string{"Add", "Patch"}},
		{"Lease of junk", junk, callLease, []string{"Replace"}},
		{"Lease of an empty record", empty, callLease, []string{"Delete"}},
		{"Lease of a cleared entry", cleared, callLease, []string{"Get", "Replace"}},
	} {
		for _, op := range c.fails {
			broken := false
			r := texts(t, watched{backend.NewMemory(), func(now string) error {
				if broken && now == op {
					return errStore
				}
				return nil
			}})
			c.prepare(r)
			broken = true
			if err := c.call(t.Context(), r); !errors.Is(err, errStore) {
				t.Errorf("%s when %s fails = %v, want the error of the store", c.name, op, err)
			}
		}
	}
}

func TestFailureToDeleteIsJoinedToWhyItWasNeeded(t *testing.T) {
	r := texts(t, failing("Delete", errStore))
	if err := callSetLarge(t.Context(), r); !errors.Is(err, errStore) || !errors.Is(err, tier.ErrTooLarge) {
		t.Errorf("Set() of a large value = %v, want both ErrTooLarge and the error of the store", err)
	}
}

func TestErrorsNameTheKey(t *testing.T) {
	r := texts(t, failing("GetMany", errStore))
	want := `key "k": store failure`
	if err := callGet(t.Context(), r); err == nil || err.Error() != want {
		t.Errorf("Get() = %v, want %s", err, want)
	}
}

func TestCallsEndWithTheirContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, call := range map[string]func(ctx context.Context, r *remote[string]) error{
		"Get": callGet, "Set": callSet, "Delete": callDelete, "Expire": callExpire, "Clear": callClear, "Lease": callLease, "Inspect": callInspect,
	} {
		if err := call(ctx, texts(t, backend.NewMemory())); !errors.Is(err, context.Canceled) {
			t.Errorf("%s() with a cancelled context = %v, want context.Canceled", name, err)
		}
	}
}

func TestDeleteOfNoKeysAsksNobody(t *testing.T) {
	r := openRemote[string](t, failing("Delete", errStore), codec.MsgPack{})
	if err := r.Delete(t.Context()); err != nil {
		t.Errorf("Delete() = %v, want nil", err)
	}
}
