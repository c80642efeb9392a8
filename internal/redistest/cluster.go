package redistest

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
)

const (
	masters = 3
	slots   = 16384
)

// A ClusterServer is a Redis Cluster of three masters without replicas.
type ClusterServer struct {
	t     testing.TB
	nodes []*Server
}

// Cluster starts a cluster in which every node knows all others and each slot has its master.
func Cluster(t testing.TB) *ClusterServer {
	t.Helper()
	c := &ClusterServer{t: t}
	for range masters {
		c.nodes = append(c.nodes, startStore(t,
			"--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf",
			"--cluster-node-timeout", "5000", "--cluster-announce-ip", "127.0.0.1"))
	}
	ctx := t.Context()
	for i, n := range c.nodes {
		rdb := n.Client()
		// Each node claims its slots under an epoch of its own: equal ones would have to be told apart first.
		err := rdb.Do(ctx, "cluster", "set-config-epoch", i+1).Err()
		if err == nil {
			err = rdb.ClusterAddSlotsRange(ctx, slots*i/masters, slots*(i+1)/masters-1).Err()
		}
		if err == nil && i > 0 {
			host, port, _ := net.SplitHostPort(c.nodes[0].Addr())
			err = rdb.ClusterMeet(ctx, host, port).Err()
		}
		if err != nil {
			t.Fatalf("redistest: join cluster node %s: %v", n.Addr(), err)
		}
		defer rdb.Close()
	}
	for _, n := range c.nodes {
		rdb := n.Client()
		eventually(t, "cluster node "+n.Addr(), func() error { return joined(ctx, rdb) })
		_ = rdb.Close()
	}
	return c
}

// joined tells what is missing until rdb's node sees the whole cluster.
func joined(ctx context.Context, rdb *redis.Client) error {
	info, err := rdb.ClusterInfo(ctx).Result()
	if err != nil {
		return err
	}
	for _, want := range []string{
		"cluster_state:ok",
		fmt.Sprintf("cluster_slots_ok:%d", slots),
		fmt.Sprintf("cluster_known_nodes:%d", masters),
		fmt.Sprintf("cluster_size:%d", masters),
	} {
		if !strings.Contains(info, want+"\r\n") {
			return fmt.Errorf("want %s in:\n%s", want, info)
		}
	}
	// A node is known before its handshake is over, and then it is listed without an address.
	list, err := rdb.ClusterNodes(ctx).Result()
	if err != nil {
		return err
	}
	if strings.Contains(list, "handshake") || strings.Contains(list, "noaddr") || strings.Contains(list, "fail") {
		return fmt.Errorf("unsettled nodes:\n%s", list)
	}
	return nil
}

// Nodes returns the masters.
func (c *ClusterServer) Nodes() []*Server { return c.nodes }

// Addrs returns the addresses of the masters.
func (c *ClusterServer) Addrs() []string {
	var addrs []string
	for _, n := range c.nodes {
		addrs = append(addrs, n.Addr())
	}
	return addrs
}

// Client returns a new client of the cluster, which is closed with the test.
func (c *ClusterServer) Client(opts ...func(*redis.ClusterOptions)) *redis.ClusterClient {
	o := &redis.ClusterOptions{Addrs: c.Addrs(), MaintNotificationsConfig: quiet()}
	for _, opt := range opts {
		opt(o)
	}
	rdb := redis.NewClusterClient(o)
	closeWithTest(c.t, rdb)
	return rdb
}
