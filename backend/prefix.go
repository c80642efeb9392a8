package backend

import (
	"context"
	"slices"
	"time"
)

// Prefix returns a Backend that stores under prefix+key in b what it is given under key, so that
// several users can share one store. It has the optional powers of b; those that b lacks
// return an error that is errors.ErrUnsupported. Errors of b name the key with its prefix.
func Prefix(b Backend, prefix string) Backend {
	return prefixed{b, prefix}
}

// A prefixed implements every optional interface, since it cannot know which ones a wrapper below it really has.
type prefixed struct {
	b      Backend
	prefix string
}

var (
	_ Batcher = prefixed{}
	_ Leaser  = prefixed{}
	_ Locator = prefixed{}
	_ Clock   = prefixed{}
)

func (p prefixed) Get(ctx context.Context, key string) ([]byte, bool, error) {
	return p.b.Get(ctx, p.prefix+key)
}

func (p prefixed) Set(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	return p.b.Set(ctx, p.prefix+key, value, ttl)
}

func (p prefixed) Delete(ctx context.Context, keys ...string) error {
	return p.b.Delete(ctx, p.all(keys)...)
}

func (p prefixed) GetMany(ctx context.Context, keys []string) ([][]byte, error) {
	return GetMany(ctx, p.b, p.all(keys))
}

func (p prefixed) SetMany(ctx context.Context, items []Item) error {
	items = slices.Clone(items) // they are the caller's
	for i := range items {
		items[i].Key = p.prefix + items[i].Key
	}
	return SetMany(ctx, p.b, items)
}

func (p prefixed) Add(ctx context.Context, key string, value []byte, ttl time.Duration) ([]byte, bool, error) {
	return Add(ctx, p.b, p.prefix+key, value, ttl)
}

func (p prefixed) Replace(ctx context.Context, key string, head, value []byte, ttl time.Duration) (bool, error) {
	return Replace(ctx, p.b, p.prefix+key, head, value, ttl)
}

func (p prefixed) Patch(ctx context.Context, key string, head, newHead []byte) (bool, error) {
	return Patch(ctx, p.b, p.prefix+key, head, newHead)
}

func (p prefixed) DeleteIf(ctx context.Context, key string, head []byte) (bool, error) {
	return DeleteIf(ctx, p.b, p.prefix+key, head)
}

func (p prefixed) Locate(key string) (store any, name string) {
	store, name, _ = Locate(p.b, p.prefix+key)
	return store, name
}

func (p prefixed) Now(ctx context.Context) (time.Time, error) { return Now(ctx, p.b), nil }

// all returns keys with the prefix.
func (p prefixed) all(keys []string) []string {
	full := make([]string, len(keys))
	for i, key := range keys {
		full[i] = p.prefix + key
	}
	return full
}
