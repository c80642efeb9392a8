package fault

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/redis/go-redis/v9"

	"github.com/tiercache/tiercache/faults/internal/servers"
)

// onSentinel returns what can happen to a master with replicas and sentinels. Replication is asynchronous, so whenever another
// server takes over, acknowledged changes may be lost.
func onSentinel() []Fault {
	return []Fault{
		{Name: "SENTINEL FAILOVER", Rollback: true, Run: sentinelFailover},
		{Name: "master killed, replaced", Rollback: true, Run: killMaster(false)},
		{Name: "master killed, replaced by a replica that lags", Rollback: true, Run: killMaster(true)},
		{Name: "master paused, replaced", Rollback: true, Run: pauseMaster},
	}
}

// onCluster returns what can happen to a cluster.
func onCluster() []Fault {
	return []Fault{
		{Name: "CLUSTER FAILOVER", Moves: true, Run: clusterFailover()},
		{Name: "CLUSTER FAILOVER FORCE", Rollback: true, Run: clusterFailover("force")},
		{Name: "CLUSTER FAILOVER TAKEOVER", Rollback: true, Run: clusterFailover("takeover")},
		{Name: "master killed, replaced", Rollback: true, Run: killMaster(false)},
		{Name: "master killed, replaced by a replica that lags", Rollback: true, Run: killMaster(true)},
		{Name: "master paused, replaced", Rollback: true, Run: pauseMaster},
		{Name: "slots migrated", Run: migrateSlots},
	}
}

func sentinelFailover(ctx context.Context, e *Env, r *rand.Rand) error {
	err := e.Servers.AskSentinel(r.IntN(len(e.Servers.Sentinels)), func(c *redis.SentinelClient) error {
		return c.Failover(ctx, servers.MasterName).Err()
	})
	if err != nil {
		return fmt.Errorf("SENTINEL FAILOVER: %w", err)
	}
	return settled(ctx, e)
}

// settled waits until the servers are as they should be. To leave a failover half done would spoil what comes after.
func settled(ctx context.Context, e *Env) error {
	return e.Servers.Settle(context.WithoutCancel(ctx))
}

// promoted waits until one of the replicas is a master.
func promoted(ctx context.Context, e *Env, replicas []*servers.Node) error {
	ctx = context.WithoutCancel(ctx)
	return servers.Eventually(ctx, "a replica takes over", func() error {
		for _, n := range replicas {
			if master, err := n.IsMaster(ctx); master || err != nil {
				return err
			}
		}
		return errors.New("none is a master")
	})
}

// killMaster kills a master, waits for another to take its place and starts it again. lagging lets its replicas miss what
// was acknowledged for a while before that.
func killMaster(lagging bool) func(context.Context, *Env, *rand.Rand) error {
	return func(ctx context.Context, e *Env, r *rand.Rand) error {
		m, err := anyMaster(ctx, e, r)
		if err != nil {
			return err
		}
		replicas, err := e.Servers.ReplicasOf(ctx, m)
		if err != nil {
			return err
		}
		if lagging {
			err = cutOff(ctx, e, r, m, replicas)
		} else {
			m.Stop()
		}
		return errors.Join(err, promoted(ctx, e, replicas), m.Restart(), settled(ctx, e))
	}
}

// cutOff pauses the replicas of m and closes their links, lets m go on alone for a while and kills it, before the replicas can
// link up again.
func cutOff(ctx context.Context, e *Env, r *rand.Rand, m *servers.Node, replicas []*servers.Node) (err error) {
	for _, n := range replicas {
		if err := n.Pause(); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, n.Resume()) }()
	}
	err = m.Admin.Do(ctx, "client", "kill", "type", "replica").Err()
	last(ctx, between(r, e.Bound/2, 3*e.Bound/2))
	m.Stop() // before the replicas go on
	return err
}

// pauseMaster stops a master until another has its place, and lets it go on: for a moment there are two.
func pauseMaster(ctx context.Context, e *Env, r *rand.Rand) error {
	m, err := anyMaster(ctx, e, r)
	if err != nil {
		return err
	}
	replicas, err := e.Servers.ReplicasOf(ctx, m)
	if err != nil {
		return err
	}
	if err := m.Pause(); err != nil {
		return err
	}
	return errors.Join(promoted(ctx, e, replicas), m.Resume(), settled(ctx, e))
}

// clusterFailover lets a replica take the place of its master.
func clusterFailover(how ...any) func(context.Context, *Env, *rand.Rand) error {
	return func(ctx context.Context, e *Env, r *rand.Rand) error {
		m, err := anyMaster(ctx, e, r)
		if err != nil {
			return err
		}
		replicas, err := e.Servers.ReplicasOf(ctx, m)
		if err != nil {
			return err
		}
		if len(replicas) == 0 {
			return fmt.Errorf("%s has no replica", m.Addr())
		}
		if err := replicas[0].Admin.Do(ctx, append([]any{"cluster", "failover"}, how...)...).Err(); err != nil {
			return fmt.Errorf("CLUSTER FAILOVER: %w", err)
		}
		return errors.Join(promoted(ctx, e, replicas), settled(ctx, e))
	}
}
