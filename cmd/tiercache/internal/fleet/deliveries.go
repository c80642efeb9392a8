package fleet

import (
	"sync"
	"time"

	"github.com/tiercache/tiercache/tier"
)

// deliveries keeps track of which instance has learned of which write, and how long that took. All methods may be called by many
// goroutines at once.
type deliveries struct {
	instances int

	mu         sync.Mutex // guards the rest
	lastID     uint64
	open       map[uint64]*delivery // writes that have not reached everybody, or are not acknowledged
	lag        *histogram
	sinceBegin *histogram
	changed    chan struct{} // closed and replaced when a write leaves open
}

// A delivery is one write on its way.
type delivery struct {
	writer  int
	began   tier.Instant
	acked   tier.Instant   // 0 before
	arrived []tier.Instant // by instance, 0 before; that of the writer stays 0
	missing int            // number of instances that it has not reached
}

func newDeliveries(instances int) *deliveries {
	return &deliveries{
		instances:  instances,
		open:       make(map[uint64]*delivery),
		lag:        newHistogram(),
		sinceBegin: newHistogram(),
		changed:    make(chan struct{}),
	}
}

// begin returns the id of a new write, which is never 0.
func (d *deliveries) begin(writer int, at tier.Instant) (id uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lastID++
	d.open[d.lastID] = &delivery{
		writer:  writer,
		began:   at,
		arrived: make([]tier.Instant, d.instances),
		missing: d.instances - 1,
	}
	return d.lastID
}

// ack notes that a write was acknowledged.
func (d *deliveries) ack(id uint64, at tier.Instant) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.open[id].acked = at
	d.finish(id)
}

// fail forgets a write that was not acknowledged: nobody was promised anything.
func (d *deliveries) fail(id uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.remove(id)
}

// arrive notes that an instance has applied the event of a write. The writer gets its own event too, which is no news.
func (d *deliveries) arrive(id uint64, instance int, at tier.Instant) {
	d.mu.Lock()
	defer d.mu.Unlock()
	w := d.open[id]
	if w == nil || w.writer == instance || w.arrived[instance] != 0 {
		return
	}
	w.arrived[instance] = at
	w.missing--
	d.finish(id)
}

// finish counts a write that is acknowledged and has reached everybody. The caller holds mu.
func (d *deliveries) finish(id uint64) {
	if w := d.open[id]; w.acked != 0 && w.missing == 0 {
		d.count(w)
		d.remove(id)
	}
}

func (d *deliveries) count(w *delivery) {
	for _, at := range w.arrived {
		if at == 0 {
			continue
		}
		d.lag.record(at.Sub(w.acked))
		d.sinceBegin.record(at.Sub(w.began))
	}
}

func (d *deliveries) remove(id uint64) {
	delete(d.open, id)
	close(d.changed)
	d.changed = make(chan struct{})
}

// settle waits until every write has reached everybody, but not longer than timeout, and returns the sum of it all. No
// write may be under way.
func (d *deliveries) settle(timeout time.Duration) Invalidation {
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	for late := false; !late; {
		d.mu.Lock()
		waiting, changed := len(d.open), d.changed
		d.mu.Unlock()
		if waiting == 0 {
			break
		}
		select {
		case <-changed:
		case <-timer.C:
			late = true
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	undelivered := 0
	for _, w := range d.open {
		undelivered += w.missing
		d.count(w)
	}
	clear(d.open)
	return Invalidation{
		Deliveries:  d.lag.count(),
		Undelivered: uint64(undelivered),
		Lag:         d.lag.summary(),
		SinceBegin:  d.sinceBegin.summary(),
	}
}
