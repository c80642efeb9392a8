package redisbus

// apply makes a move, or reports false where it is not possible.
func (m *model) apply(s *state, v move) bool {
	switch v.kind {
	case tick:
		m.tick(s)
		return true
	case beginWrite, deleteFar, execute, returnWrite, failWrite, repeatWrite:
		return m.applyWrite(s, v)
	case deliver, repeatMessage:
		return m.applyMessage(s, v)
	case sendPoll, answerPoll, judgePoll, endGrace, joinHub:
		return m.applyPoll(s, v)
	case takeOff, readFar, readSource, fill, fillNear:
		return m.applyFlight(s, v)
	case loseRecord:
		if s.far.kind == nothing || s.evictions == m.evictions {
			return false
		}
		s.evictions++
		s.far = record{}
		return true
	case rollBack:
		return m.rollBack(s, v.n)
	case flush:
		if !m.flushes || s.losses == m.losses {
			return false
		}
		s.losses++
		s.far, s.log = record{}, head{}
		return true
	}
	return false
}

func (m *model) tick(s *state) {
	for n := range s.writes {
		if w := &s.writes[n]; w.executed >= 0 {
			w.executed = min(w.executed+1, old)
		}
	}
	for i := range s.instances {
		in := &s.instances[i]
		in.until = max(in.until-1, -1)
		if in.kept {
			in.stamp.age = min(in.stamp.age+1, old)
		}
		if in.flight.phase != grounded {
			in.flight.stamp.age = min(in.flight.stamp.age+1, old)
		}
		if in.poll.phase != idle {
			in.poll.age = min(in.poll.age+1, old)
		}
	}
}

// with runs do on an instance in a rig.
func (m *model) with(s *state, i int8, withLog bool, do func(r *rig)) {
	r := m.rigs[i]
	r.load(&s.instances[i], withLog)
	do(r)
	if r.toldBack {
		s.toldBack(i)
	}
	r.save(withLog)
}

func (s *state) toldBack(i int8) {
	for n := range s.writes {
		if w := &s.writes[n]; w.by == i && w.phase == begun {
			w.heard = true
		} else if w.by == i && w.returned {
			w.again = w.undone // those that are not could be repeated as well, to no harm
		}
	}
}
