package servers

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
)

const clusterMasters = 3

// startCluster starts masters with a replica each.
func (f *Fleet) startCluster(ctx context.Context) error {
	err := f.startNodes(2*clusterMasters, func(int) []string {
		return []string{
			"--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf", "--cluster-announce-ip", "127.0.0.1",
			"--cluster-node-timeout", "1500", "--cluster-replica-validity-factor", "0", "--cluster-migration-barrier", "1",
		}
	})
	if err != nil {
		return err
	}
	args := append([]string{"--cluster", "create"}, f.Addrs()...)
	out, err := exec.CommandContext(ctx, "redis-cli", append(args, "--cluster-replicas", "1", "--cluster-yes")...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("redis-cli --cluster create: %w\n%s", err, out)
	}
	return nil
}

// clusterSettled tells what is missing until every node sees every slot served and each master has its replica.
func (f *Fleet) clusterSettled(ctx context.Context) error {
	masters := 0
	for _, n := range f.Nodes {
		info, err := n.Admin.ClusterInfo(ctx).Result()
		if err != nil {
			return err
		}
		for _, want := range []string{"cluster_state:ok", "cluster_slots_ok:16384", fmt.Sprintf("cluster_known_nodes:%d", 2*clusterMasters)} {
			if !strings.Contains(info, want+"\r\n") {
				return fmt.Errorf("%s: want %s in:\n%s", n.Addr(), want, info)
			}
		}
		list, err := n.Admin.ClusterNodes(ctx).Result()
		if err != nil {
			return err
		}
		// A replica that the nodes hold to be failing would not take part in the next failover.
		if strings.Contains(list, "handshake") || strings.Contains(list, "noaddr") || strings.Contains(list, "fail") {
			return fmt.Errorf("%s: unsettled nodes:\n%s", n.Addr(), list)
		}
		r, err := n.replication(ctx)
		switch {
		case err != nil:
			return err
		case r.master && r.replicas != 1:
			return fmt.Errorf("%s has %d replicas", n.Addr(), r.replicas)
		case !r.master && !r.linked:
			return fmt.Errorf("%s has no link to its master", n.Addr())
		case r.master:
			masters++
		}
	}
	if masters != clusterMasters {
		return fmt.Errorf("%d masters", masters)
	}
	return nil
}
