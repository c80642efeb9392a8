package tiercache_test

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/tiercache/tiercache"
	"github.com/tiercache/tiercache/backend"
	"github.com/tiercache/tiercache/codec"
	"github.com/tiercache/tiercache/tier"
)

// keyCalls are the methods that take a key.
var keyCalls = map[string]func(ctx context.Context, c *tiercache.Cache[int64], key string) error{
	"Get": func(ctx context.Context, c *tiercache.Cache[int64], key string) error {
		_, _, err := c.Get(ctx, key)
		return err
	},
	"GetOrLoad": func(ctx context.Context, c *tiercache.Cache[int64], key string) error {
		_, err := c.GetOrLoad(ctx, key, func(context.Context, string) (int64, error) { return 1, nil })
		return err
	},
	"Add": func(ctx context.Context, c *tiercache.Cache[int64], key string) error {
		_, err := c.Add(ctx, key, 1)
		return err
	},
	"Set":    func(ctx context.Context, c *tiercache.Cache[int64], key string) error { return c.Set(ctx, key, 1) },
	"Expire": func(ctx context.Context, c *tiercache.Cache[int64], key string) error { return c.Expire(ctx, "k", key) },
	"Delete": func(ctx context.Context, c *tiercache.Cache[int64], key string) error { return c.Delete(ctx, "k", key) },
}

func TestBadKeysAreRefusedAndNamed(t *testing.T) {
	store := backend.NewMemory()
	c := newCache(t, tiercache.Config[int64]{
		Tiers:       []tier.Tier[int64]{memoryTier[int64](), tier.Remote[int64](store, codec.JSON{})},
		MaxKeyBytes: 100,
	})
	for key, say := range map[string]string{
		"":                            "empty key",
		"x" + strings.Repeat("é", 50): `key "xééééééééé`, // 101 bytes
		strings.Repeat("k", 1<<20):    "has 1048576 bytes, more than 100",
	} {
		for name, call := range keyCalls {
			err := call(t.Context(), c, key)
			if err == nil || !strings.Contains(err.Error(), say) || !strings.Contains(err.Error(), `cache "test"`) {
				t.Errorf("%s() of a key of %d bytes = %v, want an error with %q", name, len(key), err, say)
			} else if n := len(err.Error()); n > 250 {
				t.Errorf("%s() of a key of %d bytes = an error of %d bytes, want a short one", name, len(key), n)
			}
		}
	}
	if n := store.Len(); n != 0 {
		t.Errorf("refused calls left %d records in the store", n)
	}
}

func TestKeysOfTheGreatestLengthAreAccepted(t *testing.T) {
	for limit, longest := range map[int]int{0: tiercache.DefaultMaxKeyBytes, 3: 3} {
		c := newCache(t, tiercache.Config[int64]{MaxKeyBytes: limit})
		for name, call := range keyCalls {
			if err := call(t.Context(), c, strings.Repeat("k", longest)); err != nil {
				t.Errorf("%s() of a key of %d bytes with MaxKeyBytes %d = %v, want nil", name, longest, limit, err)
			}
			if err := call(t.Context(), c, strings.Repeat("k", longest+1)); err == nil {
				t.Errorf("%s() of a key of %d bytes with MaxKeyBytes %d = nil, want an error", name, longest+1, limit)
			}
		}
	}
}

// keyTraps are keys that a store could mix up if it took the name of the cache and the key for one text.
func keyTraps() []string {
	traps := []string{
		"k", ":k", "::k", "k:", "{k}", "{}k", "{}:k", "}{", "{", "}", "!", "!generation", "generation", "a:k", "a{}:k", "a!k", "b:k", "k\n",
		"k\r\nGET k", " ", "\x00", "k\x00", "\xff\xfe", "é", "e\u0301", "*", "?", "[k]", "\\",
	}
	for b := range 256 {
		traps = append(traps, string([]byte{'k', byte(b)}))
	}
	slices.Sort(traps)
	return slices.Compact(traps)
}

// Each of three caches, two of which have names that begin alike, has a value of its own under each key.
func TestNoTwoKeysAreTakenForEachOther(t *testing.T) {
	store := backend.NewMemory()
	var caches []*tiercache.Cache[string]
	for _, name := range []string{"a", "a.b", "b"} {
		caches = append(caches, newCache(t, tiercache.Config[string]{
			Name:  name,
			Tiers: []tier.Tier[string]{tier.Remote[string](store, codec.MsgPack{})},
		}))
	}
	traps := keyTraps()
	for _, c := range caches {
		for _, key := range traps {
			if err := c.Set(t.Context(), key, c.Name()+"/"+key); err != nil {
				t.Fatalf("Set(%q) = %v, want nil", key, err)
			}
		}
	}
	for _, c := range caches {
		for _, key := range traps {
			want := c.Name() + "/" + key
			if got, ok, err := c.Get(t.Context(), key); got != want || !ok || err != nil {
				t.Errorf("Get(%q) of cache %s = %q, %v, %v, want %q", key, c.Name(), got, ok, err, want)
			}
		}
	}
	for _, key := range traps {
		if err := caches[0].Delete(t.Context(), key); err != nil {
			t.Fatalf("Delete(%q) = %v, want nil", key, err)
		}
	}
	for _, key := range traps {
		if _, ok, _ := caches[0].Get(t.Context(), key); ok {
			t.Errorf("Get(%q) finds what was deleted", key)
		}
		for _, c := range caches[1:] {
			if _, ok, err := c.Get(t.Context(), key); !ok || err != nil {
				t.Errorf("Get(%q) of cache %s = %v, %v after it was deleted in another cache", key, c.Name(), ok, err)
			}
		}
	}
}

func TestAKeyReachesTheLoaderAndTheObserverAsItIs(t *testing.T) {
	var missed, hit []string
	c := newCache(t, tiercache.Config[string]{
		Tiers: []tier.Tier[string]{memoryTier[string](), tier.Remote[string](backend.NewMemory(), codec.MsgPack{})},
		Observer: tiercache.Observer{
			Miss: func(key string) { missed = append(missed, key) },
			Hit:  func(_, key string, _ bool) { hit = append(hit, key) },
		},
	})
	load := func(_ context.Context, key string) (string, error) { return "value of " + key, nil }
	for range 2 {
		for _, key := range keyTraps() {
			if got, err := c.GetOrLoad(t.Context(), key, load); got != "value of "+key || err != nil {
				t.Errorf("GetOrLoad(%q) = %q, %v, want a value of that key", key, got, err)
			}
		}
	}
	if !slices.Equal(missed, keyTraps()) {
		t.Errorf("Observer.Miss was told of %q, want each key once", missed)
	}
	if !slices.Equal(hit, keyTraps()) {
		t.Errorf("Observer.Hit was told of %q, want each key once", hit)
	}
}

// Errors end up in logs and on terminals.
func TestTheKeyInAnErrorOfATierIsQuoted(t *testing.T) {
	c := newCache(t, tiercache.Config[func()]{
		Tiers: []tier.Tier[func()]{tier.Remote[func()](backend.NewMemory(), codec.JSON{})},
	})
	err := c.Set(t.Context(), "k\r\n\x1b[2J", func() {})
	if err == nil || bytes.ContainsAny([]byte(err.Error()), "\r\x1b") {
		t.Errorf("Set() = %q, want an error without control characters", err)
	}
}
