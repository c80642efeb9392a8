package redisbus

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tiercache/tiercache/internal/chain"
	"github.com/tiercache/tiercache/internal/clock"
	"github.com/tiercache/tiercache/invalidate"
)

// A hub hands what the subscription receives to many handlers, and follows the logs. It lives from the first handler to the last.
type hub struct {
	stop  context.CancelFunc // ends the subscription and the polls
	done  chan struct{}      // closed when they have ended
	users int                // guarded by Bus.mu
	count *counters
	// repair says that a gap found by a message is left for the next poll, which may be able to fill it. Until then nothing
	// is confirmed, so nothing has to be dropped either.
	repair bool
	kick   chan struct{} // holds a value when a poll should come soon
	moved  chan struct{} // holds a value when a message has continued a log

	mu      sync.Mutex                      // held while handlers run, so that each is called by one goroutine at a time
	members []*member                       // guarded by mu
	logs    [invalidate.Partitions]followed // guarded by mu
	forked  partitions                      // guarded by mu; whose log has gone back, and has not been given another epoch

	// Written with mu held, and read without: a handler may ask for Stats.
	up        atomic.Uint32                       // the partitions whose subscription is in place
	confirmed [invalidate.Partitions]atomic.Int64 // the instants at which the polls began that last did; 0: none has
}

// add lets m take part. What it has stored before is dropped as soon as the subscription is in place.
func (h *hub) add(m *member) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.members = append(h.members, m)
	m.join(partitions(h.up.Load()))
}

// remove returns when no call of m is under way, and there will be none after.
func (h *hub) remove(m *member) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.members = slices.DeleteFunc(h.members, func(o *member) bool { return o == m })
}

// subscribed notes that the subscription to the events of some partitions is in place, perhaps again. What was missed in between is for a
// poll to find out.
func (h *hub) subscribed(parts partitions) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.up.Or(uint32(parts))
	for _, m := range h.members {
		m.join(parts)
	}
	h.pollSoon()
}

// unsubscribed notes that it is not.
func (h *hub) unsubscribed(parts partitions) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.up.And(^uint32(parts))
}

func (h *hub) connected() bool { return partitions(h.up.Load()) == allPartitions }

// receive applies a message and follows the logs by it. It returns the partitions whose log is not the one that was followed.
func (h *hub) receive(m message) (back partitions) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.apply(m.event)
	for _, e := range m.entries {
		log := &h.logs[e.partition]
		switch log.Receive(e.Link) {
		case chain.Next:
			signal(h.moved)
		case chain.Lost:
			h.gap(e)
		case chain.Diverged:
			h.replace(e.partition, e.Head)
			back |= partition(e.partition)
		}
	}
	if back != 0 {
		h.rolledBack()
	}
	return back
}

// replay applies messages of the log of partition p that were missed, as far as they continue what was received.
func (h *hub) replay(p int, missed []message) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, m := range missed {
		for _, e := range m.entries {
			if e.partition != p {
				continue
			}
			h.apply(m.event)
			switch h.logs[p].Receive(e.Link) {
			case chain.Next:
				h.count.replayed.Add(1)
			case chain.Known:
			default:
				return
			}
		}
	}
	h.logs[p].catchUp()
}

// heads returns how far the logs have been received.
func (h *hub) heads() (heads [invalidate.Partitions]chain.Head) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for p := range heads {
		heads[p] = h.logs[p].Head()
	}
	return heads
}

// A look is what a poll has read.
type look struct {
	began   time.Time                         // before anything was sent
	sent    [invalidate.Partitions]chain.Head // how far the logs were known to reach then
	heads   [invalidate.Partitions]chain.Head // of the logs in Redis
	errs    [invalidate.Partitions]error      // where that is unknown
	dropped partitions                        // of which something was missing, or whose log is another one
}

