package tier

// The overlay is settled in rounds, one at a time: a round applies all that was put before, and waits for the engine. That makes
// the engine simple. It has one writer, which writes each key once and then lets it catch up, so two writes of a key are never
// under way at once. At the end of a round the engine shows what was written last, or nothing, with a report that says why.

// settle is called after something was put. The writer does the round itself if nobody else is at it: then the
// policy is offered the entry right after the miss that it comes from, which it decides best about, and no goroutine has to be
// scheduled but that of the engine. If another is at it, that one looks again when it is done.
func (m *memory[V]) settle() {
	if !m.settling.TryLock() {
		return
	}
	m.round()
	m.settling.Unlock()
	if m.overlay.waiting() { // put while the lock was held: not to be done by this caller, who could be kept for ever
		m.wakeSettler()
	}
}

// wakeSettler makes settleRest look for something to do.
func (m *memory[V]) wakeSettler() {
	select {
	case m.wake <- struct{}{}:
	default: // it has yet to look
	}
}

// settleRest does the rounds that writers leave over, until the tier is closed.
func (m *memory[V]) settleRest() {
	defer close(m.ended)
	for {
		select {
		case <-m.wake:
		case <-m.overlay.done:
			return
		}
		for m.overlay.waiting() {
			m.settling.Lock()
			m.round()
			m.settling.Unlock()
		}
	}
}

// round applies what has been put. The caller holds settling.
func (m *memory[V]) round() {
	if batch := m.overlay.take(); len(batch) > 0 {
		m.apply(batch)
		m.overlay.settled()
	}
}

// queueLen is the number of writes that the engine is given before it is waited for: well below the
// 32,768 that fit into its queue, so that it drops none.
const queueLen = 8 << 10

// apply writes a batch to the engine and waits until the engine has applied it.
func (m *memory[V]) apply(batch map[string]pending[V]) {
	queued := 0
	for _, p := range batch {
		if p.entry == nil {
			m.engine.Del(p.hash)
		} else {
			m.set(p)
		}
		if queued++; queued%queueLen == 0 {
			m.engine.Wait()
		}
	}
	m.engine.Wait()
	m.shrink(batch)
}

// set gives an entry to the engine. Should the queue be full, it is empty after Wait.
func (m *memory[V]) set(p pending[V]) {
	for !m.engine.Set(p.hash, p.entry, p.cost) {
		m.engine.Wait()
	}
}

// shrink makes up for updates of a batch that made entries larger. The engine takes note of the new cost but does not make
// room for it before the next new entry. So the entries of the batch are added again, as new ones,
// until the rest fits.
func (m *memory[V]) shrink(batch map[string]pending[V]) {
	for _, p := range batch {
		if m.engine.RemainingCost() >= 0 {
			return
		}
		if p.entry == nil || !m.resident(p.hash) {
			continue
		}
		m.engine.Del(p.hash)
		m.set(p)
		m.engine.Wait()
	}
}
