package checker

import (
	"slices"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/tiercache/tiercache/faults/internal/source"
)

// The staleness of reads is kept in microseconds, with two digits, up to a quarter of an hour.
const (
	longest = 15 * time.Minute
	digits  = 2
)

// maxOffenders is how many wrong reads are kept in full.
const maxOffenders = 25

// Counts are the numbers of a tally. A wrong read is counted either in the first group or, when Redis may have rolled back, in the second.
type Counts struct {
	Reads      uint64 // judged
	Stale      uint64 // of these, not the newest acknowledged version
	Unjudged   uint64 // of which too many newer versions had been acknowledged to tell
	Beyond     uint64 // stale for longer than the bound
	Own        uint64 // older than what the same instance had acknowledged
	Waited     uint64 // older than what somebody had waited for
	Impossible uint64 // versions that never were

	Behind    uint64        // beyond, own or waited, behind a rollback
	Max       time.Duration // greatest staleness that is not behind a rollback
	MaxBehind time.Duration // greatest staleness behind a rollback
}

// An Offender is a wrong read with what is known of it.
type Offender struct {
	Read
	Verdict
	Name   string
	Newest uint64
	Behind bool
	Acks   []source.Ack // the last few
}

// A Tally sums up reads. Its methods may be called by many goroutines at once.
type Tally struct {
	bound time.Duration

	mu        sync.Mutex
	counts    Counts
	staleness *hdrhistogram.Histogram // of stale reads
	offenders []Offender              // the stalest ones first, at most maxOffenders
}

// NewTally returns an empty tally of reads that may be stale for as long as bound.
func NewTally(bound time.Duration) *Tally {
	return &Tally{bound: bound, staleness: hdrhistogram.New(1, longest.Microseconds(), digits)}
}

// Check judges r against s. It must be called after r has ended.
func (t *Tally) Check(s *source.Source, r Read) Verdict {
	var buf [128]source.Ack
	acks, complete := s.Acks(r.Key, buf[:0])
	newest := s.Version(r.Key)
	v := Judge(r, acks, complete, newest, t.bound)
	// The start of a read, not its end, is when the contract speaks of it; a rollback in between excuses it too.
	behind := v.Wrong() && !v.Impossible && s.InWindow(r.Start, r.End)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.count(v, behind)
	if v.Wrong() {
		t.blame(Offender{Read: r, Verdict: v, Name: source.Name(r.Key), Newest: newest, Behind: behind, Acks: slices.Clone(acks[max(0, len(acks)-4):])})
	}
	return v
}

func (t *Tally) count(v Verdict, behind bool) {
	c := &t.counts
	c.Reads++
	add(&c.Unjudged, v.Unjudged)
	if v.Staleness > 0 {
		c.Stale++
		_ = t.staleness.RecordValue(min(max(1, v.Staleness.Microseconds()), longest.Microseconds())) // in range
	}
	if behind {
		c.Behind++
		c.MaxBehind = max(c.MaxBehind, v.Staleness)
		return
	}
	c.Max = max(c.Max, v.Staleness)
	add(&c.Beyond, v.Beyond)
	add(&c.Own, v.Own)
	add(&c.Waited, v.Waited)
	add(&c.Impossible, v.Impossible)
}

func add(n *uint64, yes bool) {
	if yes {
		*n++
	}
}

// blame keeps o if it is among the worst. Those that nothing excuses are worse than the others.
func (t *Tally) blame(o Offender) {
	at, _ := slices.BinarySearchFunc(t.offenders, o, worse)
	if at < maxOffenders {
		t.offenders = slices.Insert(t.offenders, at, o)
		t.offenders = t.offenders[:min(len(t.offenders), maxOffenders)]
	}
}

func worse(a, b Offender) int {
	switch {
	case a.Behind != b.Behind && b.Behind:
		return -1
	case a.Behind != b.Behind:
		return 1
	}
	return int(b.Staleness - a.Staleness)
}
