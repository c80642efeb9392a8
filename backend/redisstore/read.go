package redisstore

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/redis/go-redis/v9"
)

// maxKeys is how many keys one command names. Redis serves nobody else while it runs a command.
const maxKeys = 512

// A reply is the outcome of reading one key. A nil value is absent.
type reply struct {
	value []byte
	err   error
}

// read returns a reply for each key. It does not outlast the deadline.
func (s *Store) read(ctx context.Context, keys []string) []reply {
	replies, err := bounded(ctx, s, func(ctx context.Context) ([]reply, error) {
		switch {
		case len(keys) == 1:
			return []reply{replyOf(s.rdb.Get(ctx, keys[0]))}, nil
		case s.traits.spread:
			return s.readEach(ctx, keys), nil
		default:
			return s.readTogether(ctx, keys), nil
		}
	})
	if err != nil {
		replies = slices.Repeat([]reply{{err: err}}, len(keys))
	}
	return replies
}

// readEach pipelines a GET for each key; go-redis makes a pipeline for each node of it. An MGET for each slot
// would save nothing: two keys of a batch rarely share one of 16384 slots.
func (s *Store) readEach(ctx context.Context, keys []string) []reply {
	pipe := s.rdb.Pipeline()
	cmds := make([]*redis.StringCmd, len(keys))
	for i, key := range keys {
		cmds[i] = pipe.Get(ctx, key)
	}
	_, _ = pipe.Exec(ctx) // every command has its own error
	replies := make([]reply, len(keys))
	for i, cmd := range cmds {
		replies[i] = replyOf(cmd)
	}
	return replies
}

// readTogether sends MGETs.
func (s *Store) readTogether(ctx context.Context, keys []string) []reply {
	var cmds []*redis.SliceCmd
	if len(keys) <= maxKeys {
		cmds = append(cmds, s.rdb.MGet(ctx, keys...))
	} else {
		pipe := s.rdb.Pipeline()
		for chunk := range slices.Chunk(keys, maxKeys) {
			cmds = append(cmds, pipe.MGet(ctx, chunk...))
		}
		_, _ = pipe.Exec(ctx) // every command has its own error
	}
	replies := make([]reply, 0, len(keys))
	for _, cmd := range cmds {
		want := min(len(keys)-len(replies), maxKeys)
		values, err := cmd.Result()
		if err == nil && len(values) != want {
			err = fmt.Errorf("MGET of %d keys returned %d values", want, len(values))
		}
		if err != nil {
			replies = append(replies, slices.Repeat([]reply{{err: err}}, want)...)
			continue
		}
		for _, v := range values {
			switch v := v.(type) {
			case nil:
				replies = append(replies, reply{})
			case string:
				replies = append(replies, reply{value: present(v)})
			default:
				replies = append(replies, reply{err: fmt.Errorf("MGET returned a %T", v)})
			}
		}
	}
	return replies
}

func replyOf(cmd *redis.StringCmd) reply {
	switch v, err := cmd.Result(); {
	case errors.Is(err, redis.Nil):
		return reply{}
	case err != nil:
		return reply{err: err}
	default:
		return reply{value: present(v)}
	}
}

// present returns v as bytes that are the caller's and not nil. StringCmd.Bytes would save the copy, but its
// result must not be written to.
func present(v string) []byte {
	return append(make([]byte, 0, len(v)), v...)
}
