package instance

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/tiercache/tiercache/faults/internal/checker"
	"github.com/tiercache/tiercache/faults/internal/mono"
	"github.com/tiercache/tiercache/faults/internal/source"
)

// readers is how many goroutines read: enough that some go on while many wait for a Redis that hangs.
const readers = 64

// Shares of the reads and writes by set of keys. The rest is for the cold keys.
const (
	hotReads, warmReads   = 0.2, 0.5
	hotWrites, warmWrites = 0.1, 0.5
)

// A picker chooses keys. One goroutine uses it.
type picker struct {
	r         *rand.Rand
	cold      *rand.Zipf
	hot, warm float64
}

func newPicker(seed, stream uint64, hot, warm float64) *picker {
	r := rand.New(rand.NewPCG(seed, stream))
	return &picker{r: r, cold: rand.NewZipf(r, 1.1, 1, source.Cold-1), hot: hot, warm: warm}
}

func (p *picker) pick() int {
	switch share := p.r.Float64(); {
	case share < p.hot:
		return p.r.IntN(source.Hot)
	case share < p.hot+p.warm:
		return source.Hot + p.r.IntN(source.Warm)
	}
	return source.Hot + source.Warm + int(p.cold.Uint64())
}

// pace waits for a time of about d, so that goroutines do not march in step. It reports false when ctx is done.
func (p *picker) pace(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d/2 + time.Duration(p.r.Int64N(int64(d))))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// read reads until ctx is done.
func (i *instance) read(ctx context.Context, stream uint64) {
	p := newPicker(i.cfg.Seed, stream, hotReads, warmReads)
	every := time.Second * readers / time.Duration(i.cfg.Reads)
	for p.pace(ctx, every) {
		i.check(p.pick())
	}
}

// check reads key k once and judges the answer.
func (i *instance) check(k int) {
	r := checker.Read{Key: k, Instance: i.cfg.Number, Start: mono.Now()}
	found, err := i.cache.Lookup(context.Background(), source.Name(k), i.source.load(k))
	r.End, r.Tier, r.Age, r.Joined = mono.Now(), found.Tier, found.Age, found.Joined
	switch {
	case err == nil:
		if v := found.Value; v.Key == k {
			r.Version = v.Version
		} // else it is none that the key ever had, as 0 is
		i.tally.Check(i.src, r)
	case isSource(err):
		i.sourceErrors.Add(1)
	default:
		i.callerFailed(err)
	}
}

// callerFailed counts an error that no caller should see.
func (i *instance) callerFailed(err error) {
	i.callerErrors.Add(1)
	i.mu.Lock()
	defer i.mu.Unlock()
	if len(i.errorTexts) < maxTexts {
		i.errorTexts = append(i.errorTexts, err.Error())
	}
}
