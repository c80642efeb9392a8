package tier_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tiercache/tiercache/backend"
	"github.com/tiercache/tiercache/internal/envelope"
	"github.com/tiercache/tiercache/internal/redistest"
	"github.com/tiercache/tiercache/tier"
)

// A clocked is a store whose clock is ahead of ours, or cannot be told.
type clocked struct {
	*backend.Memory
	ahead time.Duration
	err   error
}

func (c clocked) Now(context.Context) (time.Time, error) {
	if c.err != nil {
		return time.Time{}, c.err
	}
	return time.Now().Add(c.ahead), nil
}

// wantStamp checks a point of time in a record against the clock of its store, to the millisecond.
func wantStamp(t *testing.T, what string, got int64, b clocked, ago time.Duration) {
	t.Helper()
	if want := time.Now().Add(b.ahead - ago).UnixMilli(); got != want {
		t.Errorf("%s is %d ms off the time of the store", what, got-want)
	}
}

func head(t *testing.T, b clocked, key string) envelope.Head {
	t.Helper()
	h, err := envelope.ParseHead(raw(t, b, key))
	if err != nil {
		t.Fatalf("ParseHead() = %v, want nil", err)
	}
	return h
}

// However far our clock is off that of the store, all points of time in records are its own, and all ages are right.
func TestRecordsKeepTheTimeOfTheStore(t *testing.T) {
	for _, ahead := range []time.Duration{time.Hour, -time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			b := clocked{Memory: backend.NewMemory(), ahead: ahead}
			r, other := texts(t, b), texts(t, backend.Prefix(b, ""))
			r.set(fresh("k", "v"))
			h, _, err := envelope.Parse(raw(t, b, "k"))
			if err != nil {
				t.Fatalf("Parse() = %v, want nil", err)
			}
			wantStamp(t, "the time of the record", h.Created, b, 0)
			time.Sleep(40 * time.Second)
			wantLife(t, other.get("k"), 20*time.Second, time.Hour-40*time.Second)

			if err := r.Expire(t.Context(), "k"); err != nil {
				t.Fatalf("Expire() = %v, want nil", err)
			}
			wantStamp(t, "the time since which it is stale", head(t, b, "k").Since(), b, 0)
			time.Sleep(10 * time.Second)
			wantLife(t, other.get("k"), -10*time.Second, time.Hour-50*time.Second)

			r.lease("k")
			wantStamp(t, "the end of the lease", head(t, b, "k").Deadline, b, -leaseFor)
			time.Sleep(leaseFor - time.Millisecond)
			other.wantLeased("k")
			time.Sleep(time.Millisecond)
			release(t, other.lease("k"))
		})
	}
}

// The store is asked for nothing else, and nothing is lost.
func TestAStoreThatCannotTellItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := clocked{Memory: backend.NewMemory(), err: errors.New("not now")}
		r := texts(t, b)
		r.set(fresh("k", "v"))
		time.Sleep(40 * time.Second)
		wantLife(t, r.get("k"), 20*time.Second, time.Hour-40*time.Second)
	})
}

// What is copied to a nearer tier ends no later than the record does in the store, to the nanosecond.
func TestACopyEndsBeforeItsRecord(t *testing.T) {
	for range 50 {
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(rand.N(time.Second))
			b := clocked{Memory: backend.NewMemory(), ahead: rand.N(2*time.Hour) - time.Hour}
			r := texts(t, b)
			e := fresh("k", "v")
			lives := 20*time.Millisecond + rand.N(time.Minute)
			e.FreshUntil = tier.Now().Add(rand.N(2*time.Minute) - time.Minute)
			e.ExpiresAt = tier.Now().Add(lives)
			r.set(e)
			time.Sleep(rand.N(lives - 3*time.Millisecond)) // three times something is rounded down
			c := r.get("k")
			if c == nil {
				t.Fatal("no entry")
			}
			if c.ExpiresAt > e.ExpiresAt || c.FreshUntil > e.FreshUntil {
				t.Errorf("the copy is fresh for %v and served for %v longer than what was set", c.FreshUntil.Sub(e.FreshUntil), c.ExpiresAt.Sub(e.ExpiresAt))
			}
			time.Sleep(c.ExpiresAt.Sub(tier.Now()) - 1)
			if raw(t, b, "k") == nil {
				t.Errorf("the record is gone before the copy ends")
			}
		})
	}
}

// A tally is a hook that counts the commands that concern the cache, pipelines of them as one.
type tally struct{ n atomic.Int32 }

func (c *tally) DialHook(next redis.DialHook) redis.DialHook { return next }

func (c *tally) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if cmd.Name() != "hello" {
			c.n.Add(1)
		}
		return next(ctx, cmd)
	}
}

func (c *tally) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		if cmds[0].Name() != "client" { // go-redis introduces itself
			c.n.Add(1)
		}
		return next(ctx, cmds)
	}
}

func (c *tally) wantSent(t *testing.T, what string, want int32) {
	t.Helper()
	if got := c.n.Swap(0); got != want {
		t.Errorf("%s: %d commands, want %d", what, got, want)
	}
}

func TestTheTimeOfRedisCostsOneRoundTripInAll(t *testing.T) {
	for _, off := range []time.Duration{time.Hour, -time.Hour} {
		m, rdb := redistest.Mini(t)
		m.SetTime(time.Now().Add(off))
		count := new(tally)
		rdb.AddHook(count)
		r := texts(t, onRedis(t, rdb))
		r.set(fresh("k", "v"))
		fill(t, r.lease("other"), fresh("other", "v"), true) // now all scripts are known as well
		count.n.Store(0)

		e := wantText(r, "k", "v")
		count.wantSent(t, "a hit", 1)
		if left := e.FreshUntil.Sub(tier.Now()); left > time.Minute || left < time.Minute-patience {
			t.Errorf("fresh for %v with a clock that is %v off, want about a minute", left, -off)
		}
		r.wantMiss("absent")
		count.wantSent(t, "a miss", 1)
		l := r.lease("absent")
		count.wantSent(t, "a lease", 1)
		fill(t, l, fresh("absent", "v"), true)
		count.wantSent(t, "a fill", 1)
		r.set(fresh("k", "v"))
		count.wantSent(t, "a set", 1)
	}
}
