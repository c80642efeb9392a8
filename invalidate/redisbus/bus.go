package redisbus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tiercache/tiercache/internal/clock"
	"github.com/tiercache/tiercache/invalidate"
)

// A Bus is an invalidate.Bus over a log in Redis and Redis pub/sub. Its methods may be called by many goroutines at once.
type Bus struct {
	rdb       redis.UniversalClient
	cfg       Config
	deadlines bool          // rdb honors those of contexts
	together  bool          // all logs are on one server, and one channel carries all events
	grace     time.Duration // how long messages may be on their way after the log has them
	count     counters
	acked     acks
	suspended func() time.Duration // clock.Suspended, but in a test of it

	publishCommand string
	channels       []string // of each partition; one, if it is common to all
	logs           [invalidate.Partitions]string
	streams        [invalidate.Partitions]string

	mu  sync.Mutex
	hub *hub // guarded by mu; nil while there is no subscription

	batchMu sync.Mutex
	batches map[sender]*batch // guarded by batchMu; those that others may still join
}

// New returns a bus that uses rdb: a client of a single Redis, of one behind Sentinel, or of a cluster. It connects
// when it is first used. The bus does not close rdb.
//
// A redis.Ring is refused: when one of its shards is down, publishers and subscribers may hold different shards to be
// the home of the log. So is a cluster client that reads from replicas: a replica may not have what the master
// has acknowledged, and would confirm what is not so.
func New(rdb redis.UniversalClient, cfg Config) (*Bus, error) {
	if rdb == nil {
		return nil, errors.New("redisbus: no Redis client")
	}
	switch c := rdb.(type) {
	case *redis.Ring:
		return nil, errors.New("redisbus: a redis.Ring has no shard that all processes agree on for a channel")
	case *redis.ClusterClient:
		if o := c.Options(); o.ReadOnly || o.RouteByLatency || o.RouteRandomly {
			return nil, errors.New("redisbus: the client reads from replicas (ReadOnly, RouteByLatency or RouteRandomly), which may be behind")
		}
	}
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	b := &Bus{
		rdb:       rdb,
		cfg:       cfg,
		deadlines: honorsDeadlines(rdb),
		grace:     min(250*time.Millisecond, cfg.Bound/8),
		batches:   make(map[sender]*batch),
		suspended: clock.Suspended,
	}
	b.name()
	return b, nil
}

// name decides where logs and events are. A log has the partition in braces, so that in a cluster each can be on another node, and
// its stream is with it.
func (b *Bus) name() {
	_, cluster := b.rdb.(*redis.ClusterClient)
	b.together = !cluster && !b.cfg.Sharded
	for p := range invalidate.Partitions {
		b.logs[p] = fmt.Sprintf("%s:{%d}", b.cfg.Channel, p)
		b.streams[p] = b.logs[p] + ":replay"
	}
	database := ""
	if c, ok := b.rdb.(*redis.Client); ok && c.Options().DB != 0 {
		database = fmt.Sprintf("@%d", c.Options().DB) // channels are common to all databases, and logs are not
	}
	if !b.cfg.Sharded {
		b.publishCommand = "PUBLISH"
		b.channels = slices.Repeat([]string{b.cfg.Channel + database}, invalidate.Partitions)
		return
	}
	b.publishCommand = "SPUBLISH"
	for _, log := range b.logs {
		b.channels = append(b.channels, log+database) // in the slot of the log
	}
}

// Bound returns Config.Bound.
func (b *Bus) Bound() time.Duration { return b.cfg.Bound }

