// Package layered is tiercache with the usual settings, from one Redis client: values in memory, above
// msgpack in Redis, invalidated over Redis pub/sub.
//
//	layers := layered.New(rdb)
//	defer layers.Close()
//	users, err := layered.Cache[User](layers, "users", tiercache.Standard())
//
// Every cache has 64 MiB of memory. A program that wants other tiers, sizes or codecs calls
// tiercache.New, which takes no more than a Config.
package layered

import (
	"errors"
	"io"
	"sync"

	"github.com/redis/go-redis/v9"

	"github.com/tiercache/tiercache"
	"github.com/tiercache/tiercache/backend/redisstore"
	"github.com/tiercache/tiercache/codec"
	"github.com/tiercache/tiercache/invalidate/redisbus"
	"github.com/tiercache/tiercache/tier"
)

// MemoryBytes is the size of the near tier of every cache.
const MemoryBytes = 64 << 20

// Layers are what the caches of one process share: the client, the store and the bus. All functions and methods may
// be called by many goroutines at once.
type Layers struct {
	store *redisstore.Store
	bus   *redisbus.Bus
	err   error // why there is no store or bus

	mu     sync.Mutex
	closed bool
	caches []io.Closer // to be closed by Close
}

// New prepares the layers of a process over rdb, which may be a client of a single server, of Sentinel or of a cluster, and
// remains the caller's to close. It does not wait for Redis. A client that cannot be used, such as nil, a ring, whose shards have
// no pub/sub channel in common, or one that reads from replicas, is reported by Cache.
func New(rdb redis.UniversalClient) *Layers {
	l := &Layers{}
	var err error
	if l.store, err = redisstore.New(rdb, redisstore.Config{}); err != nil {
		l.err = err
		return l
	}
	l.bus, l.err = redisbus.New(rdb, redisbus.Config{})
	return l
}

// Cache makes a cache of the given name and profile; see tiercache.Config for what is allowed. It may be closed by
// itself, and is closed with l at the latest.
func Cache[V any](l *Layers, name string, profile tiercache.Profile) (*tiercache.Cache[V], error) {
	if l.err != nil {
		return nil, l.err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, tiercache.ErrClosed
	}
	c, err := tiercache.New(tiercache.Config[V]{
		Name: name,
		Tiers: []tier.Tier[V]{
			tier.Memory[V](tier.MemoryConfig{MaxBytes: MemoryBytes}),
			tier.Remote[V](l.store, codec.MsgPack{}),
		},
		Bus:     l.bus,
		Profile: profile,
	})
	if err != nil {
		return nil, err
	}
	l.caches = append(l.caches, c)
	return c, nil
}

// Bus returns the bus of all caches, for its Stats and for caches that tiercache.New makes. It is nil if New was given a client that
// cannot be used.
func (l *Layers) Bus() *redisbus.Bus { return l.bus }

// Close closes every cache and with the last one the bus. A second Close does nothing.
func (l *Layers) Close() error {
	l.mu.Lock()
	caches := l.caches
	l.caches, l.closed = nil, true
	l.mu.Unlock()
	var errs []error
	for _, c := range caches {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}
