package checker

import (
	"slices"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// A Sum is what a tally has counted, in a form that travels between processes.
type Sum struct {
	Counts
	Staleness *hdrhistogram.Snapshot
	Offenders []Offender
}

// Sum returns what t has counted so far.
func (t *Tally) Sum() Sum {
	t.mu.Lock()
	defer t.mu.Unlock()
	return Sum{Counts: t.counts, Staleness: t.staleness.Export(), Offenders: slices.Clone(t.offenders)}
}

// Merge returns the sum of sums.
func Merge(sums []Sum) Sum {
	all := NewTally(0)
	for _, s := range sums {
		all.counts.add(s.Counts)
		if s.Staleness != nil {
			all.staleness.Merge(hdrhistogram.Import(s.Staleness))
		}
		for _, o := range s.Offenders {
			all.blame(o)
		}
	}
	return all.Sum()
}

func (c *Counts) add(d Counts) {
	c.Reads += d.Reads
	c.Stale += d.Stale
	c.Unjudged += d.Unjudged
	c.Beyond += d.Beyond
	c.Own += d.Own
	c.Waited += d.Waited
	c.Impossible += d.Impossible
	c.Behind += d.Behind
	c.Max = max(c.Max, d.Max)
	c.MaxBehind = max(c.MaxBehind, d.MaxBehind)
}

// Quantile returns the staleness that a share of the stale reads, between 0 and 1, does not exceed.
func (s Sum) Quantile(share float64) time.Duration {
	if s.Staleness == nil {
		return 0
	}
	return time.Duration(hdrhistogram.Import(s.Staleness).ValueAtQuantile(share*100)) * time.Microsecond
}
