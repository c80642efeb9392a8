package redisbus_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/tiercache/tiercache/internal/redistest"
	"github.com/tiercache/tiercache/invalidate/redisbus"
)

// counted is a client of m or s that counts.
func counted(rdb client) *tally {
	y := new(tally)
	rdb.AddHook(y)
	return y
}

// listener in one process, publisher in another one, so that what is counted is the publisher's.
func pair(t *testing.T, change ...func(*redisbus.Config)) (b *redisbus.Bus, rdb *redis.Client, y *tally, l *listener) {
	t.Helper()
	s := redistest.Single(t)
	l = listen(t, newBus(t, s.Client(), change...))
	l.inPlace(t, 1)
	rdb = s.Client()
	y = counted(rdb)
	return newBus(t, rdb, change...), rdb, y, l
}

func TestDeletionAndItsEventAreOneRoundTrip(t *testing.T) {
	b, rdb, y, l := pair(t)
	l.hears(t, b, "warm")
	for _, n := range []int{1, 999, 1000, 1001, 2500} {
		names := make([]string, n)
		for i := range names {
			names[i] = fmt.Sprint("name", i)
			rdb.Set(t.Context(), names[i], "v", 0)
		}
		rdb.Set(t.Context(), "kept", "v", 0)
		y.take()
		key := fmt.Sprint("key", n)
		if err := b.PublishDelete(t.Context(), deletion(key), rdb, names); err != nil {
			t.Fatalf("PublishDelete: %v", err)
		}
		if trips, commands := y.take(); trips != 1 || commands["evalsha"] != 1 {
			t.Errorf("%d names took %d round trips with %v, want one EVALSHA", n, trips, commands)
		}
		eventually(t, "the event arrives", func() bool { return l.heard(key) })
		if got, err := rdb.Exists(t.Context(), append(names, "kept")...).Result(); got != 1 || err != nil {
			t.Errorf("%d keys are left of %d, %v; want only the one that was not named", got, n+1, err)
		}
	}
}

func TestScriptIsLoadedAgain(t *testing.T) {
	b, rdb, _, l := pair(t)
	l.hears(t, b, "one")
	if err := rdb.ScriptFlush(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	rdb.Set(t.Context(), "name", "v", 0)
	if err := b.PublishDelete(t.Context(), deletion("two"), rdb, []string{"name"}); err != nil {
		t.Fatalf("PublishDelete: %v", err)
	}
	eventually(t, "the event arrives", func() bool { return l.heard("two") })
	if got := rdb.Exists(t.Context(), "name").Val(); got != 0 {
		t.Error("the name is still there")
	}
}

func TestDeletionInAnotherStoreIsRefused(t *testing.T) {
	s := redistest.Single(t)
	rdb, other := s.Client(), s.Client()
	c := redistest.Cluster(t)
	cluster := c.Client()
	for _, x := range []struct {
		name   string
		bus    client
		store  any
		config func(*redisbus.Config)
	}{
		{"another client", rdb, other, often},
		{"none", rdb, nil, often},
		{"no client", rdb, "store", often},
		{"shard channels", rdb, rdb, func(c *redisbus.Config) { c.Sharded = true }},
		{"cluster", cluster, cluster, often},
	} {
		t.Run(x.name, func(t *testing.T) {
			rdb.Set(t.Context(), "name", "v", 0)
			b := newBus(t, x.bus, x.config)
			err := b.PublishDelete(t.Context(), deletion("k"), x.store, []string{"name"})
			if !errors.Is(err, errors.ErrUnsupported) {
				t.Errorf("PublishDelete = %v, want ErrUnsupported", err)
			}
			if rdb.Exists(t.Context(), "name").Val() != 1 {
				t.Error("the name was deleted")
			}
			if got := b.Stats(); got.Published+got.PublishErrors != 0 {
				t.Errorf("Stats() = %+v, want nothing counted", got)
			}
		})
	}
}