// judge confirms those of parts of which everything up to the look has been received, or dropped now, and returns those of which messages
// are missing. They may be on their way; the last judgement does not wait for them.
func (h *hub) judge(l *look, parts partitions, bound time.Duration, last bool) (missing partitions) {
	h.mu.Lock()
	defer h.mu.Unlock()
	back := false
	var good partitions
	for p := range invalidate.Partitions {
		if !parts.has(p) || l.errs[p] != nil {
			continue
		}
		log, head := &h.logs[p], l.heads[p]
		switch verdict := log.Compare(l.sent[p], head); {
		case verdict == chain.Known:
		case verdict == chain.Unsure:
			h.drop(p)
		case verdict == chain.Diverged:
			h.replace(p, head)
			l.dropped |= partition(p)
			back = true
		case log.Head().Epoch == 0: // the first look
			h.drop(p)
			log.Adopt(head)
		case !last:
			missing |= partition(p)
			continue
		default:
			h.count.behind.Add(1)
			l.dropped |= partition(p)
			h.drop(p)
			log.Adopt(head)
			log.catchUp()
		}
		good |= partition(p)
	}
	if back {
		h.rolledBack() // before the confirmation, which lets what is remembered age
	}
	for p := range invalidate.Partitions {
		if good.has(p) {
			h.confirm(p, l.began, bound)
		}
	}
	return missing
}

// confirm says that nothing older than began is unknown here.
func (h *hub) confirm(p int, began time.Time, bound time.Duration) {
	h.confirmed[p].Store(int64(clock.At(began)))
	for _, m := range h.members {
		if m.ready.has(p) {
			m.Confirm(p, began.Add(bound))
		}
	}
}

// dropAll drops everything, for a reason that is not in the logs.
func (h *hub) dropAll() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for p := range invalidate.Partitions {
		h.drop(p)
	}
}

// takeForked returns the partitions whose log is to be given another epoch, and forgets them.
func (h *hub) takeForked() partitions {
	h.mu.Lock()
	defer h.mu.Unlock()
	forked := h.forked
	h.forked = 0
	return forked
}

// forkedStill says that they have not been given one.
func (h *hub) forkedStill(parts partitions) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.forked |= parts
}

// rename notes that the log of partition p has another epoch. We have given it, so we need not be told.
func (h *hub) rename(p int, old, epoch uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.logs[p].Rename(old, epoch)
}

// gone tells the handlers that the store has gone back.
func (h *hub) gone() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.rolledBack()
}

// age returns how long ago the poll began that last confirmed the partition of which that is longest ago; negative: one never was.
func (h *hub) age() time.Duration {
	oldest := clock.Never
	for p := range h.confirmed {
		oldest = min(oldest, clock.Instant(h.confirmed[p].Load()))
	}
	if oldest == 0 {
		return -1
	}
	return clock.Now().Sub(oldest)
}

// What follows is called with mu held.

func (h *hub) apply(e invalidate.Event) {
	for _, m := range h.members {
		m.Apply(e)
	}
}

func (h *hub) drop(p int) {
	h.count.drops.Add(1)
	for _, m := range h.members {
		if m.ready.has(p) { // else it will be, when it is
			m.Drop(p)
		}
	}
}

// gap takes note of an entry before which others are missing.
func (h *hub) gap(e entry) {
	log := &h.logs[e.partition]
	switch {
	case log.Head().Epoch == 0: // the first look at the log makes it good
	case h.repair && len(log.ahead) < maxAhead:
		if len(log.ahead) == 0 {
			h.count.gaps.Add(1)
		}
		log.ahead = append(log.ahead, e.Link)
	default:
		h.count.gaps.Add(1)
		h.drop(e.partition)
		log.Adopt(e.Head)
		log.ahead = nil
	}
	h.pollSoon()
}

// replace follows a log that is not the one that was followed.
func (h *hub) replace(p int, head chain.Head) {
	h.count.diverged.Add(1)
	if h.logs[p].Head().Epoch == head.Epoch {
		h.forked |= partition(p)
		h.pollSoon()
	} else {
		h.forked &^= partition(p) // somebody else has given it one
	}
	h.drop(p)
	h.logs[p].Adopt(head)
	h.logs[p].ahead = nil
}

func (h *hub) rolledBack() {
	for _, m := range h.members {
		if r, ok := m.Handler.(invalidate.RollbackHandler); ok {
			r.RolledBack()
		}
	}
}

func (h *hub) pollSoon() { signal(h.kick) }

// signal leaves a value in c, which holds one.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
