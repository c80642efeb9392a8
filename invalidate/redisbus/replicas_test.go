package redisbus_test

import (
	"errors"
	"testing"
	"time"

	"github.com/tiercache/tiercache/internal/redistest"
	"github.com/tiercache/tiercache/invalidate/redisbus"
)

// A master that has lost its replicas may have been replaced, and refuses writes for that reason. Reads it answers.
func TestStrictPollAsksForAWrite(t *testing.T) {
	for _, strict := range []bool{true, false} {
		t.Run(map[bool]string{true: "strict", false: "not strict"}[strict], func(t *testing.T) {
			s := redistest.Single(t)
			admin := s.Client()
			b := newBus(t, s.Client(), often, func(c *redisbus.Config) { c.StrictPoll = strict })
			l := listen(t, b)
			l.settled(t, b)
			if err := admin.ConfigSet(t.Context(), "min-replicas-to-write", "1").Err(); err != nil {
				t.Fatal(err)
			}
			if err := b.Publish(t.Context(), deletion("k")); err == nil {
				t.Error("Publish = nil, want an error")
			}
			if !strict {
				l.confirmedSince(t, b)
				return
			}
			failed := b.Stats().PollErrors
			eventually(t, "a poll fails", func() bool { return b.Stats().PollErrors > failed })
			until := l.confirmed()
			eventually(t, "more polls fail", func() bool { return b.Stats().PollErrors > failed+4 })
			if got := l.confirmed(); got != until {
				t.Errorf("confirmed for another %v by a master that refuses writes", got.Sub(until))
			}
			if err := admin.ConfigSet(t.Context(), "min-replicas-to-write", "0").Err(); err != nil {
				t.Fatal(err)
			}
			l.confirmedSince(t, b)
		})
	}
}

func oneReplica(c *redisbus.Config) { c.Replicas, c.Timeout = 1, time.Second }

func TestEventThatNoReplicaHasIsAnError(t *testing.T) {
	single := redistest.Single(t)
	cluster := redistest.Cluster(t)
	for _, c := range []struct {
		name string
		rdb  client
	}{{"single", single.Client()}, {"cluster", cluster.Client()}} {
		t.Run(c.name, func(t *testing.T) {
			b := newBus(t, c.rdb, often, oneReplica)
			l := listen(t, b)
			l.settled(t, b)
			began := time.Now()
			if err := b.Publish(t.Context(), deletion("k")); !errors.Is(err, redisbus.ErrNotReplicated) {
				t.Errorf("Publish = %v, want ErrNotReplicated", err)
			}
			if took := time.Since(began); took > 900*time.Millisecond {
				t.Errorf("Publish waited %v, want half of Timeout", took)
			}
			eventually(t, "the event arrives all the same", func() bool { return l.heard("k") })
		})
	}
}

func TestEventThatAReplicaHasIsAcknowledged(t *testing.T) {
	s := redistest.Sentinel(t)
	rdb := s.Client()
	b := newBus(t, rdb, often, oneReplica)
	l := listen(t, b)
	l.inPlace(t, 1)
	eventually(t, "the replica has caught up", func() bool { return b.Publish(t.Context(), deletion("first")) == nil })
	for range 3 {
		l.hears(t, b, "k")
	}
	rdb.Set(t.Context(), "name", "v", 0)
	if err := b.PublishDelete(t.Context(), deletion("k"), rdb, []string{"name"}); err != nil {
		t.Errorf("PublishDelete: %v", err)
	}
	replica := s.Replica().Client()
	if got := replica.Exists(t.Context(), "name").Val(); got != 0 {
		t.Error("the replica still has the name")
	}
	if got, err := replica.HGetAll(t.Context(), logOf(0)).Result(); err != nil || got["n"] == "" {
		t.Errorf("the replica has the log %v, %v", got, err)
	}
}
