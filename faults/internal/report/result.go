// Package report says what a run has shown.
package report

import (
	"fmt"
	"maps"
	"time"

	"github.com/tiercache/tiercache/faults/internal/checker"
	"github.com/tiercache/tiercache/faults/internal/instance"
	"github.com/tiercache/tiercache/faults/internal/mono"
)

// An Event is a fault that has happened.
type Event struct {
	Name     string
	Rollback bool
	From, To mono.Time
}

// Memory is what all instances have together.
type Memory struct {
	RSS        uint64 // bytes
	Goroutines int
}

// A Result is what a run has shown.
type Result struct {
	Topology, Mode   string
	Seed             uint64
	Instances        int
	Bound, Detection time.Duration
	Took             time.Duration

	Faults   []Event
	Problems []string // with the harness itself

	Checks        checker.Sum
	Writes        uint64
	Waited        uint64
	FailedDeletes uint64
	SourceErrors  uint64
	CallerErrors  uint64
	ErrorTexts    []string
	Cache, Bus    map[string]uint64 // counters, summed up

	Compared    int                 // entries that instances had when all was over
	Lost        []instance.Mismatch // of these, not what the source had
	FarCompared int                 // the same of records in Redis
	FarWrong    []instance.Mismatch

	First, Last Memory // after the first round and after the last
}

// Take replaces what the instances have counted by newer numbers.
func (r *Result) Take(tallies []*instance.Tally) {
	var sums []checker.Sum
	r.Writes, r.Waited, r.FailedDeletes, r.SourceErrors, r.CallerErrors = 0, 0, 0, 0, 0
	r.ErrorTexts, r.Cache, r.Bus = nil, make(map[string]uint64), make(map[string]uint64)
	r.Last = Memory{}
	for _, t := range tallies {
		sums = append(sums, t.Checks)
		r.Writes += t.Writes
		r.Waited += t.Waited
		r.FailedDeletes += t.FailedDeletes
		r.SourceErrors += t.SourceErrors
		r.CallerErrors += t.CallerErrors
		r.ErrorTexts = append(r.ErrorTexts, t.ErrorTexts...)
		addAll(r.Cache, t.Cache)
		addAll(r.Bus, t.Bus)
		r.Last.RSS += t.RSS
		r.Last.Goroutines += t.Goroutines
	}
	r.Checks = checker.Merge(sums)
	if r.First == (Memory{}) {
		r.First = r.Last
	}
}

func addAll(sum, more map[string]uint64) {
	for name, n := range maps.All(more) {
		sum[name] += n
	}
}

// plainShare is the least share of reads beyond the bound that the plain cache must show, or else the run has proved nothing.
const plainShare = 0.01

// Broken says which promises were broken.
func (r *Result) Broken() []string {
	var broken []string
	zero := func(what string, n uint64) {
		if n != 0 {
			broken = append(broken, fmt.Sprintf("%s, %s: %d, want 0", r.Topology, what, n))
		}
	}
	zero("problems with the harness", uint64(len(r.Problems)))
	if r.Mode == string(instance.Plain) {
		if share := r.beyondShare(); share <= plainShare {
			broken = append(broken, fmt.Sprintf("%s, plain: %.2f%% of the reads beyond the bound, want more than %.0f%%", r.Topology, 100*share, 100*plainShare))
		}
		return broken
	}
	c := r.Checks.Counts
	zero("reads beyond the bound", c.Beyond)
	zero("reads older than an own delete", c.Own)
	zero("reads older than a delete that was waited for", c.Waited)
	zero("values that never were", c.Impossible)
	zero("reads that cannot be judged", c.Unjudged)
	zero("lost invalidations", uint64(len(r.Lost)))
	zero("wrong records in Redis", uint64(len(r.FarWrong)))
	zero("errors to callers", r.CallerErrors)
	if c.Reads == 0 || r.Writes == 0 || len(r.Faults) == 0 || r.Compared == 0 {
		broken = append(broken, r.Topology+": there was nothing to judge")
	}
	return broken
}

func (r *Result) beyondShare() float64 {
	if r.Checks.Reads == 0 {
		return 0
	}
	return float64(r.Checks.Beyond) / float64(r.Checks.Reads)
}

// Line says in a line how the run goes.
func (r *Result) Line() string {
	c := r.Checks.Counts
	return fmt.Sprintf("%d reads, %d writes, %d faults, %d beyond, %d own, %d waited, %d impossible, %d behind a rollback, %d lost, %d wrong in Redis, %d errors, max %v",
		c.Reads, r.Writes, len(r.Faults), c.Beyond, c.Own, c.Waited, c.Impossible, c.Behind, len(r.Lost), len(r.FarWrong), r.CallerErrors, c.Max.Round(time.Millisecond))
}
