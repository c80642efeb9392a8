package redisbus

import (
	"sync"

	"github.com/redis/go-redis/v9"

	"github.com/tiercache/tiercache/internal/chain"
	"github.com/tiercache/tiercache/invalidate"
)

// maxAhead is how many entries are remembered after a gap, until a poll has filled it.
const maxAhead = 4096

// followed is a log as far as it has been received.
type followed struct {
	chain.Chain
	ahead []chain.Link // what came after a gap that is being repaired; the events have been applied
}

// catchUp continues the chain by what came after a gap, where that is filled now. Without it, what came while the gap
// was filled would be the next gap.
func (f *followed) catchUp() {
	for i, l := range f.ahead {
		switch f.Receive(l) {
		case chain.Lost:
			f.ahead = f.ahead[i:]
			return
		case chain.Diverged: // the next message, or look, tells the same
			f.ahead = nil
			return
		}
	}
	f.ahead = nil
}

// acks are the latest entries that Redis has acknowledged to this process. A subscription may have missed them. A log that
// does not reach so far has gone back.
type acks struct {
	mu    sync.Mutex
	heads [invalidate.Partitions]chain.Head // guarded by mu; zero: none
}

// note remembers what appendScript has entered, and returns its error.
func (a *acks) note(cmd *redis.Cmd) error {
	links, err := cmd.StringSlice()
	if err != nil {
		return err
	}
	for _, s := range links {
		e, err := parseEntry(s)
		if err != nil {
			return err // the receivers cannot read it either
		}
		a.mu.Lock()
		if h := &a.heads[e.partition]; h.Epoch != e.Epoch || h.Number < e.Number {
			*h = e.Head
		}
		a.mu.Unlock()
	}
	return nil
}

// extend replaces those of heads that are behind what was acknowledged.
func (a *acks) extend(heads *[invalidate.Partitions]chain.Head) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for p, h := range a.heads {
		if h.Epoch == heads[p].Epoch && h.Number > heads[p].Number {
			heads[p] = h
		}
	}
}

// forget is called when a log has gone back.
func (a *acks) forget(parts partitions) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for p := range a.heads {
		if parts.has(p) {
			a.heads[p] = chain.Head{}
		}
	}
}
