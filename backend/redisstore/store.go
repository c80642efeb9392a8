package redisstore

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tiercache/tiercache/backend"
)

// A Config says how a Store treats its client. The zero Config is ready to use.
type Config struct {
	// Timeout is the longest that any call takes. 0 means 250 ms.
	Timeout time.Duration
	// AllowReplicaReads accepts a cluster client that reads from replicas. A replica lags behind its master, so a read may
	// return what a Delete that has succeeded has removed: consistency is then up to the caller.
	AllowReplicaReads bool
}

const defaultTimeout = 250 * time.Millisecond

// A Store is a backend.Backend in Redis. All methods may be called by many goroutines at once. It starts no
// goroutine that outlives its work, so it needs no Close; the client stays the caller's.
//
// Errors name the operation and the key, and are context.DeadlineExceeded when the time was up. Methods with many keys name
// the first one that failed.
type Store struct {
	rdb     redis.UniversalClient
	traits  traits
	timeout time.Duration
	reads   batcher
	clock   timekeeper
}

var (
	_ backend.Batcher = (*Store)(nil)
	_ backend.Leaser  = (*Store)(nil)
	_ backend.Locator = (*Store)(nil)
	_ backend.Clock   = (*Store)(nil)
)

// New returns a Store on rdb, a *redis.Client, *redis.ClusterClient or *redis.Ring. It sends nothing yet.
//
// It refuses a cluster client that may read from replicas, see Config. A client made by redis.NewFailoverClient with
// ReplicaOnly cannot be told from one of a master: do not use it here.
func New(rdb redis.UniversalClient, cfg Config) (*Store, error) {
	if cfg.Timeout < 0 {
		return nil, fmt.Errorf("redisstore: negative Timeout %v", cfg.Timeout)
	}
	traits, err := inspect(rdb)
	if err != nil {
		return nil, err
	}
	if traits.replicas && !cfg.AllowReplicaReads {
		return nil, errors.New("redisstore: the client reads from replicas (ReadOnly, RouteByLatency or RouteRandomly), which may be stale; see AllowReplicaReads")
	}
	s := &Store{rdb: rdb, traits: traits, timeout: cfg.Timeout}
	if s.timeout == 0 {
		s.timeout = defaultTimeout
	}
	s.reads.init(s.timeout, s.read)
	s.clock.local, s.clock.ask = localTime, s.askTime
	return s, nil
}

// Get implements backend.Backend. A key that holds something else than a string is an error, or, in a
// batch on a single server, absent.
func (s *Store) Get(ctx context.Context, key string) (value []byte, ok bool, err error) {
	if err := ctx.Err(); err != nil {
		return nil, false, fail("get", key, err)
	}
	r := s.reads.get(ctx, key)
	if r.err != nil {
		return nil, false, fail("get", key, r.err)
	}
	return r.value, r.value != nil, nil
}

// Set implements backend.Backend. It is not repeated when a connection breaks: it might arrive after what was sent later.
func (s *Store) Set(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	if ttl < 0 {
		return fail("set", key, negative(ttl))
	}
	value = s.keep(value)
	_, err := bounded(ctx, s, func(ctx context.Context) (struct{}, error) {
		args := []any{"set", key, value}
		if ttl > 0 {
			args = append(args, "px", roundUp(ttl).Milliseconds())
		}
		return struct{}{}, once{s.rdb}.send(ctx, redis.NewCmd(ctx, args...)).Err()
	})
	if err != nil {
		return fail("set", key, err)
	}
	return nil
}

// Locate implements backend.Locator. The store is the client that New was given.
func (s *Store) Locate(key string) (store any, name string) { return s.rdb, key }

// roundUp returns ttl in whole milliseconds, which is what Redis counts in.
func roundUp(ttl time.Duration) time.Duration {
	ms := ttl.Truncate(time.Millisecond)
	if ms < ttl && ms <= math.MaxInt64-time.Millisecond { // else the 0.8 ms are lost, in 292 years
		ms += time.Millisecond
	}
	return ms
}

func negative(ttl time.Duration) error { return fmt.Errorf("negative ttl %v", ttl) }
