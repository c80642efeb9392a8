package redisbus

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tiercache/tiercache/internal/chain"
	"github.com/tiercache/tiercache/invalidate"
)

// A poller compares the logs in Redis with what a hub has received, over the connections of ordinary commands. It finds what the
// subscription cannot know of itself: that it is deaf, or connected to a server that is nobody's any more.
//
// The answer to a poll that began at some instant names the latest entry of each log at that instant or later. If everything up to
// there has been applied or dropped, whatever is unknown here was published after that instant. So for one bound
// from then on, what is kept is not older than the bound. Only the clock of this process is used.
type poller struct {
	*Bus
	hub     *hub
	restart func(partitions, error)    // puts the subscription of partitions in place anew
	servers map[string]string          // run ID of the servers that were the store when they last answered, by address; empty: not yet
	lagged  [invalidate.Partitions]int // polls in a row that had to drop
	began   time.Time                  // when the latest poll did
	asleep  time.Duration              // what it was at the latest poll
	failing bool                       // the latest poll has failed
}

// run polls until ctx is done.
func (p *poller) run(ctx context.Context) {
	for ctx.Err() == nil {
		interval, least := p.cfg.PollInterval, min(p.cfg.PollInterval/20, 50*time.Millisecond)
		// A fleet that was started together should not poll together.
		next := interval - rand.N(interval/10+1) - time.Since(p.began)
		regular := time.NewTimer(max(next, least))
		soonest := time.NewTimer(least)
		select {
		case <-ctx.Done():
		case <-regular.C:
		case <-soonest.C: // polls that are asked for have a distance
			select {
			case <-ctx.Done():
			case <-regular.C:
			case <-p.hub.kick:
			}
		}
		regular.Stop()
		soonest.Stop()
		if ctx.Err() == nil {
			p.poll(ctx)
		}
	}
}

// shortestSleep is how much longer than before the machine must have been suspended to count: less may be an error of the measurement.
const shortestSleep = 20 * time.Millisecond

// poll takes one look.
func (p *poller) poll(ctx context.Context) {
	// While the machine sleeps its monotonic clock stands still, so what was confirmed before looks younger than it is.
	if asleep := p.suspended(); asleep > p.asleep+shortestSleep {
		p.asleep = asleep
		p.hub.dropAll()
	}
	p.began = time.Now()
	l := look{sent: p.hub.heads(), began: p.began}
	p.acked.extend(&l.sent)
	if err := p.read(ctx, &l); err != nil {
		p.count.pollErrors.Add(1)
		if !p.failing && ctx.Err() == nil {
			p.cfg.OnError(fmt.Errorf("redisbus: poll of the log of channel %q: %w", p.cfg.Channel, err))
		}
		p.failing = true
	} else {
		p.count.polls.Add(1)
		p.failing = false
	}
	p.identify(ctx, &l) // first: whoever repeats what he remembers of the time since the last confirmation should not have forgotten it
	missing := p.hub.judge(&l, allPartitions, p.cfg.Bound, false)
	p.renew(ctx)
	if missing != 0 {
		missing = p.await(ctx, &l, missing)
	}
	if missing != 0 && p.cfg.ReplayLog > 0 {
		missing = p.replay(ctx, &l, missing)
	}
	if missing != 0 {
		p.hub.judge(&l, missing, p.cfg.Bound, true)
	}
	if l.dropped != 0 {
		p.acked.forget(l.dropped)
	}
	p.resubscribe(&l)
}

// read fills in what is in Redis. Its error is that of the first log that could not be read. The nodes of a cluster are asked each for itself, so
// that one which hangs holds up its own logs and no others.
func (p *poller) read(ctx context.Context, l *look) error {
	ctx, cancel := context.WithTimeout(ctx, p.cfg.Timeout)
	defer cancel()
	type answer struct {
		parts partitions
		heads [invalidate.Partitions]chain.Head
		errs  [invalidate.Partitions]error
	}
	groups := p.groups(ctx)
	answers := make(chan answer, len(groups))
	for _, parts := range groups {
		go func() {
			a, cut := bounded(ctx, p.Bus, func(ctx context.Context) (a answer) {
				a.heads, a.errs = p.heads(ctx, parts)
				return a
			})
			if cut != nil {
				for part := range parts.all() {
					a.errs[part] = cut
				}
			}
			a.parts = parts
			answers <- a
		}()
	}
	for range groups {
		a := <-answers
		for part := range a.parts.all() {
			l.heads[part], l.errs[part] = a.heads[part], a.errs[part]
		}
	}
	for _, err := range l.errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// groups divides the partitions by the node that has their logs.
func (p *poller) groups(ctx context.Context) []partitions {
	c, ok := p.rdb.(*redis.ClusterClient)
	if !ok {
		return []partitions{allPartitions}
	}
	byNode, _ := bounded(ctx, p.Bus, func(ctx context.Context) map[string]partitions {
		byNode := make(map[string]partitions)
		for part, log := range p.logs {
			node, err := c.MasterForKey(ctx, log)
			if err != nil {
				return nil
			}
			byNode[node.Options().Addr] |= partition(part)
		}
		return byNode
	})
	if byNode == nil {
		return []partitions{allPartitions} // the client does not know the nodes, and may find out
	}
	return slices.Collect(maps.Values(byNode))
}

// await waits for messages that are on their way, and returns the partitions whose messages have not come.
func (p *poller) await(ctx context.Context, l *look, missing partitions) partitions {
	timer := time.NewTimer(p.grace)
	defer timer.Stop()
	for missing != 0 {
		select {
		case <-ctx.Done():
			return missing
		case <-timer.C:
			return missing
		case <-p.hub.moved:
			missing = p.hub.judge(l, missing, p.cfg.Bound, false)
		}
	}
	return 0
}

// replay fills gaps from the replay log, and returns the partitions where that was not possible.
func (p *poller) replay(ctx context.Context, l *look, missing partitions) partitions {
	heads := p.hub.heads()
	ctx, cancel := context.WithTimeout(ctx, p.cfg.Timeout)
	defer cancel()
	for part := range invalidate.Partitions {
		if !missing.has(part) || heads[part].Epoch != l.heads[part].Epoch {
			continue
		}
		type answer struct {
			messages []message
			err      error
		}
		a, cut := bounded(ctx, p.Bus, func(ctx context.Context) (a answer) {
			a.messages, a.err = p.missed(ctx, part, heads[part].Number+1)
			return a
		})
		if err := errors.Join(cut, a.err); err != nil {
			p.count.pollErrors.Add(1)
			p.cfg.OnError(fmt.Errorf("redisbus: replay log of channel %q: %w", p.cfg.Channel, err))
			continue
		}
		p.hub.replay(part, a.messages)
	}
	return p.hub.judge(l, missing, p.cfg.Bound, false)
}

// resubscribe gives up a subscription that did not agree with the log twice in a row: it may be to a server that gets no
// messages any more, or gets others.
func (p *poller) resubscribe(l *look) {
	var deaf partitions
	for part := range p.lagged {
		switch {
		case l.errs[part] != nil: // says nothing about the subscription
		case !l.dropped.has(part):
			p.lagged[part] = 0
		case p.lagged[part] == 0:
			p.lagged[part] = 1
		default:
			p.lagged[part] = 0
			deaf |= partition(part)
		}
	}
	if deaf != 0 {
		p.restart(deaf, errDeaf)
	}
}
