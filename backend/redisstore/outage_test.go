package redisstore_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tiercache/tiercache/backend/redisstore"
	"github.com/tiercache/tiercache/internal/redistest"
)

// A deployment is a kind of client with the server that it depends on for the key "k".
type deployment struct {
	rdb    redis.UniversalClient
	server *redistest.Server
}

func deployments(t *testing.T, test func(t *testing.T, d deployment)) {
	one := func(opts ...func(*redis.Options)) func(t *testing.T) deployment {
		return func(t *testing.T) deployment {
			s := redistest.Single(t)
			return deployment{s.Client(opts...), s}
		}
	}
	cluster := func(opts ...func(*redis.ClusterOptions)) func(t *testing.T) deployment {
		return func(t *testing.T) deployment {
			c := redistest.Cluster(t)
			return deployment{c.Client(opts...), c.Nodes()[1]} // the slot of "k" is 7629
		}
	}
	for name, start := range map[string]func(t *testing.T) deployment{
		"Single":              one(),
		"SingleThatObeys":     one(redistest.WithContextTimeout),
		"Cluster":             cluster(),
		"ClusterThatObeys":    cluster(func(o *redis.ClusterOptions) { o.ContextTimeoutEnabled = true }),
		"RingOfOne":           func(t *testing.T) deployment { s := redistest.Single(t); return deployment{ring(t, s), s} },
		"SentinelWithReplica": func(t *testing.T) deployment { s := redistest.Sentinel(t); return deployment{s.Client(), s.Master()} },
	} {
		t.Run(name, func(t *testing.T) { test(t, start(t)) })
	}
}

func TestEveryCallReturnsInTimeWhenTheServerIsStuck(t *testing.T) {
	const timeout = 200 * time.Millisecond
	deployments(t, func(t *testing.T, d deployment) {
		for _, warm := range []bool{false, true} { // whether there are connections already
			s := open(t, d.rdb, redisstore.Config{Timeout: timeout})
			if warm {
				eventually(t, func() error { return s.Set(t.Context(), "k", []byte("v"), 0) })
			}
			d.server.Pause()
			// The calls run at the same time: a sentinel must not have the time to make another server the master.
			var wg sync.WaitGroup
			for range 20 {
				wg.Go(func() { wantInTime(t, s, "Get", timeout) })
			}
			for name := range calls {
				wg.Go(func() { wantInTime(t, s, name, timeout) })
			}
			wg.Wait()
			d.server.Resume()
			eventually(t, func() error {
				_, _, err := s.Get(t.Context(), "k")
				return err
			})
		}
	})
}

func wantInTime(t *testing.T, s *redisstore.Store, name string, timeout time.Duration) {
	begin := time.Now()
	err := calls[name](t.Context(), s)
	if took := time.Since(begin); took > 5*timeout || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%s with a stuck server = %v after %v, want a context.DeadlineExceeded after %v", name, err, took, timeout)
	}
}

func TestTheContextMayEndACallEarlier(t *testing.T) {
	server := redistest.Single(t)
	for _, rdb := range []*redis.Client{server.Client(), server.Client(redistest.WithContextTimeout)} {
		s := open(t, rdb, redisstore.Config{Timeout: 10 * patience})
		if err := s.Set(t.Context(), "k", nil, 0); err != nil {
			t.Fatalf("Set() = %v, want nil", err)
		}
		server.Pause()
		var wg sync.WaitGroup
		for name, call := range calls {
			wg.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
				defer cancel()
				begin := time.Now()
				if err := call(ctx, s); !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) > patience {
					t.Errorf("%s = %v after %v, want the deadline of its context, 50ms", name, err, time.Since(begin))
				}
			})
		}
		wg.Wait()
		server.Resume()
	}
}

func TestACancelledCallReturnsAtOnce(t *testing.T) {
	server := redistest.Single(t)
	s := open(t, server.Client(), redisstore.Config{Timeout: 10 * patience})
	if err := s.Set(t.Context(), "k", nil, 0); err != nil {
		t.Fatalf("Set() = %v, want nil", err)
	}
	server.Pause()
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for range 5 { // two Gets are under way, the others in the queue
		wg.Go(func() {
			if _, _, err := s.Get(ctx, "k"); !errors.Is(err, context.Canceled) {
				t.Errorf("Get = %v, want context.Canceled", err)
			}
		})
	}
	for name, call := range calls {
		wg.Go(func() {
			if err := call(ctx, s); !errors.Is(err, context.Canceled) {
				t.Errorf("%s = %v, want context.Canceled", name, err)
			}
		})
	}
	begin := time.Now()
	cancel()
	wg.Wait()
	if took := time.Since(begin); took > patience {
		t.Errorf("cancelled calls took %v to return", took)
	}
	server.Resume()
}

func TestAServerThatWasDownIsUsedAgain(t *testing.T) {
	server := redistest.Single(t)
	for _, opts := range [][]func(*redis.Options){nil, {redistest.WithContextTimeout}} {
		s := open(t, server.Client(opts...), redisstore.Config{})
		eventually(t, func() error { return s.Set(t.Context(), "k", []byte("v"), 0) })
		server.Stop()
		for name, call := range calls {
			if err := call(t.Context(), s); err == nil {
				t.Errorf("%s without a server = nil, want an error", name)
			}
		}
		server.Restart()
		for name, call := range calls {
			eventually(t, func() error { return call(t.Context(), s) })
			if t.Failed() {
				t.Fatalf("%s does not work after the restart", name)
			}
		}
	}
}

func TestTheCallerMayReuseItsBuffersAfterATimeout(t *testing.T) {
	server := redistest.Single(t)
	s := open(t, server.Client(), redisstore.Config{Timeout: 20 * time.Millisecond})
	eventually(t, func() error { return s.Set(t.Context(), "k", []byte("before"), 0) })
	server.Pause()
	value := make([]byte, 8<<20) // more than the buffers of a socket hold, so that it is still being sent
	if err := s.Set(t.Context(), "k", value, 0); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("Set with a stuck server = %v, want context.DeadlineExceeded", err)
	}
	for i := range value {
		value[i] = '#' // a race, and a mixed value in Redis, if the store still used it
	}
	server.Resume()
	rdb := server.Client()
	eventually(t, func() error {
		got, err := rdb.Get(t.Context(), "k").Bytes()
		switch {
		case err != nil:
			return err
		case len(got) != len(value):
			return errNothing
		}
		for i, b := range got {
			if b != 0 {
				t.Fatalf("byte %d of the value in Redis is %q, which the caller wrote after Set had returned", i, b)
			}
		}
		return nil
	})
}
