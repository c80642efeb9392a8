package redisbus

import (
	"context"
	"math/rand/v2"
	"strconv"

	"github.com/redis/go-redis/v9"

	"github.com/tiercache/tiercache/internal/chain"
	"github.com/tiercache/tiercache/invalidate"
)

// The log of a partition is a hash: e is the epoch, n the number of the latest entry, x its nonce. Where the
// bus keeps a replay log there is a stream beside it, in which the entry of number n has the ID n-0.

// appendScript deletes keys, enters an event into the logs of its partitions, and publishes it. Redis runs nothing else meanwhile, so a
// reader that hears of the event finds the keys deleted, and no process can die between the two. When the client repeats the script because the
// reply was lost, there are two entries of one nonce, which form a chain as well.
//
// KEYS: a log for each partition, then a stream for each if there is a replay log, then the keys to delete.
// ARGV: number of partitions, command to publish with, channel, event, nonce, epoch of a log that is new, length of the
// replay log or 0, and the partitions. It returns the entries.
var appendScript = redis.NewScript(`
local logs, nonce, keep = tonumber(ARGV[1]), ARGV[5], tonumber(ARGV[7])
local deleted = logs
if keep > 0 then deleted = 2 * logs end
for i = deleted + 1, #KEYS, 1000 do redis.call('UNLINK', unpack(KEYS, i, math.min(i + 999, #KEYS))) end
local links, numbers = {}, {}
for i = 1, logs do
  local head = redis.call('HMGET', KEYS[i], 'e', 'n', 'x')
  local epoch, prev = head[1], head[3]
  if not (epoch and head[2] and prev) then
    epoch, prev = ARGV[6], ARGV[6]
    redis.call('HSET', KEYS[i], 'e', epoch, 'n', 0)
    if keep > 0 then redis.call('DEL', KEYS[logs + i]) end
  end
  numbers[i] = string.format('%.0f', redis.call('HINCRBY', KEYS[i], 'n', 1))
  redis.call('HSET', KEYS[i], 'x', nonce)
  links[i] = ARGV[7 + i] .. ':' .. epoch .. ':' .. numbers[i] .. ':' .. prev .. ':' .. nonce
end
local message = '2 ' .. table.concat(links, ' ') .. '\n' .. ARGV[4]
if keep > 0 then
  for i = 1, logs do
    local id = numbers[i] .. '-0'
    local added = redis.pcall('XADD', KEYS[logs + i], 'MAXLEN', '~', keep, id, 'm', message)
    if type(added) == 'table' and added.err then
      redis.call('DEL', KEYS[logs + i])
      redis.call('XADD', KEYS[logs + i], id, 'm', message)
    end
  end
end
redis.call(ARGV[2], ARGV[3], message)
return links`)

// beginScript makes a log if there is none, and returns its head.
var beginScript = redis.NewScript(`
local head = redis.call('HMGET', KEYS[1], 'e', 'n', 'x')
if head[1] and head[2] and head[3] then return head end
redis.call('HSET', KEYS[1], 'e', ARGV[1], 'n', 0, 'x', ARGV[1])
return {ARGV[1], '0', ARGV[1]}`)

// newNonce returns a random number that is not 0. Two of one log are equal once in many billion years.
func newNonce() uint64 {
	for {
		if n := rand.Uint64(); n != 0 {
			return n
		}
	}
}

// A call is a run of appendScript.
type call struct {
	keys []string
	args []any
}

// newCall makes the call that enters an event into the logs of some partitions.
func (b *Bus) newCall(parts []int, channel string, payload []byte, deleted []string) call {
	c := call{
		keys: make([]string, 0, 2*len(parts)+len(deleted)),
		args: append(make([]any, 0, 7+len(parts)),
			len(parts), b.publishCommand, channel, payload, formatNonce(newNonce()), formatNonce(newNonce()), b.cfg.ReplayLog),
	}
	for _, p := range parts {
		c.keys = append(c.keys, b.logs[p])
		c.args = append(c.args, p)
	}
	if b.cfg.ReplayLog > 0 {
		for _, p := range parts {
			c.keys = append(c.keys, b.streams[p])
		}
	}
	c.keys = append(c.keys, deleted...)
	return c
}

// run runs one call.
func (b *Bus) run(ctx context.Context, c call) error {
	return b.acked.note(appendScript.Run(ctx, b.rdb, c.keys, c.args...))
}

// runEach runs calls together, each on the node of its log, and returns the first error.
func (b *Bus) runEach(ctx context.Context, calls []call) error {
	if len(calls) == 1 {
		return b.run(ctx, calls[0])
	}
	pipe := b.rdb.Pipeline()
	cmds := make([]*redis.Cmd, len(calls))
	for i, c := range calls {
		cmds[i] = pipe.EvalSha(ctx, appendScript.Hash(), c.keys, c.args...)
	}
	_, _ = pipe.Exec(ctx) // every command has its own error
	var first error
	for i, cmd := range cmds {
		if redis.HasErrorPrefix(cmd.Err(), "NOSCRIPT") {
			cmd = appendScript.Eval(ctx, b.rdb, calls[i].keys, calls[i].args...)
		}
		if err := b.acked.note(cmd); first == nil {
			first = err
		}
	}
	return first
}

// heads reads the heads of the logs of parts, and makes those that do not exist. Each has its own error.
func (b *Bus) heads(ctx context.Context, parts partitions) (heads [invalidate.Partitions]chain.Head, errs [invalidate.Partitions]error) {
	pipe := b.rdb.Pipeline()
	var touched [invalidate.Partitions]*redis.IntCmd
	var cmds [invalidate.Partitions]*redis.SliceCmd
	for p := range parts.all() {
		if b.cfg.StrictPoll {
			touched[p] = pipe.HSet(ctx, b.logs[p], "p", "")
		}
		cmds[p] = pipe.HMGet(ctx, b.logs[p], "e", "n", "x")
	}
	_, _ = pipe.Exec(ctx) // every command has its own error
	for p := range parts.all() {
		if b.cfg.StrictPoll {
			errs[p] = touched[p].Err()
		}
		if errs[p] == nil {
			heads[p], errs[p] = b.head(ctx, p, cmds[p])
		}
	}
	return heads, errs
}

func (b *Bus) head(ctx context.Context, p int, cmd *redis.SliceCmd) (chain.Head, error) {
	fields, err := cmd.Result()
	if err != nil {
		return chain.Head{}, err
	}
	if fields[0] == nil || fields[1] == nil || fields[2] == nil {
		fields, err = beginScript.Run(ctx, b.rdb, []string{b.logs[p]}, formatNonce(newNonce())).Slice()
		if err != nil {
			return chain.Head{}, err
		}
	}
	var text [3]string
	for i := range text {
		text[i], _ = fields[i].(string) // a script that returns a number has read no log of ours
	}
	return parseHead(text[0], text[1], text[2])
}

// missed reads the messages of a partition from number on, if there is a replay log.
func (b *Bus) missed(ctx context.Context, p int, number uint64) ([]message, error) {
	entries, err := b.rdb.XRangeN(ctx, b.streams[p], strconv.FormatUint(number, 10)+"-0", "+", int64(2*b.cfg.ReplayLog)).Result()
	if err != nil {
		return nil, err
	}
	messages := make([]message, 0, len(entries))
	for _, e := range entries {
		text, _ := e.Values["m"].(string)
		m, err := parseMessage(text)
		if err != nil {
			return nil, err
		}
		messages = append(messages, m)
	}
	return messages, nil
}
