package fleet

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tiercache/tiercache"
	"github.com/tiercache/tiercache/tier"
)

// run is what the instances and workers of a run share.
type run struct {
	cfg        Config
	name       string   // of the cache, and of the channel of the bus
	keys       []string // of the workload
	redis      *redis.Options
	ledger     *ledger
	deliveries *deliveries
	errors     errorLog
	stopped    atomic.Bool   // tells the workers to end
	end        chan struct{} // closed with stopped: tells the source to end
	unfinished atomic.Uint64 // loads that the end has cut short

	calls  context.Context // of all calls
	hangUp context.CancelFunc
}

// patience is how long after its end a run waits for calls that are under way. Most need a moment; but one may be waiting for the
// lease of a Redis that has died.
const patience = time.Second

// A member is an instance, whatever its values are.
type member interface {
	session() caller
	ready(ctx context.Context) error
	stats() tiercache.Stats
	close() error
}

// Run replays the workload of cfg against a new fleet, until its end, for cfg.Duration, or until ctx is done, and
// returns what it has measured so far in any case. An error means that the fleet could not be started.
func Run(ctx context.Context, cfg Config) (Result, error) {
	r := &run{
		cfg:        cfg,
		name:       "replay-" + rand.Text(),
		keys:       cfg.Workload.Keys(),
		redis:      cfg.Redis,
		ledger:     newLedger(len(cfg.Workload.Keys())),
		deliveries: newDeliveries(cfg.Instances),
		end:        make(chan struct{}),
	}
	r.calls, r.hangUp = context.WithCancel(context.Background())
	defer r.hangUp()
	switch {
	case !cfg.Far && cfg.Instances == 1:
		r.redis = nil // there is nothing to share and nobody to tell
	case r.redis == nil:
		o, stop, err := startEmbedded()
		if err != nil {
			return Result{}, err
		}
		defer stop()
		r.redis = o
	default:
		defer r.cleanUp()
	}
	members, err := r.open()
	defer closeAll(members)
	if err != nil {
		return Result{}, err
	}
	if err := awaitAll(ctx, members); err != nil {
		return Result{}, err
	}
	workers := r.hire(members)
	elapsed := r.work(ctx, workers)
	res := r.sum(workers, members)
	res.Elapsed = elapsed
	res.Interrupted = ctx.Err() != nil
	return res, nil
}

// open makes the instances. On an error it returns those that it has made.
func (r *run) open() (members []member, err error) {
	raw := strings.HasPrefix(r.cfg.Codec.Name(), "raw")
	for n := range r.cfg.Instances {
		var m member
		if raw {
			m, err = openInstance(r, n, rawBytes(r.cfg.ValueBytes))
		} else {
			m, err = openInstance(r, n, records(r.cfg.ValueBytes))
		}
		if err != nil {
			return members, err
		}
		members = append(members, m)
	}
	return members, nil
}

// awaitAll waits until every instance hears of the writes of the others.
func awaitAll(ctx context.Context, members []member) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	for _, m := range members {
		if err := m.ready(ctx); err != nil {
			return err
		}
	}
	return nil
}

func closeAll(members []member) error {
	var errs []error
	for _, m := range members {
		errs = append(errs, m.close())
	}
	return errors.Join(errs...)
}

// hire makes the workers.
func (r *run) hire(members []member) (workers []*worker) {
	streams := r.cfg.Workload.Streams(r.cfg.Instances, r.cfg.Concurrency)
	for i, m := range members {
		for _, next := range streams[i] {
			workers = append(workers, newWorker(r, m.session(), next, r.cfg.Seed, uint64(len(workers))))
		}
	}
	return workers
}

// work lets the workers work, and returns how long they did.
func (r *run) work(ctx context.Context, workers []*worker) time.Duration {
	stop := func() {
		if !r.stopped.Swap(true) {
			close(r.end)
			time.AfterFunc(patience, r.hangUp)
		}
	}
	defer context.AfterFunc(ctx, stop)()
	if r.cfg.Duration > 0 {
		defer time.AfterFunc(r.cfg.Duration, stop).Stop()
	}
	began := tier.Now()
	defer r.watch(workers, began)()
	var wg sync.WaitGroup
	for _, w := range workers {
		wg.Go(w.work)
	}
	wg.Wait()
	return tier.Now().Sub(began)
}

// watch reports the progress of the workers until the function that it returns is called.
func (r *run) watch(workers []*worker, began tier.Instant) (end func()) {
	if r.cfg.Progress == nil {
		return func() {}
	}
	quit, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		ticker := time.NewTicker(100 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
			case <-quit:
				return
			}
			done := uint64(0)
			for _, w := range workers {
				done += w.done.Load()
			}
			r.cfg.Progress(done, tier.Now().Sub(began))
		}
	}()
	return func() {
		close(quit)
		<-ended
	}
}
