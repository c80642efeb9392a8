package redisbus_test

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tiercache/tiercache/invalidate"
	"github.com/tiercache/tiercache/invalidate/redisbus"
)

// often makes a bus poll so often that tests need not wait.
func often(c *redisbus.Config) { c.Bound, c.PollInterval = 3*time.Second, 30*time.Millisecond }

// seldom leaves it to poll when it has a reason to.
func seldom(c *redisbus.Config) { c.Bound = time.Hour }

// logOf returns the key of the log of a partition.
func logOf(p int) string { return fmt.Sprintf("tiercache:events:{%d}", p) }

// keyIn returns a key of a partition of the cache that deletion names. Different n give different keys.
func keyIn(p, n int) string {
	for i := 0; ; i++ {
		if key := fmt.Sprintf("k%d-%d", n, i); invalidate.Partition("c", key) == p {
			return key
		}
	}
}

var lastNonce atomic.Uint64

func nonce() string { return fmt.Sprintf("%016x", lastNonce.Add(1)) }

// lose enters an event into the log of p of which no message is sent.
func lose(t *testing.T, rdb client, p int) {
	t.Helper()
	pipe := rdb.TxPipeline()
	pipe.HIncrBy(t.Context(), logOf(p), "n", 1)
	pipe.HSet(t.Context(), logOf(p), "x", nonce())
	if _, err := pipe.Exec(t.Context()); err != nil {
		t.Fatalf("enter an event into %s: %v", logOf(p), err)
	}
}

// loseKept does so with an event of key that is kept in the replay log.
func loseKept(t *testing.T, rdb client, p int, key string) {
	t.Helper()
	e, prev := field(t, rdb, p, "e"), field(t, rdb, p, "x")
	lose(t, rdb, p)
	n, x := field(t, rdb, p, "n"), field(t, rdb, p, "x")
	payload, err := deletion(key).AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	m := fmt.Sprintf("2 %d:%s:%s:%s:%s\n%s", p, e, n, prev, x, payload)
	err = rdb.XAdd(t.Context(), &redis.XAddArgs{Stream: logOf(p) + ":replay", ID: n + "-0", Values: []any{"m", m}}).Err()
	if err != nil {
		t.Fatalf("XADD: %v", err)
	}
}

func field(t *testing.T, rdb client, p int, name string) string {
	t.Helper()
	s, err := rdb.HGet(t.Context(), logOf(p), name).Result()
	if err != nil {
		t.Fatalf("HGET %s %s: %v", logOf(p), name, err)
	}
	return s
}

// setHead puts another head into the log of p.
func setHead(t *testing.T, rdb client, p int, n, x string) {
	t.Helper()
	if err := rdb.HSet(t.Context(), logOf(p), "n", n, "x", x).Err(); err != nil {
		t.Fatalf("HSET: %v", err)
	}
}

// settled waits until l is confirmed and everything that came so far has been looked at: what happens from now on has another cause. It
// returns how often each partition has been dropped.
func (l *listener) settled(t *testing.T, b *redisbus.Bus) (drops [invalidate.Partitions]int) {
	t.Helper()
	l.inPlace(t, 1)
	polls := b.Stats().Polls
	eventually(t, "two polls", func() bool { return b.Stats().Polls >= polls+2 && !l.confirmed().IsZero() })
	for p := range drops {
		drops[p] = l.dropsOf(p)
	}
	return drops
}

// onlyDropped checks that since drops were counted one partition was dropped, and only that one.
func (l *listener) onlyDropped(t *testing.T, drops [invalidate.Partitions]int, p int) {
	t.Helper()
	eventually(t, "the partition is dropped", func() bool { return l.dropsOf(p) > drops[p] })
	drops[p] = l.dropsOf(p)
	l.notDropped(t, drops)
}

func (l *listener) notDropped(t *testing.T, drops [invalidate.Partitions]int) {
	t.Helper()
	for p := range drops {
		if got := l.dropsOf(p); got != drops[p] {
			t.Errorf("partition %d was dropped %d times, want %d", p, got, drops[p])
		}
	}
}

// confirmedSince waits until a poll that began after now has confirmed everything.
func (l *listener) confirmedSince(t *testing.T, b *redisbus.Bus) {
	t.Helper()
	now := time.Now()
	eventually(t, "a later poll confirms", func() bool { return l.confirmed().Add(-b.Bound()).After(now) })
}

// A valve is between a client and its server: it can swallow attempts to subscribe, or hold up new connections.
type valve struct {
	deaf atomic.Bool // what asks for a subscription, and pings, are swallowed
	mu   sync.RWMutex
}

// shut makes new connections wait until open is called.
func (v *valve) shut() { v.mu.Lock() }
func (v *valve) open() { v.mu.Unlock() }

// install makes o use v.
func (v *valve) install(o *redis.Options) {
	addr := o.Addr
	o.Dialer = func(ctx context.Context, network, _ string) (net.Conn, error) {
		v.mu.RLock()
		defer v.mu.RUnlock()
		conn, err := new(net.Dialer).DialContext(ctx, network, addr)
		return &valveConn{Conn: conn, valve: v}, err
	}
}

type valveConn struct {
	net.Conn
	valve *valve
}

func (c *valveConn) Write(p []byte) (int, error) {
	if c.valve.deaf.Load() && (strings.Contains(string(p), "subscribe") || strings.Contains(string(p), "ping")) {
		return len(p), nil
	}
	return c.Conn.Write(p)
}

// A tally is a hook that counts what a client asks for, and can hold it up or refuse it.
type tally struct {
	mu       sync.Mutex
	trips    int            // guarded by mu; commands and pipelines
	commands map[string]int // guarded by mu; commands alone and in pipelines
	before   func(cmds []redis.Cmder) error
	after    func()
}

func (y *tally) DialHook(next redis.DialHook) redis.DialHook { return next }

func (y *tally) note(cmds []redis.Cmder) error {
	y.mu.Lock()
	y.trips++
	for _, cmd := range cmds {
		if y.commands == nil {
			y.commands = make(map[string]int)
		}
		y.commands[cmd.Name()]++
	}
	before := y.before
	y.mu.Unlock()
	if before != nil {
		return before(cmds)
	}
	return nil
}

func (y *tally) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if err := y.note([]redis.Cmder{cmd}); err != nil {
			cmd.SetErr(err)
			return err
		}
		err := next(ctx, cmd)
		if y.after != nil {
			y.after()
		}
		return err
	}
}

func (y *tally) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		if err := y.note(cmds); err != nil {
			for _, cmd := range cmds {
				cmd.SetErr(err)
			}
			return err
		}
		err := next(ctx, cmds)
		if y.after != nil {
			y.after()
		}
		return err
	}
}

// take returns the counts, and begins anew.
func (y *tally) take() (trips int, commands map[string]int) {
	y.mu.Lock()
	defer y.mu.Unlock()
	trips, commands = y.trips, y.commands
	y.trips, y.commands = 0, nil
	return trips, commands
}

func number(t *testing.T, s string) int {
	t.Helper()
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
