package fault

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/tiercache/tiercache/faults/internal/servers"
)

// migrations is how many slots move in one fault, each with its keys.
const migrations = 12

// migrateSlots moves slots from one master of a cluster to another, under load: those of keys that are no records first, since
// there are few of them and all instances depend on them.
func migrateSlots(ctx context.Context, e *Env, r *rand.Rand) error {
	masters, err := e.Servers.Masters(ctx)
	if err != nil {
		return err
	}
	pair := r.Perm(len(masters))
	from, to := masters[pair[0]], masters[pair[1]]
	slots, err := slotsToMove(ctx, e, r, from)
	if err != nil {
		return err
	}
	for _, slot := range slots {
		if ctx.Err() != nil {
			return nil
		}
		if err := migrate(context.WithoutCancel(ctx), masters, from, to, slot); err != nil {
			return fmt.Errorf("migrate slot %d: %w", slot, err)
		}
	}
	return settled(ctx, e)
}

// slotsToMove returns slots of n that have keys.
func slotsToMove(ctx context.Context, e *Env, r *rand.Rand, n *servers.Node) ([]int64, error) {
	keys, err := n.Admin.Keys(ctx, "*").Result()
	if err != nil {
		return nil, err
	}
	r.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
	var special, records []string
	for _, key := range keys {
		if strings.HasPrefix(key, e.Prefix) {
			records = append(records, key)
		} else {
			special = append(special, key)
		}
	}
	chosen := append(special[:min(len(special), migrations/2)], records...)
	seen := make(map[int64]bool)
	var slots []int64
	for _, key := range chosen {
		slot, err := n.Admin.ClusterKeySlot(ctx, key).Result()
		if err != nil {
			return nil, err
		}
		if !seen[slot] {
			seen[slot] = true
			slots = append(slots, slot)
		}
		if len(slots) == migrations {
			break
		}
	}
	return slots, nil
}

// migrate moves one slot with its keys, in the steps that the cluster has for that.
func migrate(ctx context.Context, masters []*servers.Node, from, to *servers.Node, slot int64) error {
	fromID, err := from.Admin.ClusterMyID(ctx).Result()
	if err != nil {
		return err
	}
	toID, err := to.Admin.ClusterMyID(ctx).Result()
	if err != nil {
		return err
	}
	if err := to.Admin.Do(ctx, "cluster", "setslot", slot, "importing", fromID).Err(); err != nil {
		return err
	}
	if err := from.Admin.Do(ctx, "cluster", "setslot", slot, "migrating", toID).Err(); err != nil {
		return err
	}
	host, port, err := net.SplitHostPort(to.Addr())
	if err != nil {
		return err
	}
	for {
		keys, err := from.Admin.ClusterGetKeysInSlot(ctx, int(slot), 100).Result()
		if err != nil {
			return err
		}
		if len(keys) == 0 {
			break
		}
		args := []any{"migrate", host, port, "", 0, 5000, "replace", "keys"}
		for _, key := range keys {
			args = append(args, key)
		}
		if err := from.Admin.Do(ctx, args...).Err(); err != nil && err != redis.Nil {
			return err
		}
	}
	// The new owner first: it must know when it is asked.
	order := append([]*servers.Node{to, from}, masters...)
	for _, n := range order {
		if err := n.Admin.Do(ctx, "cluster", "setslot", slot, "node", toID).Err(); err != nil {
			return err
		}
	}
	return nil
}
