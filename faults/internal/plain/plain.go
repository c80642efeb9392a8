// Package plain is the cache that is written when there is no library at hand: a map in front of Redis, DEL and PUBLISH on a
// write, and a subscription that deletes what it is told. It is the baseline: the harness has to find it wanting.
package plain

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tiercache/tiercache"
)

// A Cache is a map over Redis. All methods may be called by many goroutines at once.
type Cache[V any] struct {
	rdb   redis.UniversalClient
	name  string
	ttl   time.Duration // in Redis
	valid func(key string, v V) error
	sub   *redis.PubSub
	ended chan struct{} // closed when the subscription has ended

	mu     sync.RWMutex
	values map[string]V // guarded by mu
}

// New returns a cache. Values that valid refuses are loaded again.
func New[V any](rdb redis.UniversalClient, name string, ttl time.Duration, valid func(key string, v V) error) *Cache[V] {
	c := &Cache[V]{
		rdb: rdb, name: name, ttl: ttl, valid: valid,
		sub:    rdb.Subscribe(context.Background(), name),
		ended:  make(chan struct{}),
		values: make(map[string]V),
	}
	go func() {
		defer close(c.ended)
		for m := range c.sub.Channel() {
			c.forget(m.Payload)
		}
	}()
	return c
}

// Lookup returns the value of key from the map, from Redis, or from load, and the name of where it was. It has the options of a
// tiercache.Cache and ignores them.
func (c *Cache[V]) Lookup(ctx context.Context, key string, load tiercache.Loader[V], _ ...tiercache.CallOption) (tiercache.Result[V], error) {
	c.mu.RLock()
	v, ok := c.values[key]
	c.mu.RUnlock()
	if ok {
		return tiercache.Result[V]{Value: v, Found: true, Tier: "map"}, nil
	}
	if data, err := c.rdb.Get(ctx, c.name+":"+key).Bytes(); err == nil {
		var v V
		if json.Unmarshal(data, &v) == nil && c.valid(key, v) == nil {
			c.remember(key, v)
			return tiercache.Result[V]{Value: v, Found: true, Tier: "Redis"}, nil
		}
	}
	v, err := load(ctx, key)
	if err != nil {
		return tiercache.Result[V]{}, err
	}
	if data, err := json.Marshal(v); err == nil {
		_ = c.rdb.Set(ctx, c.name+":"+key, data, c.ttl).Err() // a miss next time
	}
	c.remember(key, v)
	return tiercache.Result[V]{Value: v, Found: true, Loaded: true}, nil
}

// Delete removes keys from Redis and from the maps of all instances that listen.
func (c *Cache[V]) Delete(ctx context.Context, keys ...string) error {
	for _, key := range keys {
		if err := c.rdb.Del(ctx, c.name+":"+key).Err(); err != nil {
			return err
		}
		c.forget(key)
		if err := c.rdb.Publish(ctx, c.name, key).Err(); err != nil {
			return err
		}
	}
	return nil
}

// Close ends the subscription.
func (c *Cache[V]) Close() error {
	err := c.sub.Close()
	<-c.ended
	return err
}

func (c *Cache[V]) remember(key string, v V) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.values[key] = v
}

func (c *Cache[V]) forget(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.values, key)
}
