package redisstore

import (
	"context"

	"github.com/redis/go-redis/v9"
)

// A once sends a command once. The client repeats others when a connection breaks, and the first attempt may arrive after the second,
// and after what somebody else has sent in between. That does no harm where the server looks at a condition that the second attempt has ended, and it
// does where a command creates something:
//
//  1. A lease is asked for. The connection hangs, and the client asks again, and gets it.
//  2. The load reads the old value. The source changes, the key is deleted, and the lease with it.
//  3. The first attempt arrives, and the lease is there again. The load may fill.
type once struct{ redis.UniversalClient }

// Eval implements redis.Scripter.
func (o once) Eval(ctx context.Context, script string, keys []string, args ...any) *redis.Cmd {
	return o.eval(ctx, "eval", script, keys, args)
}

// EvalSha implements redis.Scripter.
func (o once) EvalSha(ctx context.Context, sha1 string, keys []string, args ...any) *redis.Cmd {
	return o.eval(ctx, "evalsha", sha1, keys, args)
}

func (o once) eval(ctx context.Context, name, script string, keys []string, args []any) *redis.Cmd {
	all := append(make([]any, 0, 3+len(keys)+len(args)), name, script, len(keys))
	for _, key := range keys {
		all = append(all, key)
	}
	cmd := redis.NewCmd(ctx, append(all, args...)...)
	cmd.SetFirstKeyPos(3)
	return o.send(ctx, cmd)
}

// send sends cmd, whose key is its first argument or where cmd says.
func (o once) send(ctx context.Context, cmd *redis.Cmd) *redis.Cmd {
	_ = o.Process(ctx, unrepeated{cmd}) // the command has its error
	return cmd
}

// An unrepeated command is not repeated by the client.
type unrepeated struct{ *redis.Cmd }

// NoRetry implements redis.Cmder.
func (unrepeated) NoRetry() bool { return true }
