package backend_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiercache/tiercache/backend"
	"github.com/tiercache/tiercache/backend/backendtest"
)

// A basic has the three methods of a Backend and no more, whatever it wraps.
type basic struct{ backend.Backend }

func TestPrefixConforms(t *testing.T) {
	open := func(*testing.T) backend.Backend {
		return backend.Prefix(backend.Prefix(backend.NewMemory(), "outer:"), "inner:")
	}
	backendtest.Test(t, open, backendtest.Options{Bubble: true})
}

func TestPrefixOfABasicBackendConforms(t *testing.T) {
	open := func(*testing.T) backend.Backend { return backend.Prefix(basic{backend.NewMemory()}, "p:") }
	backendtest.Test(t, open, backendtest.Options{Bubble: true})
}

func TestPrefixesShareAStore(t *testing.T) {
	m := backend.NewMemory()
	a, b := backend.Prefix(m, "a:"), backend.Prefix(m, "b:")
	ctx := t.Context()
	items := []backend.Item{{Key: "1", Value: []byte("one")}, {Key: "2", Value: []byte("two")}}
	if err := errors.Join(backend.SetMany(ctx, a, items), b.Set(ctx, "1", []byte("other"), 0)); err != nil {
		t.Fatalf("SetMany and Set = %v, want nil", err)
	}
	if items[0].Key != "1" {
		t.Errorf("SetMany changed the key of its caller's item to %q", items[0].Key)
	}
	if _, added, err := backend.Add(ctx, b, "2", []byte("added"), 0); !added || err != nil {
		t.Errorf("Add(2) with another prefix = _, %t, %v, want true, nil", added, err)
	}
	for key, want := range map[string]string{"a:1": "one", "a:2": "two", "b:1": "other", "b:2": "added"} {
		if got, _, err := m.Get(ctx, key); string(got) != want || err != nil {
			t.Errorf("Get(%q) = %q, %v, want %q", key, got, err, want)
		}
	}
	if err := a.Delete(ctx, "1", "2"); err != nil {
		t.Fatalf("Delete() = %v, want nil", err)
	}
	if n := m.Len(); n != 2 {
		t.Errorf("Len() after one prefix deleted its values = %d, want 2", n)
	}
}

func TestMissingPowersAreErrorsThroughEveryWrapper(t *testing.T) {
	for name, b := range map[string]backend.Backend{
		"basic":           basic{backend.NewMemory()},
		"prefix of basic": backend.Prefix(basic{backend.NewMemory()}, "p:"),
	} {
		ctx, head := t.Context(), []byte("h")
		if err := b.Set(ctx, "k", []byte("here"), 0); err != nil {
			t.Fatalf("%s: Set() = %v, want nil", name, err)
		}
		_, added, add := backend.Add(ctx, b, "k", head, 0)
		replaced, replace := backend.Replace(ctx, b, "k", head, head, 0)
		patched, patch := backend.Patch(ctx, b, "k", head, head)
		deleted, deleteIf := backend.DeleteIf(ctx, b, "k", head)
		for op, err := range map[string]error{"Add": add, "Replace": replace, "Patch": patch, "DeleteIf": deleteIf} {
			if !errors.Is(err, errors.ErrUnsupported) {
				t.Errorf("%s: %s = %v, want errors.ErrUnsupported", name, op, err)
			}
		}
		if added || replaced || patched || deleted {
			t.Errorf("%s: a missing power reports that it has done something", name)
		}
		values, err := backend.GetMany(ctx, b, []string{"absent", "k", "k"})
		if err != nil || len(values) != 3 || values[0] != nil || string(values[1]) != "here" || string(values[2]) != "here" {
			t.Errorf("%s: GetMany() = %q, %v, want [nil here here]", name, values, err)
		}
	}
}

// A faulty fails for one key.
type faulty struct {
	backend.Backend
	key string
}

var errFault = errors.New("fault")

func (f faulty) Get(ctx context.Context, key string) ([]byte, bool, error) {
	if key == f.key {
		return nil, false, errFault
	}
	return f.Backend.Get(ctx, key)
}

func (f faulty) Set(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	if key == f.key {
		return errFault
	}
	return f.Backend.Set(ctx, key, value, ttl)
}

func TestOneByOneGoesOnAfterAnError(t *testing.T) {
	b := faulty{backend.NewMemory(), "bad"}
	items := []backend.Item{{Key: "a", Value: []byte("A")}, {Key: "bad"}, {Key: "b", Value: []byte("B")}}
	if err := backend.SetMany(t.Context(), b, items); !errors.Is(err, errFault) {
		t.Errorf("SetMany() = %v, want %v", err, errFault)
	}
	values, err := backend.GetMany(t.Context(), b, []string{"a", "bad", "b"})
	if !errors.Is(err, errFault) || string(values[0]) != "A" || values[1] != nil || string(values[2]) != "B" {
		t.Errorf("GetMany() = %q, %v, want [A nil B] and %v", values, err, errFault)
	}
}

// A placed is a backend that says where it stores.
type placed struct{ *backend.Memory }

func (p placed) Locate(key string) (store any, name string) { return p.Memory, "at:" + key }

func TestLocateSeesThroughPrefixes(t *testing.T) {
	m := backend.NewMemory()
	b := backend.Prefix(backend.Prefix(placed{m}, "outer:"), "inner:")
	if store, name, ok := backend.Locate(b, "k"); store != m || name != "at:outer:inner:k" || !ok {
		t.Errorf("Locate(k) = %v, %q, %t, want the store, at:outer:inner:k, true", store, name, ok)
	}
	for name, b := range map[string]backend.Backend{"Memory": m, "prefix of Memory": backend.Prefix(m, "p:")} {
		if store, _, ok := backend.Locate(b, "k"); store != nil || ok {
			t.Errorf("%s: Locate(k) = %v, _, %t, want nil, false", name, store, ok)
		}
	}
}

// An ahead is a store whose clock is ahead of ours, or broken.
type ahead struct {
	*backend.Memory
	by  time.Duration
	err error
}

func (a ahead) Now(context.Context) (time.Time, error) { return time.Now().Add(a.by), a.err }

func TestTheTimeIsThatOfTheStoreIfItTellsAny(t *testing.T) {
	later := ahead{Memory: backend.NewMemory(), by: time.Hour}
	mute := ahead{Memory: backend.NewMemory(), by: time.Hour, err: errors.New("not now")}
	for name, c := range map[string]struct {
		b    backend.Backend
		want time.Duration
	}{
		"Clock":            {later, time.Hour},
		"prefix of Clock":  {backend.Prefix(backend.Prefix(later, "a:"), "b:"), time.Hour},
		"basic":            {basic{later}, 0},
		"prefix of basic":  {backend.Prefix(basic{later}, "a:"), 0},
		"broken":           {mute, 0},
		"prefix of broken": {backend.Prefix(mute, "a:"), 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			if got := time.Until(backend.Now(t.Context(), c.b)); got != c.want {
				t.Errorf("%s: Now() is %v ahead, want %v", name, got, c.want)
			}
		})
	}
}
