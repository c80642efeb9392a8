package redisbus

import (
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/tiercache/tiercache/internal/chain"
	"github.com/tiercache/tiercache/invalidate"
)

// applyWrite moves a write on. It begins with the commit at the source: what comes between that and the first move of the fence makes no difference.
func (m *model) applyWrite(s *state, v move) bool {
	w := &s.writes[v.n]
	switch v.kind {
	case beginWrite:
		if int(v.n) >= len(m.writers) || m.writers[v.n] != v.i || w.phase != unwritten || v.n > 0 && s.writes[v.n-1].phase == unwritten {
			return false
		}
		*w = write{phase: begun, by: v.i, origin: s.instances[v.i].origin, executed: -1}
		s.source = v.n + 1
		m.with(s, v.i, false, func(r *rig) { r.fence.Bump(theKey, thePart) })
	case deleteFar:
		if m.steps == together || w.phase == unwritten || w.deleted || m.steps == logFirst && s.entries[1+v.n].number == 0 {
			return false
		}
		s.far, w.deleted = record{}, true
		if m.steps == logFirst {
			w.executed = 0
		}
	case execute:
		if w.phase == unwritten || s.entries[1+v.n].number != 0 || m.steps == deleteFirst && !w.deleted {
			return false
		}
		m.enter(s, 1+v.n, w.origin)
		if m.steps == together {
			w.deleted = true
			s.far = record{}
		}
		if w.deleted {
			w.executed = 0
		}
	case returnWrite:
		ran := w.deleted && s.entries[1+v.n].number != 0
		if w.phase != begun || !ran && !w.undone {
			return false
		}
		w.phase, w.returned = done, true
		w.again, w.heard = w.heard && w.undone, false
		m.with(s, w.by, true, func(r *rig) {
			if !m.seeds.has(noAcks) {
				_ = r.acked.note(s.entries[1+v.n].reply())
			}
			if !m.seeds.has(noSecondBump) {
				r.fence.Bump(theKey, thePart)
			}
		})
	case failWrite: // what was sent may still be carried out
		if w.phase != begun || !m.failures {
			return false
		}
		w.phase, w.heard = done, false
		m.with(s, w.by, false, func(r *rig) { r.fence.Bump(theKey, thePart) })
		if in := &s.instances[w.by]; in.origin == w.origin && !m.seeds.has(originKept) {
			in.origin += instances
		}
	case repeatWrite:
		id := 1 + writes + v.n
		if !w.again || s.entries[id].number != 0 {
			return false
		}
		m.enter(s, id, s.instances[w.by].origin)
		s.far, w.again, w.undone, w.deleted, w.executed = record{}, false, false, true, 0
		m.with(s, w.by, false, func(r *rig) { r.fence.Bump(theKey, thePart) })
	}
	return true
}

// enter adds an entry to the log and sends its message.
func (m *model) enter(s *state, id, origin int8) {
	m.beginLog(s)
	e := posted{head: s.log, prev: s.log.nonce, origin: origin}
	if m.losses > 0 || m.replay {
		e.farBefore, e.before = s.far, s.log
	}
	e.number++
	e.nonce = uint8(id)
	if m.seeds.has(numbersForNonces) {
		e.nonce = byNumber + e.number
	}
	s.log, s.entries[id] = e.head, e
	for i := range s.instances {
		if m.loads[i] > 0 || m.polls[i] { // else nobody can tell
			s.instances[i].channel[id]++
		}
	}
	if by := origin % instances; m.hearsItself && s.instances[by].channel[id] > 0 {
		s.instances[by].channel[id]--
		m.with(s, by, true, func(r *rig) { r.hear(e.message()) })
	}
}

func (m *model) beginLog(s *state) {
	if s.log.epoch != 0 {
		return
	}
	epoch := uint8(firstEpoch)
	if s.losses > 0 && !m.seeds.has(sameEpoch) {
		epoch = secondEpoch
	}
	s.log = head{epoch: epoch, nonce: epoch}
	if m.seeds.has(numbersForNonces) {
		s.log.nonce = byNumber
	}
}

// rollBack takes the store back to before an entry.
func (m *model) rollBack(s *state, id int8) bool {
	e := s.entries[id]
	if m.flushes || s.losses == m.losses || e.number == 0 {
		return false
	}
	s.losses++
	s.server = 1
	s.far, s.log = e.farBefore, e.before
	for n := range s.writes {
		if w := &s.writes[n]; s.entries[1+n].number > s.log.number {
			w.undone, w.deleted, w.executed = true, false, -1
		}
	}
	for i := range s.instances {
		if p := &s.instances[i].poll; p.phase != idle {
			p.stale = true // it may be from the server that is gone
		}
	}
	return true
}

func (e *posted) message() message {
	return message{
		entries: []entry{{thePart, chain.Link{Head: e.real(), Prev: uint64(e.prev)}}},
		event:   invalidate.Event{Op: invalidate.Delete, Cache: theCache, Origin: origins[e.origin], Keys: []string{theKey}},
	}
}

// reply is what the script returns that enters e.
func (e *posted) reply() *redis.Cmd {
	link := fmt.Sprintf("%d:%016x:%d:%016x:%016x", thePart, e.epoch, e.number, e.prev, e.nonce)
	return redis.NewCmdResult([]any{link}, nil)
}
