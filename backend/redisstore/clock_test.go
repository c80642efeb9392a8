package redisstore_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tiercache/tiercache/backend"
	"github.com/tiercache/tiercache/internal/redistest"
)

// A tally is a hook that counts how often a server is asked for its time.
type tally struct{ n atomic.Int32 }

func (c *tally) DialHook(next redis.DialHook) redis.DialHook { return next }

func (c *tally) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if cmd.Name() == "time" {
			c.n.Add(1)
		}
		return next(ctx, cmd)
	}
}

func (c *tally) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func TestStoresOfOneServerAgreeOnItsTime(t *testing.T) {
	for _, off := range []time.Duration{time.Hour, -time.Hour} {
		m, rdb := redistest.Mini(t)
		m.SetTime(time.Now().Add(off))
		count := new(tally)
		rdb.AddHook(count)
		for range 2 {
			s := open(t, rdb, patient)
			for range 100 {
				now, err := s.Now(t.Context())
				if err != nil {
					t.Fatalf("Now() = %v, want nil", err)
				}
				if d := now.Sub(time.Now().Add(off)); d.Abs() > patience {
					t.Errorf("Now() is %v off the time of the server", d)
				}
			}
		}
		if n := count.n.Load(); n != 2 {
			t.Errorf("two stores have asked %d times, want 2", n)
		}
	}
}

func TestEveryDeploymentTellsItsTime(t *testing.T) {
	deployments(t, func(t *testing.T, d deployment) {
		s := open(t, d.rdb, patient)
		now, err := s.Now(t.Context())
		if err != nil || time.Until(now).Abs() > patience {
			t.Errorf("Now() = %v, %v, want about the time of this machine", now, err)
		}
	})
}

// Some services forbid the command.
func TestAServerThatKeepsItsTimeToItself(t *testing.T) {
	rdb := redistest.Single(t).Client()
	if err := rdb.Do(t.Context(), "ACL", "SETUSER", "default", "-time").Err(); err != nil {
		t.Fatal(err)
	}
	count := new(tally)
	rdb.AddHook(count)
	s := open(t, rdb, patient)
	for range 10 {
		if now, err := s.Now(t.Context()); err == nil || !now.IsZero() {
			t.Errorf("Now() = %v, %v, want an error", now, err)
		}
	}
	if d := time.Since(backend.Now(t.Context(), s)); d.Abs() > patience {
		t.Errorf("backend.Now() is %v off the time of this machine", d)
	}
	if n := count.n.Load(); n > 3 {
		t.Errorf("it has been asked %d times within a moment, want one", n)
	}
}
