package redisbus

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/tiercache/tiercache/invalidate"
)

// Publish sends e to the subscribers of all processes. It returns nil when Redis has accepted the event, and an error
// after Config.Timeout or when ctx is done; the event may have been sent even then. Subscribers that are
// connected get it soon after; the others drop everything when they are back.
func (b *Bus) Publish(ctx context.Context, e invalidate.Event) error {
	if err := b.tryPublish(ctx, e); err != nil {
		b.count.publishErrors.Add(1)
		return fmt.Errorf("redisbus: publish on channel %q: %w", b.cfg.Channel, err)
	}
	b.count.published.Add(1)
	return nil
}

func (b *Bus) tryPublish(ctx context.Context, e invalidate.Event) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	payload, err := e.AppendBinary(nil)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, b.cfg.Timeout)
	defer cancel()
	return b.send(ctx, payload)
}

func (b *Bus) publish(ctx context.Context, payload []byte) error {
	return b.rdb.Publish(ctx, b.cfg.Channel, payload).Err()
}

// publishAside publishes through a client that lets its socket wait longer than ctx. The command is
// left alone at the end of ctx: it ends by the client's own timeouts, and there are no more of them
// than the client has connections, since the wait for one of those does end with ctx.
func (b *Bus) publishAside(ctx context.Context, payload []byte) error {
	result := make(chan error, 1)
	go func() { result <- b.publish(ctx, payload) }()
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// honorsDeadlines reports whether the deadline of a context cuts the commands of rdb.
func honorsDeadlines(rdb redis.UniversalClient) bool {
	switch c := rdb.(type) {
	case *redis.Client:
		return c.Options().ContextTimeoutEnabled
	case *redis.ClusterClient:
		return c.Options().ContextTimeoutEnabled
	}
	return false
}
