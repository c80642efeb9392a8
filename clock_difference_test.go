package tiercache_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiercache/tiercache"
	"github.com/tiercache/tiercache/backend"
	"github.com/tiercache/tiercache/backend/redisstore"
	"github.com/tiercache/tiercache/codec"
	"github.com/tiercache/tiercache/internal/redistest"
	"github.com/tiercache/tiercache/tier"
)

// A skewed is a store whose clock is off that of the processes. That is all they can see of a clock of theirs that is wrong.
type skewed struct {
	*backend.Memory
	by time.Duration
}

func (s skewed) Now(context.Context) (time.Time, error) { return time.Now().Add(s.by), nil }

// Two instances, one of which stores and the other reads, with clocks that are wrong by an hour: lifetimes are those of the profile.
func TestLifetimesDoNotDependOnTheWallClock(t *testing.T) {
	for _, off := range []time.Duration{time.Hour, -time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			store := skewed{backend.NewMemory(), off}
			profile := tiercache.Profile{TTL: time.Minute, StaleFor: time.Minute, LoadTimeout: time.Second}
			open := func() *tiercache.Cache[int64] {
				return newCache(t, tiercache.Config[int64]{
					Name:    "c",
					Tiers:   []tier.Tier[int64]{memoryTier[int64](), tier.Remote[int64](store, codec.MsgPack{})},
					Profile: profile,
				})
			}
			writer, reader := open(), open()
			if err := writer.Set(t.Context(), "k", 1); err != nil {
				t.Fatal(err)
			}
			want := func(when string, c *tiercache.Cache[int64], served, loads bool) {
				t.Helper()
				asked := false
				v, err := c.GetOrLoad(t.Context(), "k", func(context.Context, string) (int64, error) {
					asked = true
					return 0, context.DeadlineExceeded
				})
				synctest.Wait() // a stale value does not wait for the load
				if (err == nil) != served || served && v != 1 || asked != loads {
					t.Errorf("%s, with clocks that are %v off: GetOrLoad() = %d, %v, and the source was asked: %t", when, off, v, err, asked)
				}
			}
			time.Sleep(59 * time.Second)
			want("before the TTL ends", reader, true, false) // and now it is in its memory
			time.Sleep(2 * time.Second)
			want("after the TTL", reader, true, true)
			want("after the TTL, in a third instance", open(), true, true)
			want("after the TTL, where it was stored", writer, true, true)
			time.Sleep(time.Minute)
			for _, c := range []*tiercache.Cache[int64]{reader, open(), writer} {
				want("after the end", c, false, true)
			}
		})
	}
}

func TestLifetimesDoNotDependOnTheClockOfRedis(t *testing.T) {
	for _, off := range []time.Duration{time.Hour, -time.Hour} {
		m, rdb := redistest.Mini(t)
		m.SetTime(time.Now().Add(off))
		open := func(ttl time.Duration) *tiercache.Cache[int64] {
			return newCache(t, tiercache.Config[int64]{
				Name:    "c",
				Tiers:   []tier.Tier[int64]{tier.Remote[int64](must(redisstore.New(rdb, redisstore.Config{Timeout: 20 * time.Second})), codec.MsgPack{})},
				Profile: tiercache.Profile{TTL: ttl, LoadTimeout: time.Second},
			})
		}
		for ttl, hit := range map[time.Duration]bool{59 * time.Minute: true, time.Nanosecond: false} {
			if err := open(ttl).Set(t.Context(), "k", 1); err != nil {
				t.Fatal(err)
			}
			if _, ok, err := open(time.Hour).Get(t.Context(), "k"); ok != hit || err != nil {
				t.Errorf("Redis is %v off: Get() = _, %t, %v of a value that lives for %v", off, ok, err, ttl)
			}
		}
	}
}
