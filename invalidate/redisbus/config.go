package redisbus

import (
	"fmt"
	"time"
)

// Config says how a Bus uses Redis. The zero Config is ready to use.
type Config struct {
	// Channel is the pub/sub channel, and the beginning of the keys of the log. All processes that share caches must name the
	// same one, and use the same database. The default is "tiercache:events".
	Channel string
	// Bound is the time within which every process learns of an acknowledged event, or stops trusting what it has. All
	// processes should have the same. The default is 3 s.
	Bound time.Duration
	// PollInterval is how often the log of events is compared with what the subscription has delivered: at most a third of Bound,
	// which is the default, and at least 1 ms.
	PollInterval time.Duration
	// Timeout is the longest that Publish and a poll take. The default is 250 ms.
	Timeout time.Duration
	// StrictPoll makes a poll write to the log, so that a master that has lost its replicas, and refuses writes for that reason
	// (min-replicas-to-write), confirms nothing.
	StrictPoll bool
	// Replicas is how many replicas must have confirmed an event before Publish returns nil (WAIT); in a cluster, the log of it. They have
	// half of Timeout for that. It makes it less likely that a failover loses events, and cannot rule it out. 0 means none.
	Replicas int
	// ReplayLog is how many events of each partition Redis keeps, about, so that a process that has missed some can fetch them
	// instead of dropping the partition. Only the hit ratio depends on it. 0 means none. All processes must have the same.
	ReplayLog int
	// Sharded uses shard channels, one and one connection for each partition, so that in a cluster an event goes only to the nodes that
	// serve its log. It needs Redis 7. All processes must have the same.
	Sharded bool
	// Coalesce is how long an event with few keys may wait for others, to be published with them as one. An
	// acknowledgement takes longer by as much. 0 means not at all.
	Coalesce time.Duration
	// PingInterval is how often the subscription is pinged. The default is 1 s.
	PingInterval time.Duration
	// PingTimeout is how long the subscription may be silent, for all those pings, before it counts as
	// dead. It must be longer than PingInterval. The default is 3 s, or three times PingInterval if that is longer.
	PingTimeout time.Duration
	// OnError is told why the subscription was interrupted or could not be made, why polls have begun to fail, and which message
	// made no sense; the bus goes on by itself. It may be called by several goroutines at once, and must not block. It may be nil.
	OnError func(error)
}

// withDefaults returns c with every field set, or an error that names the field that is wrong.
func (c Config) withDefaults() (Config, error) {
	for _, f := range []struct {
		name  string
		value time.Duration
	}{{"Bound", c.Bound}, {"PollInterval", c.PollInterval}, {"Timeout", c.Timeout}, {"PingInterval", c.PingInterval}, {"PingTimeout", c.PingTimeout}, {"Coalesce", c.Coalesce}} {
		if f.value < 0 {
			return c, fmt.Errorf("redisbus: Config.%s is negative: %v", f.name, f.value)
		}
	}
	if c.Replicas < 0 || c.ReplayLog < 0 {
		return c, fmt.Errorf("redisbus: Config.Replicas (%d) and ReplayLog (%d) must not be negative", c.Replicas, c.ReplayLog)
	}
	if c.Channel == "" {
		c.Channel = "tiercache:events"
	}
	if c.Bound == 0 {
		c.Bound = 3 * time.Second
	}
	if c.PollInterval == 0 {
		c.PollInterval = c.Bound / 3
	}
	if c.PollInterval > c.Bound/3 {
		return c, fmt.Errorf("redisbus: Config.PollInterval %v is more than a third of Bound %v", c.PollInterval, c.Bound)
	}
	if c.PollInterval < time.Millisecond {
		return c, fmt.Errorf("redisbus: Config.PollInterval %v, or a third of Bound %v, is less than 1ms", c.PollInterval, c.Bound)
	}
	if c.Timeout == 0 {
		c.Timeout = 250 * time.Millisecond
	}
	if c.PingInterval == 0 {
		c.PingInterval = time.Second
	}
	if c.PingTimeout == 0 {
		c.PingTimeout = max(3*time.Second, 3*c.PingInterval)
	}
	if c.PingTimeout <= c.PingInterval {
		return c, fmt.Errorf("redisbus: Config.PingTimeout %v is not longer than PingInterval %v", c.PingTimeout, c.PingInterval)
	}
	if c.OnError == nil {
		c.OnError = func(error) {}
	}
	return c, nil
}
