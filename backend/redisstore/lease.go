package redisstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// The scripts touch one key each, so they run in a cluster, and they are atomic, as Redis runs nothing else meanwhile.
// The go-redis client sends a script by its hash, and in full to a server that does not know it yet.
//
// GETRANGE of an absent key is empty, which no head is, and of a value shorter than the head it is all of the value.
var (
	// SET NX GET would do, but only from Redis 7.0 on.
	addScript = redis.NewScript(`
local existing = redis.call('GET', KEYS[1])
if existing then return existing end
if ARGV[2] == '0' then redis.call('SET', KEYS[1], ARGV[1])
else redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) end
return false`)

	replaceScript = redis.NewScript(`
if redis.call('GETRANGE', KEYS[1], 0, #ARGV[1] - 1) ~= ARGV[1] then return 0 end
if ARGV[3] == '0' then redis.call('SET', KEYS[1], ARGV[2])
else redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end
return 1`)

	patchScript = redis.NewScript(`
if redis.call('GETRANGE', KEYS[1], 0, #ARGV[1] - 1) ~= ARGV[1] then return 0 end
redis.call('SETRANGE', KEYS[1], 0, ARGV[2])
return 1`)

	deleteIfScript = redis.NewScript(`
if redis.call('GETRANGE', KEYS[1], 0, #ARGV[1] - 1) ~= ARGV[1] then return 0 end
return redis.call('UNLINK', KEYS[1])`)
)

// Add implements backend.Leaser. It is not repeated when a connection breaks. If it fails it may have been done all the same, or be done
// later.
func (s *Store) Add(ctx context.Context, key string, value []byte, ttl time.Duration) (existing []byte, added bool, err error) {
	if ttl < 0 {
		return nil, false, fail("add", key, negative(ttl))
	}
	value = s.keep(value)
	existing, err = bounded(ctx, s, func(ctx context.Context) ([]byte, error) {
		text, err := addScript.Run(ctx, once{s.rdb}, []string{key}, value, roundUp(ttl).Milliseconds()).Text()
		if errors.Is(err, redis.Nil) {
			return nil, nil
		}
		return present(text), err
	})
	if err != nil {
		return nil, false, fail("add", key, err)
	}
	return existing, existing == nil, nil
}

// Replace implements backend.Leaser. When go-redis repeats a command whose reply was lost, Replace, like Patch and
// DeleteIf, may report false for what it has done.
func (s *Store) Replace(ctx context.Context, key string, head, value []byte, ttl time.Duration) (replaced bool, err error) {
	if ttl < 0 {
		return false, fail("replace", key, negative(ttl))
	}
	return s.ifHead(ctx, "replace", replaceScript, key, head, s.keep(value), roundUp(ttl).Milliseconds())
}

// Patch implements backend.Leaser.
func (s *Store) Patch(ctx context.Context, key string, head, newHead []byte) (patched bool, err error) {
	if len(head) != len(newHead) {
		return false, fail("patch", key, fmt.Errorf("a head of %d bytes cannot take the place of one of %d", len(newHead), len(head)))
	}
	return s.ifHead(ctx, "patch", patchScript, key, head, s.keep(newHead))
}

// DeleteIf implements backend.Leaser.
func (s *Store) DeleteIf(ctx context.Context, key string, head []byte) (deleted bool, err error) {
	return s.ifHead(ctx, "delete", deleteIfScript, key, head)
}

// ifHead runs a script whose first argument is the head that the value must have, and which returns whether it had.
func (s *Store) ifHead(ctx context.Context, op string, script *redis.Script, key string, head []byte, args ...any) (bool, error) {
	if len(head) == 0 {
		return false, fail(op, key, errors.New("empty head"))
	}
	args = append([]any{s.keep(head)}, args...)
	done, err := bounded(ctx, s, func(ctx context.Context) (bool, error) {
		return script.Run(ctx, s.rdb, []string{key}, args...).Bool()
	})
	if err != nil {
		return false, fail(op, key, err)
	}
	return done, nil
}
