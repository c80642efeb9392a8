package redisbus

import (
	"time"

	"github.com/tiercache/tiercache/internal/chain"
)

// hear is what a bus does with a message.
func (r *rig) hear(m message) { r.acked.forget(r.hub.receive(m)) }

// applyMessage delivers a message. One that is lost is one that is never delivered.
func (m *model) applyMessage(s *state, v move) bool {
	in := &s.instances[v.i]
	if in.channel[v.n] == 0 {
		return false
	}
	if v.kind == repeatMessage {
		if s.repeats == m.repeats {
			return false
		}
		s.repeats++
	} else {
		in.channel[v.n]--
	}
	m.with(s, v.i, true, func(r *rig) { r.hear(s.entries[v.n].message()) })
	return true
}

// applyPoll moves a poll on. If it takes one move to be sent and answered, the freshness lease is counted from the moment of the
// answer: as late as it may be.
func (m *model) applyPoll(s *state, v move) bool {
	in := &s.instances[v.i]
	p := &in.poll
	switch v.kind {
	case joinHub:
		if in.joined {
			return false
		}
		in.joined = true
		m.with(s, v.i, true, func(r *rig) {
			if r.hub.members = nil; m.seeds.has(noDropForLate) {
				r.member.ready = allPartitions
				r.hub.members = append(r.hub.members, r.member)
				return
			}
			r.member.ready = 0
			r.hub.add(r.member)
		})
	case sendPoll:
		if p.phase > asked || !m.polls[v.i] {
			return false
		}
		*p = poll{phase: asked} // the one before has failed
		m.with(s, v.i, true, func(r *rig) {
			sent := r.hub.heads()
			r.acked.extend(&sent)
			p.sent = headOf(sent[thePart])
		})
		if !m.fine {
			m.answer(s, v.i)
		}
	case answerPoll:
		if p.phase != asked {
			return false
		}
		m.answer(s, v.i)
	case judgePoll, endGrace:
		if p.phase != answered && p.phase != waiting || v.kind == endGrace && p.phase != waiting {
			return false
		}
		m.with(s, v.i, true, func(r *rig) { m.judge(r, s, v.kind == endGrace) })
	}
	return true
}

func (m *model) answer(s *state, i int8) {
	m.beginLog(s)
	p := &s.instances[i].poll
	p.phase, p.head = answered, s.log
	for n, w := range s.writes {
		p.owed[n] = !p.stale && w.by == i && w.returned && w.undone
	}
}

// judge is the end of poller.poll.
func (m *model) judge(r *rig, s *state, last bool) {
	p := &r.in.poll
	began := r.now.Add(-time.Duration(p.age) * aTick).Time()
	if m.seeds.has(leaseFromReceipt) {
		began = r.now.Time()
	}
	l := look{began: began}
	l.sent[thePart], l.heads[thePart] = p.sent.real(), p.head.real()
	if m.seeds.has(noRollbackClause) {
		l.sent[thePart] = chain.Head{}
	}
	missing := r.hub.judge(&l, partition(thePart), bound*aTick, false)
	if missing != 0 && last && m.replay {
		if h := r.hub.heads()[thePart]; h.Epoch == uint64(p.head.epoch) {
			r.hub.replay(thePart, m.missed(s, uint8(h.Number)))
			missing = r.hub.judge(&l, missing, bound*aTick, false)
		}
	}
	if missing != 0 && last {
		r.hub.judge(&l, missing, bound*aTick, true)
		missing = 0
	}
	if missing != 0 {
		p.phase = waiting
		if m.seeds.has(confirmBehind) && r.in.joined {
			r.member.Confirm(thePart, began.Add(bound*aTick))
		}
		return
	}
	r.acked.forget(l.dropped)
	if r.in.server != s.server && !m.seeds.has(noIdentity) {
		r.hub.gone()
		r.in.server = s.server
	}
	r.in.judged = p.owed
	*p = poll{}
}

// missed returns what a replay log has after a number.
func (m *model) missed(s *state, number uint8) (missed []message) {
	for n := number + 1; n <= s.log.number; n++ {
		for id := range s.entries {
			e := &s.entries[id]
			if e.epoch == s.log.epoch && e.number == n && s.inLog(id) {
				missed = append(missed, e.message())
			}
		}
	}
	return missed
}

// inLog reports whether the entry has not been undone.
func (s *state) inLog(id int) bool {
	at := s.log
	for at.number > 0 {
		for o := range s.entries {
			if e := &s.entries[o]; e.head == at {
				if o == id {
					return true
				}
				at = e.before
				break
			}
		}
	}
	return false
}
