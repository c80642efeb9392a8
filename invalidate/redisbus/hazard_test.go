package redisbus_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tiercache/tiercache/internal/redistest"
	"github.com/tiercache/tiercache/invalidate/redisbus"
)

// A message takes longer to arrive than the client waits for an answer. A receiver with a timeout would lose the part that it has read, and with it
// the next message.
func TestH33MessageThatComesInPieces(t *testing.T) {
	s := redistest.Single(t)
	impatient := func(o *redis.Options) {
		o.ReadTimeout = 20 * time.Millisecond
		o.Dialer = func(ctx context.Context, network, addr string) (net.Conn, error) {
			return dialInPieces(ctx, network, addr)
		}
	}
	heard := newBus(t, s.Client(impatient))
	l := listen(t, heard)
	l.inPlace(t, 1)
	b := newBus(t, s.Client())
	for _, key := range []string{"slow-1", "slow-2", "slow-3"} {
		l.hears(t, b, key)
	}
	if got := heard.Stats(); got.Interrupted != 0 || got.Undecodable != 0 || got.Gaps != 0 {
		t.Errorf("Stats() = %+v, want nothing interrupted, undecodable or missing", got)
	}
}

// dialInPieces returns a connection on which whatever has "slow" in it comes in two pieces, some time apart.
func dialInPieces(ctx context.Context, network, addr string) (net.Conn, error) {
	server, err := new(net.Dialer).DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	ours, theirs := net.Pipe()
	go func() {
		defer server.Close()
		_, _ = io.Copy(server, theirs)
	}()
	go func() {
		defer theirs.Close()
		buf := make([]byte, 64<<10)
		for {
			n, err := server.Read(buf)
			if err != nil {
				return
			}
			first, second := buf[:n], []byte(nil)
			if bytes.Contains(first, []byte("slow")) {
				first, second = buf[:n/2], buf[n/2:n]
			}
			if _, err := theirs.Write(first); err != nil {
				return
			}
			if second != nil {
				time.Sleep(100 * time.Millisecond) // several times the timeout
				if _, err := theirs.Write(second); err != nil {
					return
				}
			}
		}
	}()
	return ours, nil
}

// A replica may not have what the master has acknowledged, and so confirm what is not so.
func TestH21ClientsThatReadFromReplicasAreRefused(t *testing.T) {
	for name, o := range map[string]redis.ClusterOptions{
		"ReadOnly":       {ReadOnly: true},
		"RouteByLatency": {RouteByLatency: true},
		"RouteRandomly":  {RouteRandomly: true},
	} {
		o.Addrs = []string{"127.0.0.1:1"}
		rdb := redis.NewClusterClient(&o)
		if _, err := redisbus.New(rdb, redisbus.Config{}); err == nil || !strings.Contains(err.Error(), "replicas") {
			t.Errorf("New() with %s = %v, want an error that names the replicas", name, err)
		}
		if err := rdb.Close(); err != nil {
			t.Error(err)
		}
	}
}

// There are two masters, and this process has the one that is nobody's any more. It answers polls, and so it confirms. Config.StrictPoll with
// min-replicas-to-write on the servers is against that.
func TestExcludedH18OldMasterThatStillAnswers(t *testing.T) {
	fast := func(c *redisbus.Config) { c.Bound = 300 * time.Millisecond }
	old := newBus(t, redistest.Single(t).Client(), fast)
	l := listen(t, old)
	l.inPlace(t, 1)
	b := newBus(t, redistest.Single(t).Client(), fast)
	if err := b.Publish(t.Context(), deletion("k")); err != nil {
		t.Fatal(err)
	}
	acknowledged := time.Now()
	eventually(t, "what is older than the bound is trusted", func() bool { return l.confirmed().After(acknowledged.Add(2 * b.Bound())) })
	if l.heard("k") {
		t.Error("the event has come")
	}
}
