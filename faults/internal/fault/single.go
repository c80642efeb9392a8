package fault

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/redis/go-redis/v9"

	"github.com/tiercache/tiercache/faults/internal/servers"
)

// onSingle returns what can happen to a server that nobody takes the place of.
func onSingle() []Fault {
	return []Fault{
		{Name: "server paused, 2 bounds", Run: pauseServer(2)},
		{Name: "server paused, 10 bounds", Run: pauseServer(10)},
		{Name: "server killed, restarted with its data", Run: kill(nil)},
		{Name: "server killed, restarted empty", Run: kill(func(n *servers.Node) error {
			return os.RemoveAll(filepath.Join(n.Dir(), aofDir))
		})},
		{Name: "rollback of all keys", Rollback: true, Unseen: true, Run: rollKeysBack},
		{Name: "rollback to an old file", Rollback: true, Run: rollFileBack},
	}
}

// aofDir is where a server keeps its data, in the directory it runs in.
const aofDir = "appendonlydir"

// kill kills the server, and starts it again after before was called.
func kill(before func(*servers.Node) error) func(context.Context, *Env, *rand.Rand) error {
	return func(ctx context.Context, e *Env, r *rand.Rand) error {
		n := e.Servers.Nodes[0]
		n.Stop()
		last(ctx, between(r, 0, 3*e.Bound))
		var err error
		if before != nil {
			err = before(n)
		}
		return errors.Join(err, n.Restart())
	}
}

var dumpAll = redis.NewScript(`
local all = {}
for _, key in ipairs(redis.call('KEYS', '*')) do
	all[#all+1] = key
	all[#all+1] = tostring(math.max(0, redis.call('PTTL', key)))
	all[#all+1] = redis.call('DUMP', key)
end
return all`)

// rollKeysBack gives all keys the values they had a little before, at once and without a connection being closed.
func rollKeysBack(ctx context.Context, e *Env, r *rand.Rand) error {
	rdb := e.Servers.Nodes[0].Admin
	all, err := dumpAll.Run(ctx, rdb, nil).StringSlice()
	if err != nil {
		return fmt.Errorf("dump: %w", err)
	}
	last(ctx, between(r, e.Bound/2, 3*e.Bound))
	_, err = rdb.TxPipelined(context.WithoutCancel(ctx), func(p redis.Pipeliner) error {
		p.FlushAll(ctx)
		for i := 0; i < len(all); i += 3 {
			p.Do(ctx, "restore", all[i], all[i+1], all[i+2])
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	return nil
}

// rollFileBack kills the server and starts it with a copy of its files from a little before.
func rollFileBack(ctx context.Context, e *Env, r *rand.Rand) error {
	n := e.Servers.Nodes[0]
	files := filepath.Join(n.Dir(), aofDir)
	backup := filepath.Join(n.Dir(), "backup")
	if err := copyAOF(ctx, n, files, backup); err != nil {
		return err
	}
	last(ctx, between(r, e.Bound/2, 3*e.Bound))
	n.Stop()
	return errors.Join(os.RemoveAll(files), os.Rename(backup, files), n.Restart())
}

// copyAOF copies the files of a running server, which only appends to them as long as it does not rewrite them. Of what is being
// appended it ignores the incomplete end.
func copyAOF(ctx context.Context, n *servers.Node, files, backup string) error {
	const rewrites = "auto-aof-rewrite-percentage"
	if err := n.Admin.ConfigSet(ctx, rewrites, "0").Err(); err != nil {
		return err
	}
	err := servers.Eventually(ctx, "no rewrite of the files", func() error {
		info, err := n.Admin.InfoMap(ctx, "persistence").Result()
		if err == nil && info["Persistence"]["aof_rewrite_in_progress"] != "0" {
			err = errors.New("under way")
		}
		return err
	})
	if err != nil {
		return err
	}
	if err := os.CopyFS(backup, os.DirFS(files)); err != nil {
		return err
	}
	return n.Admin.ConfigSet(ctx, rewrites, "100").Err()
}
