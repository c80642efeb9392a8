package tier_test

import (
	"context"
	"slices"
	"testing"

	"github.com/tiercache/tiercache/backend"
	"github.com/tiercache/tiercache/codec"
	"github.com/tiercache/tiercache/tier"
)

// A located backend says where it stores, and remembers what was deleted last.
type located struct {
	*backend.Memory
	split   bool // keys lie in stores of their own
	deleted []string
}

func (l *located) Locate(key string) (store any, name string) {
	if l.split {
		return new(key), key
	}
	return l.Memory, key
}

func (l *located) Delete(ctx context.Context, keys ...string) error {
	l.deleted = keys
	return l.Memory.Delete(ctx, keys...)
}

func openLocated(t *testing.T, b backend.Backend) *tier.RemoteTier[int] {
	t.Helper()
	r := tier.Remote[int](b, codec.JSON{})
	err := r.Open(tier.Scope{Cache: "c", MaxValueBytes: 1 << 10, Epoch: func() uint64 { return 1 }, Report: func(tier.Problem) {}})
	if err != nil {
		t.Fatalf("Open() = %v, want nil", err)
	}
	return r
}

func TestLocateNamesWhatDeleteRemoves(t *testing.T) {
	b := &located{Memory: backend.NewMemory()}
	r := openLocated(t, backend.Prefix(b, "p:"))
	keys := []string{"k", "with{braces}", "k:2"}
	if err := r.Delete(t.Context(), keys...); err != nil {
		t.Fatalf("Delete() = %v, want nil", err)
	}
	store, names, ok := r.Locate(keys...)
	if store != b.Memory || !slices.Equal(names, b.deleted) || !ok {
		t.Errorf("Locate() = %v, %q, %t, want the store, %q, true", store, names, ok, b.deleted)
	}
}

func TestLocateNeedsOneStoreThatIsKnown(t *testing.T) {
	for name, r := range map[string]*tier.RemoteTier[int]{
		"without a place":   openLocated(t, backend.NewMemory()),
		"in several stores": openLocated(t, &located{Memory: backend.NewMemory(), split: true}),
		"before Open":       tier.Remote[int](&located{Memory: backend.NewMemory()}, codec.JSON{}),
	} {
		if store, names, ok := r.Locate("a", "b"); store != nil || names != nil || ok {
			t.Errorf("%s: Locate(a, b) = %v, %q, %t, want nil, nil, false", name, store, names, ok)
		}
	}
	if _, _, ok := openLocated(t, &located{Memory: backend.NewMemory()}).Locate(); ok {
		t.Error("Locate() of no keys = true, want false")
	}
}
