package fleet

import (
	"time"

	"github.com/tiercache/tiercache"
	"github.com/tiercache/tiercache/invalidate"
)

// settleTime is how long the events of the last writes may take.
const settleTime = 2 * time.Second

// sum puts together what the workers have measured and what the caches have counted.
func (r *run) sum(workers []*worker, members []member) Result {
	res := Result{
		Engine:        r.cfg.Engine,
		MemoryEntries: r.cfg.Memory,
		Invalidation:  r.deliveries.settle(settleTime),
		MissedKeys:    r.ledger.needed.Load(),
	}
	r.addWorkers(&res, workers)
	for _, m := range members {
		addStats(&res, m.stats())
	}
	unfinished := r.unfinished.Load()
	res.Loads -= unfinished
	res.LoadErrors -= unfinished
	if res.MissedKeys > 0 {
		res.LoadsPerMissedKey = float64(res.Loads) / float64(res.MissedKeys)
	}
	r.errors.mu.Lock()
	defer r.errors.mu.Unlock()
	res.OtherErrors = r.errors.count - res.ReadErrors - res.WriteErrors
	if r.errors.first != nil {
		res.FirstError = r.errors.first.Error()
	}
	return res
}

func (r *run) addWorkers(res *Result, workers []*worker) {
	total := newWorker(r, nil, nil, 0, 0)
	for _, w := range workers {
		res.Reads += w.reads
		res.Writes += w.writes
		res.ReadErrors += w.readErrors
		res.WriteErrors += w.writeErrors
		res.Hung += w.hung
		for i := range total.latency {
			total.latency[i].merge(w.latency[i])
		}
		total.writeTime.merge(w.writeTime)
		total.staleAge.merge(w.staleAge)
	}
	res.Requests = res.Reads + res.Writes
	good := res.Reads - res.ReadErrors
	for i, a := range []*Answers{fromNear: &res.Near, fromFar: &res.Far, fromLoad: &res.Load} {
		a.Latency = total.latency[i].summary()
		a.Reads = a.Latency.Count
		a.Ratio = ratio(a.Reads, good)
	}
	res.WriteTime = total.writeTime.summary()
	res.StaleReads.Age = total.staleAge.summary()
	res.StaleReads.Count = res.StaleReads.Age.Count
	res.StaleReads.Ratio = ratio(res.StaleReads.Count, good)
}

// addStats adds the counters of one instance.
func addStats(res *Result, s tiercache.Stats) {
	res.Loads += s.Loads
	res.LoadErrors += s.LoadErrors
	res.Invalidation.Drops += s.PartitionDrops - invalidate.Partitions*min(s.PartitionDrops, 1) // those of the first subscription
	for i, t := range s.Tiers {
		if i == len(res.Tiers) {
			res.Tiers = append(res.Tiers, TierCounts{Name: t.Name})
		}
		sum := &res.Tiers[i]
		sum.Hits += t.Hits
		sum.Misses += t.Misses
		sum.Fenced += t.Fenced
		sum.Untrusted += t.Untrusted
		sum.Promotes += t.Promotes
		sum.Fills += t.Fills
		sum.Evicted += t.Evicted
		sum.Rejected += t.Rejected
		sum.Dropped += t.Dropped
		sum.Errors += t.Errors
	}
}

func ratio(part, whole uint64) float64 {
	if whole == 0 {
		return 0
	}
	return float64(part) / float64(whole)
}
