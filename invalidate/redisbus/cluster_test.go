package redisbus_test

import (
	"net"
	"testing"
	"time"

	"github.com/tiercache/tiercache/internal/redistest"
	"github.com/tiercache/tiercache/invalidate"
	"github.com/tiercache/tiercache/invalidate/redisbus"
)

func sharded(c *redisbus.Config) { c.Sharded = true }

// oneOfEach is a deletion of a key of each partition.
func oneOfEach(n int) invalidate.Event {
	e := deletion("")
	e.Keys = nil
	for p := range invalidate.Partitions {
		e.Keys = append(e.Keys, keyIn(p, n))
	}
	return e
}

func (l *listener) hearsAll(t *testing.T, b *redisbus.Bus, e invalidate.Event) {
	t.Helper()
	if err := b.Publish(t.Context(), e); err != nil {
		t.Fatalf("Publish: %v", err)
	}
	for _, key := range e.Keys {
		eventually(t, "each key arrives", func() bool { return l.heard(key) })
	}
}

func TestClusterGetsAnEventByPartition(t *testing.T) {
	c := redistest.Cluster(t)
	heard := newBus(t, c.Client(), often)
	l := listen(t, heard)
	drops := l.settled(t, heard)
	rdb := c.Client()
	y := counted(rdb)
	b := newBus(t, rdb, often)
	l.hearsAll(t, b, oneOfEach(0))
	y.take()
	received := heard.Stats().Received
	l.hearsAll(t, b, oneOfEach(1))
	if trips, commands := y.take(); trips != 1 || commands["evalsha"] != 16 {
		t.Errorf("an event of 16 partitions took %d round trips with %v, want one pipeline of 16", trips, commands)
	}
	if got := heard.Stats().Received - received; got != 16 {
		t.Errorf("it came as %d messages, want 16", got)
	}
	l.hears(t, b, keyIn(3, 2))
	if trips, commands := y.take(); trips != 1 || commands["evalsha"] != 1 {
		t.Errorf("an event of one partition took %d round trips with %v, want one", trips, commands)
	}
	l.confirmedSince(t, heard)
	l.notDropped(t, drops)
}

func TestScriptIsMissingOnOneNode(t *testing.T) {
	c := redistest.Cluster(t)
	b := newBus(t, c.Client(), often)
	l := listen(t, b)
	drops := l.settled(t, b)
	l.hearsAll(t, b, oneOfEach(0))
	for n, node := range c.Nodes() {
		if err := node.Client().ScriptFlush(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		l.hearsAll(t, b, oneOfEach(1+n))
	}
	l.confirmedSince(t, b)
	l.notDropped(t, drops)
}

// A move is that of the slot of a log from one node to another.
type move struct {
	c        *redistest.ClusterServer
	slot     int64
	from, to int
	ids      []string
}

// moving prepares the move of the slot of partition p.
func moving(t *testing.T, c *redistest.ClusterServer, p int) *move {
	t.Helper()
	m := &move{c: c, from: -1}
	for i, n := range c.Nodes() {
		rdb := n.Client()
		id, err := rdb.Do(t.Context(), "cluster", "myid").Text()
		if err != nil {
			t.Fatal(err)
		}
		m.ids = append(m.ids, id)
		m.slot = rdb.ClusterKeySlot(t.Context(), logOf(p)).Val()
		if err := rdb.HGet(t.Context(), logOf(p), "e").Err(); err == nil {
			m.from = i
		}
	}
	if m.from < 0 {
		t.Fatal("no node has the log")
	}
	m.to = (m.from + 1) % len(m.ids)
	return m
}

func (m *move) setSlot(t *testing.T, node int, what ...any) {
	t.Helper()
	args := append([]any{"cluster", "setslot", m.slot}, what...)
	if err := m.c.Nodes()[node].Client().Do(t.Context(), args...).Err(); err != nil {
		t.Fatalf("%v: %v", args, err)
	}
}

// begin makes the nodes send those who ask for a key that is not there to the other node.
func (m *move) begin(t *testing.T) {
	t.Helper()
	m.setSlot(t, m.to, "importing", m.ids[m.from])
	m.setSlot(t, m.from, "migrating", m.ids[m.to])
}

// keys moves the keys.
func (m *move) keys(t *testing.T) {
	t.Helper()
	rdb := m.c.Nodes()[m.from].Client()
	keys, err := rdb.ClusterGetKeysInSlot(t.Context(), int(m.slot), 100).Result()
	if err != nil || len(keys) == 0 {
		t.Fatalf("keys of slot %d: %v, %v", m.slot, keys, err)
	}
	host, port, _ := net.SplitHostPort(m.c.Nodes()[m.to].Addr())
	for _, key := range keys {
		if err := rdb.Do(t.Context(), "migrate", host, port, key, 0, 5000).Err(); err != nil {
			t.Fatalf("MIGRATE: %v", err)
		}
	}
}

// end gives the slot to the other node.
func (m *move) end(t *testing.T) {
	t.Helper()
	for _, node := range []int{m.to, m.from, 3 - m.to - m.from} {
		m.setSlot(t, node, "node", m.ids[m.to])
	}
}

func TestLogMovesToAnotherNode(t *testing.T) {
	for _, c := range []struct {
		name   string
		config func(*redisbus.Config)
		moves  bool // the subscription as well
	}{
		{"one channel", often, false},
		{"shard channels", sharded, true},
		{"with a replay log", replay, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			cluster := redistest.Cluster(t)
			b := newBus(t, cluster.Client(), often, c.config)
			l := listen(t, b)
			l.settled(t, b)
			l.hearsAll(t, b, oneOfEach(0))
			m := moving(t, cluster, 3)
			m.begin(t)
			publish := func(n int) {
				t.Helper()
				if err := b.Publish(t.Context(), oneOfEach(n)); err != nil {
					t.Errorf("Publish: %v", err)
				}
				l.confirmedSince(t, b)
			}
			publish(1)
			m.keys(t)
			publish(2)
			m.end(t)
			publish(3)
			if c.moves {
				eventually(t, "the subscription has moved as well", func() bool { return b.Stats().Connected && b.Stats().Subscribed > 16 })
			}
			l.hearsAll(t, b, oneOfEach(4))
			l.confirmedSince(t, b)
			if got := b.Stats(); got.Diverged != 0 || got.PublishErrors != 0 {
				t.Errorf("Stats() = %+v, want no log that is another one, and no errors", got)
			}
		})
	}
}

