package instance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tiercache/tiercache"
	"github.com/tiercache/tiercache/backend/redisstore"
	"github.com/tiercache/tiercache/codec"
	"github.com/tiercache/tiercache/faults/internal/plain"
	"github.com/tiercache/tiercache/invalidate/redisbus"
	"github.com/tiercache/tiercache/tier"
)

// A subject is the cache under test. All methods may be called by many goroutines at once.
type subject interface {
	Lookup(ctx context.Context, key string, load tiercache.Loader[Value], opts ...tiercache.CallOption) (tiercache.Result[Value], error)
	Delete(ctx context.Context, keys ...string) error
	Close() error
}

// A waiter is a subject that can wait until no instance serves what was deleted.
type waiter interface {
	DeleteWait(ctx context.Context, keys ...string) error
}

var _ waiter = (*tiercache.Cache[Value])(nil)

// Entries live longer than any fault, so that none of them is repaired by time. A lease does not, so that an instance that
// is paused while it loads does not keep the others from loading for long.
const (
	ttl      = 10 * time.Minute
	leaseFor = time.Second
)

// nearBytes is less than all keys need, so that some are read from Redis again and again.
const nearBytes = 4 << 20

// open makes the cache under test, and the functions that return its counters and those of its bus.
func open(cfg Config, rdb redis.UniversalClient) (s subject, stats, bus func() map[string]uint64, err error) {
	none := func() map[string]uint64 { return nil }
	if cfg.Mode == Plain {
		return plain.New(rdb, CacheName, ttl, validate), none, none, nil
	}
	store, err := redisstore.New(rdb, redisstore.Config{Timeout: cfg.Timeout})
	if err != nil {
		return nil, nil, nil, err
	}
	b, err := redisbus.New(rdb, redisbus.Config{Bound: cfg.Bound, PollInterval: cfg.Poll, Timeout: cfg.Timeout})
	if err != nil {
		return nil, nil, nil, err
	}
	c, err := tiercache.New(tiercache.Config[Value]{
		Name: CacheName,
		Tiers: []tier.Tier[Value]{
			tier.Memory[Value](tier.MemoryConfig{MaxBytes: nearBytes}),
			tier.Remote[Value](store, codec.MsgPack{}),
		},
		Bus:     b,
		Profile: tiercache.Profile{TTL: ttl, LeaseFor: leaseFor},
	})
	if err != nil {
		return nil, nil, nil, err
	}
	return c, func() map[string]uint64 { return numbers(c.Stats()) }, func() map[string]uint64 { return numbers(b.Stats()) }, nil
}

// openFar returns what Redis has: a cache of the same name without a near tier.
func openFar(cfg Config, rdb redis.UniversalClient) (*tiercache.Cache[Value], error) {
	store, err := redisstore.New(rdb, redisstore.Config{Timeout: 5 * time.Second})
	if err != nil {
		return nil, err
	}
	return tiercache.New(tiercache.Config[Value]{
		Name:    CacheName,
		Tiers:   []tier.Tier[Value]{tier.Remote[Value](store, codec.MsgPack{})},
		Profile: tiercache.Profile{TTL: ttl},
	})
}

// validate says why v is not the value of key.
func validate(key string, v Value) error {
	if len(v.Fill) != fillSize {
		return fmt.Errorf("value of %s has %d bytes", key, len(v.Fill))
	}
	return nil
}

// isSource reports whether err is one that the source has returned or panicked with.
func isSource(err error) bool { return errors.Is(err, errSource) }

// numbers returns the fields of a struct that are whole numbers, those of its Tiers as near.X and far.X.
func numbers(stats any) map[string]uint64 {
	text, err := json.Marshal(stats)
	if err != nil {
		return nil // no struct of counters
	}
	var fields map[string]any
	if err := json.Unmarshal(text, &fields); err != nil {
		return nil
	}
	all := make(map[string]uint64)
	collect(all, "", fields)
	if tiers, ok := fields["Tiers"].([]any); ok && len(tiers) == 2 {
		for i, prefix := range []string{"near.", "far."} {
			if t, ok := tiers[i].(map[string]any); ok {
				collect(all, prefix, t)
			}
		}
	}
	return all
}

func collect(all map[string]uint64, prefix string, fields map[string]any) {
	for name, v := range fields {
		if n, ok := v.(float64); ok && n >= 0 {
			all[prefix+name] = uint64(n)
		}
	}
}
