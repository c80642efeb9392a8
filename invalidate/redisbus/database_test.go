package redisbus_test

import (
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/tiercache/tiercache/internal/redistest"
	"github.com/tiercache/tiercache/invalidate/redisbus"
)

// Channels are common to all databases of a server, and logs are not.
func TestDatabasesAndChannelsDoNotDisturbEachOther(t *testing.T) {
	s := redistest.Single(t)
	for _, c := range []struct {
		name     string
		database int
		config   func(*redisbus.Config)
	}{
		{"database", 1, often},
		{"database, shard channels", 1, sharded},
		{"channel", 0, func(c *redisbus.Config) { c.Channel = "other" }},
		{"channel, shard channels", 0, func(c *redisbus.Config) { c.Sharded = true; c.Channel = "other" }},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.Client().FlushAll(t.Context())
			shared := func(cfg *redisbus.Config) { c.config(cfg); cfg.Channel = "" }
			mine := newBus(t, s.Client(), often, shared)
			other := newBus(t, s.Client(func(o *redis.Options) { o.DB = c.database }), often, c.config)
			l, k := listen(t, mine), listen(t, other)
			drops, others := l.settled(t, mine), k.settled(t, other)
			for n := range 5 {
				l.hears(t, mine, keyIn(3, n))
				k.hears(t, other, keyIn(3, 100+n))
			}
			l.confirmedSince(t, mine)
			k.confirmedSince(t, other)
			l.notDropped(t, drops)
			k.notDropped(t, others)
			if l.heard(keyIn(3, 100)) || k.heard(keyIn(3, 0)) {
				t.Error("an event has come to the other")
			}
			if got := mine.Stats(); got.Received != 5 || got.Gaps+got.Behind+got.Diverged != 0 {
				t.Errorf("Stats() = %+v, want 5 messages and no loss", got)
			}
		})
	}
}
