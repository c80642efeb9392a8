package redistest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
)

// MasterName is the name under which a sentinel knows its master.
const MasterName = "tiercache"

// A SentinelServer is a master with one replica, watched by one sentinel.
type SentinelServer struct {
	t        testing.TB
	master   *Server
	replica  *Server
	sentinel *Server
}

// Sentinel starts a master, a replica in sync with it, and a sentinel that knows both. The sentinel
// holds a master that is silent for a second to be down and puts the replica in its place.
func Sentinel(t testing.TB) *SentinelServer {
	t.Helper()
	s := &SentinelServer{t: t, master: Single(t)}
	s.replica = startStore(t, "--replicaof", "127.0.0.1 "+s.master.p.Port())

	ctx := t.Context()
	rdb := s.replica.Client()
	defer rdb.Close()
	eventually(t, "replica "+s.replica.Addr(), func() error { return replicates(ctx, rdb) })

	// A sentinel wants a configuration file that it may rewrite.
	conf := filepath.Join(t.TempDir(), "sentinel.conf")
	text := strings.ReplaceAll(`sentinel monitor NAME 127.0.0.1 `+s.master.p.Port()+` 1
sentinel down-after-milliseconds NAME 1000
sentinel failover-timeout NAME 5000
`, "NAME", MasterName)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatalf("redistest: %v", err)
	}
	s.sentinel = start(t, conf, "--sentinel")

	watch := redis.NewSentinelClient(&redis.Options{Addr: s.sentinel.Addr(), MaintNotificationsConfig: quiet()})
	defer watch.Close()
	eventually(t, "sentinel "+s.sentinel.Addr(), func() error { return watches(ctx, watch) })
	return s
}

// replicates tells what is missing until rdb is a replica in sync.
func replicates(ctx context.Context, rdb *redis.Client) error {
	info, err := rdb.Info(ctx, "replication").Result()
	if err == nil && !strings.Contains(info, "master_link_status:up\r\n") {
		err = fmt.Errorf("want master_link_status:up in:\n%s", info)
	}
	return err
}

// watches tells what is missing until the sentinel could replace the master.
func watches(ctx context.Context, c *redis.SentinelClient) error {
	replicas, err := c.Replicas(ctx, MasterName).Result()
	switch {
	case err != nil:
		return err
	case len(replicas) != 1 || replicas[0]["flags"] != "slave" || replicas[0]["master-link-status"] != "ok":
		return fmt.Errorf("want one healthy replica in %v", replicas)
	}
	return nil
}

// Master returns the server that was started as the master.
func (s *SentinelServer) Master() *Server { return s.master }

// Replica returns the server that was started as the replica.
func (s *SentinelServer) Replica() *Server { return s.replica }

// Addr returns the address of the sentinel.
func (s *SentinelServer) Addr() string { return s.sentinel.Addr() }

// Client returns a new client that asks the sentinel for the master. It is closed with the test.
func (s *SentinelServer) Client(opts ...func(*redis.FailoverOptions)) *redis.Client {
	o := &redis.FailoverOptions{MasterName: MasterName, SentinelAddrs: []string{s.Addr()}}
	for _, opt := range opts {
		opt(o)
	}
	rdb := redis.NewFailoverClient(o)
	closeWithTest(s.t, rdb)
	return rdb
}
