package redisbus

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/tiercache/tiercache/invalidate"
)

// ErrNotReplicated is returned by Publish and PublishDelete when the event was sent, but fewer than Config.Replicas replicas
// have confirmed it.
var ErrNotReplicated = errors.New("not confirmed by enough replicas")

// Publish enters e into the log and sends it to the subscribers of all processes. It returns nil when Redis has done both, and
// an error after Config.Timeout or when ctx is done; even then it may have been done, or be done later. In a cluster, and
// with Config.Sharded, an event with keys of several partitions is sent as one for each of them.
func (b *Bus) Publish(ctx context.Context, e invalidate.Event) error {
	return b.submit(ctx, e, nil)
}

// PublishDelete is Publish that also deletes names from store, in one script: both happen or neither. That takes a store that is the
// client of the bus, a *redis.Client; for any other, and with Config.Sharded, it does nothing and returns errors.ErrUnsupported.
func (b *Bus) PublishDelete(ctx context.Context, e invalidate.Event, store any, names []string) error {
	if c, ok := store.(*redis.Client); !ok || redis.UniversalClient(c) != b.rdb || !b.together {
		return fmt.Errorf("redisbus: delete and publish: %w", errors.ErrUnsupported)
	}
	return b.submit(ctx, e, names)
}

// submit publishes e, with others where that is wanted, and counts.
func (b *Bus) submit(ctx context.Context, e invalidate.Event, names []string) error {
	err := ctx.Err()
	switch {
	case err != nil:
	case b.cfg.Coalesce > 0 && e.Op == invalidate.Delete && len(e.Keys) < maxTogether:
		err = b.coalesce(ctx, e, names)
	default:
		err = b.send(ctx, e, names)
	}
	if err != nil {
		b.count.publishErrors.Add(1)
		return fmt.Errorf("redisbus: publish on channel %q: %w", b.cfg.Channel, err)
	}
	b.count.published.Add(1)
	return nil
}

// send publishes e and deletes names, within Config.Timeout.
func (b *Bus) send(ctx context.Context, e invalidate.Event, names []string) error {
	calls, parts, err := b.calls(e, names)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, b.cfg.Timeout)
	defer cancel()
	err, cut := bounded(ctx, b, func(ctx context.Context) error {
		if err := b.runEach(ctx, calls); err != nil || b.cfg.Replicas == 0 {
			return err
		}
		return b.replicate(ctx, parts)
	})
	if cut != nil {
		return cut
	}
	return err
}

// calls makes the calls that publish e, and names the partitions concerned. One call is enough where all logs are on one server.
func (b *Bus) calls(e invalidate.Event, names []string) (calls []call, parts []int, err error) {
	payload, err := e.AppendBinary(nil)
	if err != nil {
		return nil, nil, err
	}
	shares := sharesOf(e)
	for p := range shares {
		if shares[p] != nil {
			parts = append(parts, p)
		}
	}
	if b.together {
		return []call{b.newCall(parts, b.channels[0], payload, names)}, parts, nil
	}
	for _, p := range parts {
		if e.Op == invalidate.Delete {
			e.Keys = shares[p]
			if payload, err = e.AppendBinary(nil); err != nil {
				return nil, nil, err
			}
		}
		calls = append(calls, b.newCall([]int{p}, b.channels[p], payload, nil))
	}
	return calls, parts, nil
}

// sharesOf returns the keys of e by their partition. Those that e does not concern have nil. An event of other things than
// keys concerns all.
func sharesOf(e invalidate.Event) (shares [invalidate.Partitions][]string) {
	switch {
	case e.Op != invalidate.Delete:
		for p := range shares {
			shares[p] = []string{}
		}
	case len(e.Keys) == 0:
		shares[0] = []string{} // it says nothing, but it is an event
	}
	for _, key := range e.Keys {
		p := invalidate.Partition(e.Cache, key)
		shares[p] = append(shares[p], key)
	}
	return shares
}

// replicate waits until enough replicas have what was written to the logs. WAIT is about what its own connection has
// written, so something has to be written first, and covers whatever the server did before.
func (b *Bus) replicate(ctx context.Context, parts []int) error {
	asked := make(map[redis.UniversalClient]bool)
	for _, p := range parts {
		node := b.rdb
		if c, ok := b.rdb.(*redis.ClusterClient); ok {
			master, err := c.MasterForKey(ctx, b.logs[p])
			if err != nil {
				return err
			}
			node = master
		}
		if asked[node] {
			continue
		}
		asked[node] = true
		pipe := node.Pipeline()
		touched := pipe.HSet(ctx, b.logs[p], "p", "")
		wait := pipe.Do(ctx, "WAIT", b.cfg.Replicas, max(1, (b.cfg.Timeout/2).Milliseconds())) // 0 would be for ever
		_, _ = pipe.Exec(ctx)                                                                  // every command has its own error
		if err := touched.Err(); err != nil {
			return err
		}
		n, err := wait.Int()
		if err != nil {
			return err
		}
		if n < b.cfg.Replicas {
			return fmt.Errorf("%w: %d of %d", ErrNotReplicated, n, b.cfg.Replicas)
		}
	}
	return nil
}

// bounded returns what do returns, or the error of ctx when that is done before. A client that lets its socket wait longer than
// ctx is left alone then: the command ends by the client's own timeouts, and there are no more of them
// than the client has connections, since the wait for one of those does end with ctx.
func bounded[T any](ctx context.Context, b *Bus, do func(ctx context.Context) T) (result T, cut error) {
	if b.deadlines {
		return do(ctx), nil
	}
	done := make(chan T, 1)
	go func() { done <- do(ctx) }()
	select {
	case result = <-done:
		return result, nil
	case <-ctx.Done():
		return result, ctx.Err()
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
