package servers

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/tiercache/tiercache/internal/redisproc"
)

const (
	sentinels = 3
	replicas  = 2
)

// startSentinel starts a master with its replicas and the sentinels that watch them.
func (f *Fleet) startSentinel(ctx context.Context) error {
	if err := f.startNodes(1+replicas, nil); err != nil {
		return err
	}
	master := f.Nodes[0]
	for _, n := range f.Nodes[1:] {
		if err := n.Admin.ReplicaOf(ctx, "127.0.0.1", master.Port()).Err(); err != nil {
			return err
		}
	}
	for i := range sentinels {
		dir := filepath.Join(f.dir, "sentinel-"+strconv.Itoa(i))
		if err := os.Mkdir(dir, 0o700); err != nil {
			return err
		}
		conf := filepath.Join(dir, "sentinel.conf") // it rewrites the file
		text := fmt.Sprintf("sentinel monitor %[1]s 127.0.0.1 %[2]s 2\n"+
			"sentinel down-after-milliseconds %[1]s 1000\nsentinel failover-timeout %[1]s 3000\nsentinel parallel-syncs %[1]s 2\n",
			MasterName, master.Port())
		if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
			return err
		}
		s, err := redisproc.Start(redisproc.Config{Dir: dir, Conf: conf, Args: []string{"--sentinel"}})
		if err != nil {
			return err
		}
		f.Sentinels = append(f.Sentinels, s)
	}
	return nil
}

// AskSentinel calls ask with a client of a sentinel.
func (f *Fleet) AskSentinel(i int, ask func(*redis.SentinelClient) error) error {
	c := redis.NewSentinelClient(&redis.Options{
		Addr:                     f.Sentinels[i].Addr(),
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
	defer c.Close()
	return ask(c)
}

// sentinelSettled tells what is missing until all sentinels know the same master, which has all the others as replicas.
func (f *Fleet) sentinelSettled(ctx context.Context) error {
	var agreed string
	for i := range f.Sentinels {
		err := f.AskSentinel(i, func(c *redis.SentinelClient) error {
			addr, err := c.GetMasterAddrByName(ctx, MasterName).Result()
			if err != nil {
				return err
			}
			state, err := c.Master(ctx, MasterName).Result()
			if err != nil {
				return err
			}
			master := net.JoinHostPort(addr[0], addr[1])
			switch {
			case agreed != "" && master != agreed:
				return fmt.Errorf("sentinels name %s and %s", agreed, master)
			case state["flags"] != "master":
				return fmt.Errorf("sentinel %d has flags %s for the master", i, state["flags"])
			case state["num-other-sentinels"] != strconv.Itoa(sentinels-1) || state["num-slaves"] != strconv.Itoa(replicas):
				return fmt.Errorf("sentinel %d knows %s others and %s replicas", i, state["num-other-sentinels"], state["num-slaves"])
			}
			agreed = master
			return nil
		})
		if err != nil {
			return err
		}
	}
	for _, n := range f.Nodes {
		role, err := n.replication(ctx)
		switch {
		case err != nil:
			return err
		case n.Addr() == agreed && role.master && role.replicas == replicas:
		case n.Addr() != agreed && !role.master && role.linked && role.of == agreed:
		default:
			return fmt.Errorf("%s is %+v, and the master is %s", n.Addr(), role, agreed)
		}
	}
	return nil
}

// A role is what a server says of its replication.
type role struct {
	master   bool
	replicas int    // in sync
	linked   bool   // to its master
	of       string // address of its master
}

func (n *Node) replication(ctx context.Context) (role, error) {
	info, err := n.Admin.Info(ctx, "replication").Result()
	if err != nil {
		return role{}, err
	}
	var r role
	var host, port string
	for line := range strings.Lines(info) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		switch {
		case name == "role":
			r.master = value == "master"
		case name == "master_link_status":
			r.linked = value == "up"
		case name == "master_host":
			host = value
		case name == "master_port":
			port = value
		case strings.HasPrefix(name, "slave") && strings.Contains(value, "state=online"):
			r.replicas++
		}
	}
	r.of = net.JoinHostPort(host, port)
	return r, nil
}

// Masters returns the servers that hold themselves to be masters. In a cluster only those with slots count.
func (f *Fleet) Masters(ctx context.Context) ([]*Node, error) {
	var masters []*Node
	for _, n := range f.Nodes {
		r, err := n.replication(ctx)
		if err != nil {
			return nil, err
		}
		if r.master {
			masters = append(masters, n)
		}
	}
	if len(masters) == 0 {
		return nil, errNoMaster
	}
	return masters, nil
}

// MasterAddrs returns the addresses of Masters.
func (f *Fleet) MasterAddrs(ctx context.Context) ([]string, error) {
	masters, err := f.Masters(ctx)
	var addrs []string
	for _, m := range masters {
		addrs = append(addrs, m.Addr())
	}
	return addrs, err
}

// ReplicasOf returns the servers that hold themselves to be replicas of master.
func (f *Fleet) ReplicasOf(ctx context.Context, master *Node) ([]*Node, error) {
	var found []*Node
	for _, n := range f.Nodes {
		r, err := n.replication(ctx)
		if err != nil {
			return nil, err
		}
		if !r.master && r.of == master.Addr() {
			found = append(found, n)
		}
	}
	return found, nil
}

// IsMaster reports whether n holds itself to be a master.
func (n *Node) IsMaster(ctx context.Context) (bool, error) {
	r, err := n.replication(ctx)
	return r.master, err
}