func TestShardChannels(t *testing.T) {
	single := redistest.Single(t)
	cluster := redistest.Cluster(t)
	for _, c := range []struct {
		name string
		rdb  func() client
	}{
		{"single", func() client { return single.Client() }},
		{"cluster", func() client { return cluster.Client() }},
	} {
		t.Run(c.name, func(t *testing.T) {
			rdb := c.rdb()
			y := counted(rdb)
			b := newBus(t, rdb, often, sharded)
			l := listen(t, b)
			drops := l.settled(t, b)
			l.hearsAll(t, b, oneOfEach(0))
			l.hears(t, b, keyIn(3, 1))
			if got := b.Stats(); got.Subscribed != 16 || got.Received != 17 {
				t.Errorf("Stats() = %+v, want 16 subscriptions and 17 messages", got)
			}
			y.take()
			if err := b.Publish(t.Context(), invalidate.Event{Op: invalidate.Clear, Cache: "c"}); err != nil {
				t.Errorf("Publish: %v", err)
			}
			eventually(t, "a clear comes by each channel", func() bool { return b.Stats().Received == 33 })
			lose(t, rdb, 3)
			l.onlyDropped(t, drops, 3)
			l.confirmedSince(t, b)
			l.end(t)
			if b.Stats().Connected {
				t.Error("Stats().Connected is true after the last subscription")
			}
		})
	}
}

// A node that is silent, or gone, holds up its own logs. Those of the others are confirmed.
func TestClusterConfirmsWhatAnswers(t *testing.T) {
	for _, c := range []struct {
		name string
		fail func(*redistest.Server)
	}{{"silent", (*redistest.Server).Pause}, {"gone", (*redistest.Server).Stop}} {
		t.Run(c.name, func(t *testing.T) {
			cluster := redistest.Cluster(t)
			b := newBus(t, cluster.Client(), often, func(c *redisbus.Config) { c.Timeout = 200 * time.Millisecond })
			l := listen(t, b)
			l.settled(t, b)
			m := moving(t, cluster, 3)
			c.fail(cluster.Nodes()[m.from])
			failed := b.Stats().PollErrors
			eventually(t, "a poll fails", func() bool { return b.Stats().PollErrors > failed })
			until := l.untilOf(3)
			eventually(t, "the logs of the other nodes are confirmed", func() bool {
				confirmed := 0
				for p := range invalidate.Partitions {
					if l.untilOf(p).After(until.Add(time.Second)) {
						confirmed++
					}
				}
				return confirmed >= 8
			})
			if l.untilOf(3) != until {
				t.Error("a log is confirmed whose node does not answer")
			}
		})
	}
}