// Subscribe delivers the events of all processes to h until ctx is done, and returns ctx.Err() then. While Redis
// cannot be reached it keeps trying. When the subscription is first in place it calls h.Drop for every
// partition, and later for those of which something may have been missed. While Redis answers the polls it calls h.Confirm
// with them. If h is an invalidate.RollbackHandler, it is told when the log in Redis has gone back.
//
// The last subscription to end takes the connection with it. It waits at most Config.Timeout for that: a handshake with a
// server that does not answer ends when the client's own timeouts let it.
func (b *Bus) Subscribe(ctx context.Context, h invalidate.Handler) error {
	if h == nil {
		return errors.New("redisbus: subscribe: no handler")
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	m := &member{Handler: h}
	room := b.join(m)
	<-ctx.Done()
	b.leave(room, m)
	return ctx.Err()
}

// join adds m to the hub and starts one where there is none.
func (b *Bus) join(m *member) *hub {
	b.mu.Lock()
	if b.hub == nil {
		b.hub = b.startHub()
	}
	h := b.hub
	h.users++
	b.mu.Unlock()
	h.add(m)
	return h
}

// leave removes m, which is not called any more when leave returns, and ends a hub that nobody uses.
func (b *Bus) leave(h *hub, m *member) {
	h.remove(m)
	b.mu.Lock()
	h.users--
	last := h.users == 0
	if last {
		b.hub = nil // whoever comes now gets a new one: this one may linger
	}
	b.mu.Unlock()
	if !last {
		return
	}
	h.stop()
	timer := time.NewTimer(b.cfg.Timeout)
	defer timer.Stop()
	select {
	case <-h.done:
	case <-timer.C:
	}
}

// startHub returns a hub that a poller and one or more links feed until it is stopped.
func (b *Bus) startHub() *hub {
	ctx, cancel := context.WithCancel(context.Background())
	h := &hub{
		stop:   cancel,
		done:   make(chan struct{}),
		count:  &b.count,
		repair: b.cfg.ReplayLog > 0,
		kick:   make(chan struct{}, 1),
		moved:  make(chan struct{}, 1),
	}
	links := b.links(h)
	p := &poller{Bus: b, hub: h, asleep: b.suspended(), restart: func(deaf partitions, cause error) {
		for _, l := range links {
			if l.parts&deaf != 0 {
				l.restart(cause)
			}
		}
	}}
	go func() {
		defer close(h.done)
		p.poll(ctx) // before the subscription: what is published in between shows as a gap, and without one nothing has to be dropped twice
		var running sync.WaitGroup
		for _, l := range links {
			running.Go(func() { l.run(ctx) })
		}
		p.run(ctx)
		running.Wait()
	}()
	return h
}

// links makes the subscriptions: one for all partitions, or one for each. A connection can hold subscriptions to shard channels of one node
// only, so each has its own.
func (b *Bus) links(h *hub) []*link {
	newLink := func(channel string, parts partitions) *link {
		return &link{
			rdb:          b.rdb,
			channel:      channel,
			sharded:      b.cfg.Sharded,
			parts:        parts,
			pingInterval: b.cfg.PingInterval,
			pingTimeout:  b.cfg.PingTimeout,
			failed:       make(chan error, 1),
			up: func() {
				b.count.subscribed.Add(1)
				h.subscribed(parts)
			},
			message: func(payload string) { b.receive(h, payload) },
			down: func(wasUp bool, err error) {
				h.unsubscribed(parts)
				b.noteDown(channel, wasUp, err)
			},
		}
	}
	if !b.cfg.Sharded {
		return []*link{newLink(b.channels[0], allPartitions)}
	}
	links := make([]*link, invalidate.Partitions)
	for p := range links {
		links[p] = newLink(b.channels[p], partition(p))
	}
	return links
}

// receive hands a message to h. One that makes no sense may have been an event, of a newer version or
// damaged, so it is a loss.
func (b *Bus) receive(h *hub, payload string) {
	m, err := parseMessage(payload)
	if err != nil {
		b.count.undecodable.Add(1)
		h.dropAll()
		b.cfg.OnError(fmt.Errorf("redisbus: message on channel %q: %w", b.cfg.Channel, err))
		return
	}
	b.count.received.Add(1)
	if back := h.receive(m); back != 0 {
		b.acked.forget(back)
	}
}

func (b *Bus) noteDown(channel string, wasUp bool, err error) {
	if wasUp {
		b.count.interrupted.Add(1)
	} else {
		b.count.failedAttempts.Add(1)
	}
	if errors.Is(err, errSilent) || errors.Is(err, errDeaf) {
		b.count.silent.Add(1)
	}
	b.cfg.OnError(fmt.Errorf("redisbus: subscription to channel %q: %w", channel, err))
}

// current returns the hub, nil while there is no subscription.
func (b *Bus) current() *hub {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.hub
}
