package harness

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/tiercache/tiercache/faults/internal/fault"
	"github.com/tiercache/tiercache/faults/internal/instance"
	"github.com/tiercache/tiercache/faults/internal/mono"
	"github.com/tiercache/tiercache/faults/internal/report"
)

// Pauses between two faults of one lane.
const (
	minPause = 200 * time.Millisecond
	maxPause = 2 * time.Second
)

// A lane runs faults of one kind, one after the other. Which, and how, follows from the seed alone; when, from
// how long they take as well.
type lane struct {
	fault.Lane
	r    *rand.Rand
	deck []fault.Fault // still to come before any is repeated
}

func newLanes(cfg Config) []*lane {
	var lanes []*lane
	for n, l := range fault.Lanes(cfg.Topology) {
		l.Faults = keep(l.Faults, func(f fault.Fault) bool {
			switch {
			case f.Spares && cfg.Mode == instance.Plain, f.Rollback && !cfg.Rollbacks:
				return false
			}
			return cfg.Only == nil || cfg.Only.MatchString(f.Name)
		})
		if len(l.Faults) > 0 {
			lanes = append(lanes, &lane{Lane: l, r: rand.New(rand.NewPCG(cfg.Seed, uint64(n)))})
		}
	}
	return lanes
}

func keep(all []fault.Fault, ok func(fault.Fault) bool) []fault.Fault {
	var kept []fault.Fault
	for _, f := range all {
		if ok(f) {
			kept = append(kept, f)
		}
	}
	return kept
}

// next returns the pause before the next fault, the fault, and the chance that it is given.
func (l *lane) next() (time.Duration, fault.Fault, *rand.Rand) {
	if len(l.deck) == 0 {
		for _, n := range l.r.Perm(len(l.Faults)) {
			l.deck = append(l.deck, l.Faults[n])
		}
	}
	f := l.deck[0]
	l.deck = l.deck[1:]
	return minPause + time.Duration(l.r.Int64N(int64(maxPause-minPause))), f, rand.New(rand.NewPCG(l.r.Uint64(), l.r.Uint64()))
}

// breakThings lets faults happen in all lanes until ctx is done, and returns when all are over.
func (r *run) breakThings(ctx context.Context) {
	var done sync.WaitGroup
	for _, l := range r.lanes {
		done.Go(func() {
			for {
				pause, f, chance := l.next()
				select {
				case <-ctx.Done():
					return
				case <-time.After(pause):
				}
				r.inject(ctx, f, chance)
			}
		})
	}
	done.Wait()
}

// inject lets one fault happen. One after which Redis may have lost changes waits until the others are over, and keeps them waiting until
// the instances must have repaired it: else what the others delay could be blamed on it.
func (r *run) inject(ctx context.Context, f fault.Fault, chance *rand.Rand) {
	if !f.Rollback {
		r.alone.RLock()
		defer r.alone.RUnlock()
		r.injectNow(ctx, f, chance)
		return
	}
	r.alone.Lock()
	defer r.alone.Unlock()
	if ctx.Err() != nil {
		return
	}
	w, err := r.src.OpenWindow()
	if err != nil {
		r.problem(err)
		return
	}
	r.injectNow(ctx, f, chance)
	repaired := r.cfg.Detection() + r.cfg.Bound
	if f.Unseen {
		repaired += r.cfg.Detection()
	}
	w.Close(mono.Now().Add(repaired))
	time.Sleep(repaired)
}

func (r *run) injectNow(ctx context.Context, f fault.Fault, chance *rand.Rand) {
	if ctx.Err() != nil {
		return
	}
	e := report.Event{Name: f.Name, Rollback: f.Rollback, From: mono.Now()}
	err := f.Run(ctx, r.env, chance)
	e.To = mono.Now()
	if f.Rollback || f.Moves {
		r.noteMasters(ctx)
	}
	r.mu.Lock()
	r.result.Faults = append(r.result.Faults, e)
	r.mu.Unlock()
	if err != nil && ctx.Err() == nil { // cut short, it may have failed by that
		r.problem(faultError{f.Name, err})
	}
}

// noteMasters remembers who the masters are after a fault that has changed them.
func (r *run) noteMasters(ctx context.Context) {
	masters, err := r.env.Servers.MasterAddrs(context.WithoutCancel(ctx))
	if err != nil {
		r.problem(err)
		return
	}
	r.masters = masters
}

// checkMasters reports masters that no fault has made, as sentinels do on a machine that is too busy. What is lost
// by that cannot be told from what the cache has lost.
func (r *run) checkMasters(ctx context.Context) {
	before := r.masters
	r.noteMasters(ctx)
	if !slices.Equal(before, r.masters) {
		r.problem(fmt.Errorf("a failover that no fault has caused, from %v to %v: what was read since is not to be relied on", before, r.masters))
	}
}

// A faultError is a fault that could not be made to happen.
type faultError struct {
	name string
	err  error
}

func (e faultError) Error() string { return "fault " + e.name + ": " + e.err.Error() }
func (e faultError) Unwrap() error { return e.err }
