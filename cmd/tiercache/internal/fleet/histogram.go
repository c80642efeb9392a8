package fleet

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// A histogram counts durations with an error of at most one percent. It is for one goroutine at a time.
type histogram struct {
	hdr *hdrhistogram.Histogram
}

// longest is the longest duration that is told from longer ones.
const longest = 10 * time.Minute

func newHistogram() *histogram {
	return &histogram{hdrhistogram.New(1, int64(longest), 2)}
}

// record counts d. What is out of range counts as its nearest end, so RecordValue has nothing to complain about.
func (h *histogram) record(d time.Duration) {
	_ = h.hdr.RecordValue(int64(min(max(d, 0), longest)))
}

// merge adds what o has counted. All histograms have the same range, so nothing is dropped.
func (h *histogram) merge(o *histogram) { h.hdr.Merge(o.hdr) }

func (h *histogram) count() uint64 { return uint64(h.hdr.TotalCount()) }

func (h *histogram) summary() Durations {
	q := func(p float64) time.Duration { return time.Duration(h.hdr.ValueAtQuantile(p)) }
	return Durations{Count: h.count(), P50: q(50), P99: q(99), P999: q(99.9), Max: time.Duration(h.hdr.Max())}
}
