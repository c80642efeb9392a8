package fleet

import (
	"errors"
	"math/rand/v2"
	"sync/atomic"

	"github.com/tiercache/tiercache/cmd/tiercache/internal/workload"
	"github.com/tiercache/tiercache/tier"
)

// A caller makes the calls of one worker. It is for one goroutine.
type caller interface {
	read(key int) (version uint64, from answer, err error)
	write(key int) error
}

// A worker sends one request after the other, and measures each.
type worker struct {
	run    *run
	caller caller
	next   workload.Stream
	random *rand.Rand // decides which requests are writes

	done atomic.Uint64 // requests, read by others while the worker runs

	// What follows is read when the worker has ended.
	reads, writes, readErrors, writeErrors, hung uint64

	latency   [answers]*histogram
	writeTime *histogram
	staleAge  *histogram
}

func newWorker(r *run, c caller, next workload.Stream, seed, number uint64) *worker {
	w := &worker{
		run:       r,
		caller:    c,
		next:      next,
		random:    rand.New(rand.NewPCG(seed, ^number)), // the workload has the streams that count from 0
		writeTime: newHistogram(),
		staleAge:  newHistogram(),
	}
	for i := range w.latency {
		w.latency[i] = newHistogram()
	}
	return w
}

// work sends requests until there are no more or the run is stopped.
func (w *worker) work() {
	writes := w.run.cfg.Writes
	for !w.run.stopped.Load() {
		key, ok := w.next()
		if !ok {
			return
		}
		if writes > 0 && w.random.Float64() < writes {
			w.write(key)
		} else {
			w.read(key)
		}
		w.done.Store(w.reads + w.writes)
	}
}

func (w *worker) read(key int) {
	began := tier.Now()
	version, from, err := w.caller.read(key)
	took := tier.Now().Sub(began)
	switch {
	case errors.Is(err, errEnded):
		return
	case err != nil:
		w.reads++
		w.readErrors++
		w.failed(err)
		return
	}
	w.reads++
	w.latency[from].record(took)
	if age, stale := w.run.ledger.stale(key, version, began); stale {
		w.staleAge.record(age)
	}
}

func (w *worker) write(key int) {
	w.writes++
	began := tier.Now()
	if err := w.caller.write(key); err != nil {
		w.writeErrors++
		w.failed(err)
		return
	}
	w.writeTime.record(tier.Now().Sub(began))
}

// failed notes the error of a call.
func (w *worker) failed(err error) {
	if w.run.calls.Err() != nil {
		err = errHung
		w.hung++
	}
	w.run.errors.note(err)
}
