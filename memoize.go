package tiercache

import "context"

// A Memo is a function whose results are cached. Make one with Memoize. All methods may be called
// by many goroutines at once.
type Memo[K, V any] struct {
	cache *Cache[V]
	key   func(K) string
	fn    func(context.Context, K) (V, error)
	opts  []CallOption
}

// Memoize caches the results of fn in c, each under key(argument). Different arguments that may have different
// results must have different keys, and functions that share a cache must not share keys. fn is a Loader in all but its argument: it
// returns ErrNotFound when there is no result, other errors are not remembered.
func Memoize[K, V any](c *Cache[V], key func(K) string, fn func(context.Context, K) (V, error), opts ...CallOption) *Memo[K, V] {
	return &Memo[K, V]{cache: c, key: key, fn: fn, opts: opts}
}

// Call returns the cached result for arg, or calls the function.
func (m *Memo[K, V]) Call(ctx context.Context, arg K) (V, error) {
	key := m.key(arg)
	e, hit := m.cache.nearHit(ctx, key) // before the closure, which costs an allocation
	if hit {
		return m.cache.own(e.Value), nil
	}
	return m.cache.getOrLoad(ctx, key, e, func(ctx context.Context, _ string) (V, error) { return m.fn(ctx, arg) }, m.opts)
}

// Key returns the key under which the result for arg is cached.
func (m *Memo[K, V]) Key(arg K) string { return m.key(arg) }

// Invalidate forgets the results for args, as Cache.Delete does.
func (m *Memo[K, V]) Invalidate(ctx context.Context, args ...K) error {
	keys := make([]string, len(args))
	for i, arg := range args {
		keys[i] = m.key(arg)
	}
	return m.cache.Delete(ctx, keys...)
}

// Uncached calls the function without the cache.
func (m *Memo[K, V]) Uncached(ctx context.Context, arg K) (V, error) { return m.fn(ctx, arg) }
