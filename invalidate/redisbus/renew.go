package redisbus

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// renewScript gives a log another epoch, unless somebody has done that.
var renewScript = redis.NewScript(`
if redis.call('HGET', KEYS[1], 'e') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'e', ARGV[2])
return 1`)

// renew gives the logs that have gone back another epoch. Whoever has seen that a log went back tells the others by it:
//
//  1. A log is at 41. It goes back to 40, and with it the deletion that was entry 41.
//  2. The process that has sent 41 does not look at the log, as its subscription is down and its next poll is due a little later.
//  3. Others see it, and repeat what they have sent. Now the log is at 45.
//  4. The process looks. It has seen 41, and the log is at 45: it may have missed four messages. But the epoch is another one.
func (p *poller) renew(ctx context.Context) {
	forked := p.hub.takeForked()
	if forked == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, p.cfg.Timeout)
	defer cancel()
	heads := p.hub.heads()
	for part := range forked.all() {
		type outcome struct {
			ours bool
			err  error
		}
		old, epoch := heads[part].Epoch, newNonce()
		done, err := bounded(ctx, p.Bus, func(ctx context.Context) (o outcome) {
			o.ours, o.err = renewScript.Run(ctx, p.rdb, []string{p.logs[part]}, formatNonce(old), formatNonce(epoch)).Bool()
			return o
		})
		if err == nil {
			err = done.err
		}
		if done.ours && err == nil {
			p.hub.rename(part, old, epoch)
		}
		if err != nil {
			p.count.pollErrors.Add(1)
			p.hub.forkedStill(partition(part))
			p.cfg.OnError(fmt.Errorf("redisbus: log of channel %q that has gone back: %w", p.cfg.Channel, err))
		}
	}
}
