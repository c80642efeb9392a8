package redisbus

// applyFlight moves a read on that goes beyond the near tier. If reads take one move, then the stamp and all that is read are of one moment: the oldest
// values that such a stamp may vouch for, so nothing worse can happen between the steps.
func (m *model) applyFlight(s *state, v move) bool {
	in := &s.instances[v.i]
	f := &in.flight
	switch v.kind {
	case takeOff:
		if f.phase != grounded || in.loads == m.loads[v.i] {
			return false
		}
		in.loads++
		m.with(s, v.i, false, func(r *rig) {
			r.flight = r.take()
			*f = flight{phase: stamped}
		})
		return m.fine || m.readFar(s, f)
	case readFar:
		return m.readFar(s, f)
	case readSource:
		return s.readSource(f)
	case fill, fillNear:
		if f.phase != loaded && (v.kind == fill || f.phase != found) {
			return false
		}
		m.with(s, v.i, false, func(r *rig) { m.fill(r, s, v.kind == fillNear) })
	}
	return true
}

func (m *model) readFar(s *state, f *flight) bool {
	switch {
	case f.phase != stamped || s.far.kind == lease: // another is loading: wait
		return false
	case s.far.kind == value:
		f.phase, f.version = found, s.far.n
		return true
	}
	s.tokens++
	s.far = record{lease, s.tokens}
	f.phase, f.token = leased, s.tokens
	return m.fine || s.readSource(f)
}

func (s *state) readSource(f *flight) bool {
	if f.phase != leased {
		return false
	}
	f.phase, f.version = loaded, s.source
	return true
}

// fill is the end of a flight. The near tier takes whatever it is given, as late as it may be: its readers look at the stamp.
func (m *model) fill(r *rig, s *state, nearOnly bool) {
	f := r.in.flight
	r.in.flight = flight{}
	if m.seeds.has(stampLate) {
		r.flight = r.take()
	}
	if !nearOnly {
		held := s.far == record{lease, f.token}
		if !r.fence.Current(&r.flight) && r.fence.Bumped(&r.flight) && !m.seeds.has(plainFill) {
			if held {
				s.far = record{}
			}
			return
		}
		if !held && !m.seeds.has(plainFill) {
			return
		}
		s.far = record{value, f.version}
	}
	r.in.kept, r.in.version, r.near = true, f.version, r.flight
}
