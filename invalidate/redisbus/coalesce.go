package redisbus

import (
	"context"
	"time"

	"github.com/tiercache/tiercache/invalidate"
)

// maxTogether is how many keys are sent without waiting for more.
const maxTogether = 512

// A batch is the keys of several events that are published as one. Whoever began it publishes it.
type batch struct {
	event invalidate.Event // guarded by Bus.batchMu until the batch is closed
	names []string         // guarded by Bus.batchMu until the batch is closed
	full  chan struct{}    // closed when there are maxTogether keys
	done  chan struct{}    // closed when err is there
	err   error
}

// A sender is whose events may be published together.
type sender struct{ cache, origin string }

// coalesce publishes e together with what else its sender publishes within Config.Coalesce. It returns when that is
// done, so an acknowledgement means as much as without.
func (b *Bus) coalesce(ctx context.Context, e invalidate.Event, names []string) error {
	if err := e.Validate(); err != nil {
		return err // of this event alone
	}
	who := sender{e.Cache, e.Origin}
	b.batchMu.Lock()
	t := b.batches[who]
	if t == nil {
		t = &batch{event: invalidate.Event{Op: e.Op, Cache: e.Cache, Origin: e.Origin}, full: make(chan struct{}), done: make(chan struct{})}
		b.batches[who] = t
		go b.sendBatch(who, t)
	} else {
		b.count.coalesced.Add(1)
	}
	t.event.Keys = append(t.event.Keys, e.Keys...)
	t.names = append(t.names, names...)
	if len(t.event.Keys) >= maxTogether {
		delete(b.batches, who)
		close(t.full)
	}
	b.batchMu.Unlock()
	select {
	case <-t.done:
		return t.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// sendBatch publishes t when it is full or its time has come.
func (b *Bus) sendBatch(who sender, t *batch) {
	timer := time.NewTimer(b.cfg.Coalesce)
	defer timer.Stop()
	select {
	case <-t.full:
	case <-timer.C:
	}
	b.batchMu.Lock()
	if b.batches[who] == t {
		delete(b.batches, who)
	}
	b.batchMu.Unlock()
	t.err = b.send(context.Background(), t.event, t.names)
	close(t.done)
}
