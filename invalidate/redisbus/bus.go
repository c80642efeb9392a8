package redisbus

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tiercache/tiercache/invalidate"
)

// A Bus is an invalidate.Bus over Redis pub/sub. Its methods may be called by many goroutines at once.
type Bus struct {
	rdb   redis.UniversalClient
	cfg   Config
	send  func(ctx context.Context, payload []byte) error
	count counters

	mu  sync.Mutex
	hub *hub // guarded by mu; nil while there is no subscription
}

// New returns a bus that uses rdb: a client of a single Redis, of one behind Sentinel, or of a cluster. It connects
// when it is first used. The bus does not close rdb.
//
// A redis.Ring is refused: when one of its shards is down, publishers and subscribers may hold different shards to be
// the home of the channel, and events would be lost unnoticed.
func New(rdb redis.UniversalClient, cfg Config) (*Bus, error) {
	if rdb == nil {
		return nil, errors.New("redisbus: no Redis client")
	}
	if _, ok := rdb.(*redis.Ring); ok {
		return nil, errors.New("redisbus: a redis.Ring has no shard that all processes agree on for a channel")
	}
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	b := &Bus{rdb: rdb, cfg: cfg}
	b.send = b.publish
	if !honorsDeadlines(rdb) {
		b.send = b.publishAside
	}
	return b, nil
}

// Bound returns 0: pub/sub loses messages unseen, so no time is promised.
func (b *Bus) Bound() time.Duration { return 0 }

// Subscribe delivers the events of all processes to h until ctx is done, and returns ctx.Err() then. While Redis
// cannot be reached it keeps trying. Each time the subscription is put in place it calls h.Drop for every
// partition, as it does after a message that is no event.
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
	m := &member{h}
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

// startHub returns a hub that a link feeds until it is stopped.
func (b *Bus) startHub() *hub {
	ctx, cancel := context.WithCancel(context.Background())
	h := &hub{stop: cancel, done: make(chan struct{})}
	l := &link{
		rdb:          b.rdb,
		channel:      b.cfg.Channel,
		pingInterval: b.cfg.PingInterval,
		pingTimeout:  b.cfg.PingTimeout,
		up: func() {
			b.count.subscribed.Add(1)
			h.up()
		},
		message: func(payload string) { b.receive(h, payload) },
		down: func(wasUp bool, err error) {
			h.down()
			b.noteDown(wasUp, err)
		},
	}
	go func() {
		defer close(h.done)
		l.run(ctx)
	}()
	return h
}

// receive hands a message to h. One that makes no sense may have been an event, of a newer version or
// damaged, so it is a loss.
func (b *Bus) receive(h *hub, payload string) {
	var e invalidate.Event
	if err := e.UnmarshalBinary([]byte(payload)); err != nil {
		b.count.undecodable.Add(1)
		h.drop()
		b.cfg.OnError(fmt.Errorf("redisbus: message on channel %q: %w", b.cfg.Channel, err))
		return
	}
	b.count.received.Add(1)
	h.apply(e)
}

func (b *Bus) noteDown(wasUp bool, err error) {
	if wasUp {
		b.count.interrupted.Add(1)
	} else {
		b.count.failedAttempts.Add(1)
	}
	if errors.Is(err, errSilent) {
		b.count.silent.Add(1)
	}
	b.cfg.OnError(fmt.Errorf("redisbus: subscription to channel %q: %w", b.cfg.Channel, err))
}

func (b *Bus) connected() bool {
	b.mu.Lock()
	h := b.hub
	b.mu.Unlock()
	return h != nil && h.connected()
}
