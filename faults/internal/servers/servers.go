// Package servers runs the Redis of a run: a single server, one behind sentinels with two replicas, or a cluster of
// three masters with a replica each. All keep what they have in a directory of their own, and write each change
// there before they answer, so that a server that is killed and started again has lost nothing.
package servers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/tiercache/tiercache/internal/redisproc"
)

// A Topology says how the servers of a run work together.
type Topology string

const (
	Single   Topology = "single"
	Sentinel Topology = "sentinel"
	Cluster  Topology = "cluster"
)

// All are the topologies.
var All = []Topology{Single, Sentinel, Cluster}

// MasterName is the name under which the sentinels know the master.
const MasterName = "faults"

const (
	patience = 60 * time.Second      // how long servers may take to agree on a busy machine
	look     = 50 * time.Millisecond // between two looks at them
)

// A Node is a server with data, and a client of it that goes through no proxy.
type Node struct {
	*redisproc.Server
	Admin *redis.Client
}

// A Fleet is the servers of a run.
type Fleet struct {
	Topology  Topology
	Nodes     []*Node             // not changed after Start
	Sentinels []*redisproc.Server // not changed after Start

	dir string
}

// Start starts the servers of a topology below dir, and waits until they work together.
func Start(ctx context.Context, topology Topology, dir string) (*Fleet, error) {
	f := &Fleet{Topology: topology, dir: dir}
	var err error
	switch topology {
	case Single:
		err = f.startNodes(1, nil)
	case Sentinel:
		err = f.startSentinel(ctx)
	case Cluster:
		err = f.startCluster(ctx)
	default:
		err = fmt.Errorf("servers: unknown topology %q", topology)
	}
	if err == nil {
		err = f.Settle(ctx)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// Close kills the servers.
func (f *Fleet) Close() {
	for _, n := range f.Nodes {
		_ = n.Admin.Close() // nothing is left to be lost
		n.Stop()
	}
	for _, s := range f.Sentinels {
		s.Stop()
	}
}

// startNodes starts servers with data. args are the arguments of number i.
func (f *Fleet) startNodes(count int, args func(i int) []string) error {
	for i := range count {
		dir := filepath.Join(f.dir, "node-"+strconv.Itoa(i))
		if err := os.Mkdir(dir, 0o700); err != nil {
			return err
		}
		all := []string{
			"--save", "", "--appendonly", "yes", "--appendfsync", "always", "--enable-debug-command", "yes",
			// A proxy that connects to a paused server with a full backlog would wait for a minute or more, long after the server goes on.
			"--tcp-backlog", "4096",
			"--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1", "--repl-timeout", "10",
		}
		if args != nil {
			all = append(all, args(i)...)
		}
		s, err := redisproc.Start(redisproc.Config{Dir: dir, Args: all})
		if err != nil {
			return err
		}
		f.Nodes = append(f.Nodes, &Node{Server: s, Admin: newAdmin(s.Addr())})
	}
	return nil
}

// newAdmin returns a client that does not wait long for a server that is paused or gone.
func newAdmin(addr string) *redis.Client {
	return redis.NewClient(&redis.Options{
		Addr: addr, DialTimeout: time.Second, ReadTimeout: 5 * time.Second, WriteTimeout: time.Second, PoolSize: 4,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
}

// Addrs returns the addresses of the servers with data.
func (f *Fleet) Addrs() []string {
	var addrs []string
	for _, n := range f.Nodes {
		addrs = append(addrs, n.Addr())
	}
	return addrs
}

// SentinelAddrs returns the addresses of the sentinels.
func (f *Fleet) SentinelAddrs() []string {
	var addrs []string
	for _, s := range f.Sentinels {
		addrs = append(addrs, s.Addr())
	}
	return addrs
}

// Settle waits until the servers work together as they did at the start, perhaps in other roles.
func (f *Fleet) Settle(ctx context.Context) error {
	return Eventually(ctx, string(f.Topology)+" settles", func() error {
		switch f.Topology {
		case Sentinel:
			return f.sentinelSettled(ctx)
		case Cluster:
			return f.clusterSettled(ctx)
		}
		return f.Nodes[0].Admin.Ping(ctx).Err()
	})
}

// Eventually calls ok until it returns nil, and returns its last error after a while.
func Eventually(ctx context.Context, what string, ok func() error) error {
	for deadline := time.Now().Add(patience); ; {
		err := ok()
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case time.Now().After(deadline):
			return fmt.Errorf("%s: %w", what, err)
		}
		time.Sleep(look)
	}
}

var errNoMaster = errors.New("no master")
