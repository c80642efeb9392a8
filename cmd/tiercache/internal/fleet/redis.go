package fleet

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// ParseRedis returns the options for an address, which is host:port or a URL of the scheme redis, rediss or unix.
func ParseRedis(addr string) (*redis.Options, error) {
	if !strings.Contains(addr, "://") {
		return &redis.Options{Addr: addr}, nil
	}
	return redis.ParseURL(addr)
}

// Ping tells whether the server can be used.
func Ping(ctx context.Context, o *redis.Options) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	probe := *o
	probe.MaxRetries = -1
	probe.DialerRetries = 1
	rdb := redis.NewClient(clientOptions(probe, 1))
	defer rdb.Close()
	if err := rdb.Ping(ctx).Err(); err != nil {
		return fmt.Errorf("redis at %s: %w", o.Addr, err)
	}
	return nil
}

// clientOptions returns the options of the client of an instance.
func clientOptions(o redis.Options, workers int) *redis.Options {
	o.ContextTimeoutEnabled = true // the store and the bus set deadlines
	o.PoolSize = max(o.PoolSize, 2*workers+8)
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	return &o
}

// startEmbedded starts a Redis in this process, for the time until stop is called.
func startEmbedded() (o *redis.Options, stop func(), err error) {
	server := miniredis.NewMiniRedis()
	if err := server.Start(); err != nil {
		return nil, nil, fmt.Errorf("embedded redis: %w", err)
	}
	quit, ended := make(chan struct{}), make(chan struct{})
	go func() { // its time stands still unless somebody moves it
		defer close(ended)
		const step = time.Second
		ticker := time.NewTicker(step)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				server.FastForward(step)
			case <-quit:
				return
			}
		}
	}()
	return &redis.Options{Addr: server.Addr()}, func() {
		close(quit)
		<-ended
		server.Close()
	}, nil
}

// cleanUp removes what the run has stored in a server that stays. What it cannot remove expires by itself.
func (r *run) cleanUp() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	rdb := redis.NewClient(clientOptions(*r.redis, 1))
	defer rdb.Close()
	// The name is random, so no other key has it.
	keys := rdb.Scan(ctx, 0, "*"+r.name+"*", 1000).Iterator()
	var batch []string
	remove := func() {
		if len(batch) > 0 {
			rdb.Unlink(ctx, batch...)
			batch = batch[:0]
		}
	}
	for keys.Next(ctx) {
		if batch = append(batch, keys.Val()); len(batch) == 1000 {
			remove()
		}
	}
	remove()
}
