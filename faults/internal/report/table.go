package report

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tiercache/tiercache/faults/internal/mono"
)

// Table writes r as Markdown.
func (r *Result) Table(w io.Writer) error {
	var t strings.Builder
	fmt.Fprintf(&t, "### %s, %s\n\n", r.Topology, r.Mode)
	fmt.Fprintf(&t, "Seed %d, %d instances, bound %v, %v.\n\n", r.Seed, r.Instances, r.Bound, r.Took.Round(time.Second))
	t.WriteString("| what | seen |\n|---|---:|\n")
	row := func(what string, format string, args ...any) {
		fmt.Fprintf(&t, "| %s | "+format+" |\n", append([]any{what}, args...)...)
	}
	c := r.Checks.Counts
	row("reads checked", "%d", c.Reads)
	row("invalidations", "%d", r.Writes)
	row("of these, waited for", "%d", r.Waited)
	row("faults", "%d", len(r.Faults))
	if r.Mode == "plain" {
		row("**reads beyond the bound**", "%d (%.2f%%)", c.Beyond, 100*r.beyondShare())
	} else {
		row("**reads beyond the bound**", "%d", c.Beyond)
	}
	row("**reads older than an own delete**", "%d", c.Own)
	row("**reads older than a delete that was waited for**", "%d", c.Waited)
	row("**values that never were**", "%d", c.Impossible)
	row("**lost invalidations**", "%d of %d entries", len(r.Lost), r.Compared)
	row("**wrong records in Redis**", "%d of %d", len(r.FarWrong), r.FarCompared)
	row("**errors to callers**", "%d", r.CallerErrors)
	row("reads behind a rollback", "%d", c.Behind)
	row("greatest staleness / bound", "%.2f", float64(c.Max)/float64(r.Bound))
	row("greatest staleness behind a rollback / bound", "%.2f", float64(c.MaxBehind)/float64(r.Bound))
	row("stale reads", "%d", c.Stale)
	row("their staleness, p50", "%v", r.Checks.Quantile(0.5))
	row("their staleness, p99", "%v", r.Checks.Quantile(0.99))
	row("loads", "%d", r.Cache["Loads"])
	row("loads per lease", "%.2f", ratio(r.Cache["Loads"], r.Cache["far.Fills"]+r.Cache["FillsRefused"]))
	row("dropped partitions", "%d", r.Cache["PartitionDrops"])
	row("bypassed reads", "%d", r.Cache["near.Untrusted"])
	row("refused fills", "%d", r.Cache["FillsRefused"])
	row("journal replays", "%d", r.Cache["JournalReplays"])
	row("deletes repeated by them", "%d", r.Cache["JournalKeys"])
	row("deletes that failed and were repeated", "%d", r.FailedDeletes)
	row("errors of the source", "%d", r.SourceErrors)
	row("memory of all instances, first and last round", "%d MB, %d MB", r.First.RSS>>20, r.Last.RSS>>20)
	row("goroutines of all instances, first and last round", "%d, %d", r.First.Goroutines, r.Last.Goroutines)
	t.WriteString("\n| fault | times |\n|---|---:|\n")
	kinds := make(map[string]int)
	for _, f := range r.Faults {
		kinds[f.Name]++
	}
	for _, name := range slices.Sorted(maps.Keys(kinds)) {
		fmt.Fprintf(&t, "| %s | %d |\n", name, kinds[name])
	}
	_, err := io.WriteString(w, t.String()+"\n")
	return err
}

func ratio(a, b uint64) float64 {
	if b == 0 {
		return 0
	}
	return float64(a) / float64(b)
}

// Legend writes what the words in the table mean.
func Legend(w io.Writer) error {
	_, err := io.WriteString(w, `A read that starts at t is beyond the bound B if some version newer than its answer was acknowledged before t-B: the
writer's Delete had returned nil. Its staleness is the time from the first such acknowledgement to t, on the one monotonic clock of the
machine. Bold rows must be 0.

Replication is asynchronous, so a failover can undo acknowledged deletes, as does a restart from old files. No cache can
prevent that; the contract is that the deletes are repeated when the rollback is noticed. Reads that would break the first three bold
rows are counted as "behind a rollback" instead if they overlap the time from the start of such a fault until one poll interval, two
timeouts and B after its end; twice the poll interval and the timeouts for "rollback of all keys", which happens in a server that goes on
and which only the processes that know of a lost delete can notice, and tell the others. There is no other fault meanwhile, and whatever
comes later counts in full.

A lost invalidation is an entry of an instance that is not what the source has when the faults have ended, every write is
acknowledged and B + 1 s have passed. The records in Redis are compared at the same time.

`)
	return err
}

// Details writes everything about what went wrong that helps to find out why.
func (r *Result) Details(w io.Writer) {
	for _, p := range r.Problems {
		fmt.Fprintf(w, "problem: %s\n", p)
	}
	for _, text := range r.ErrorTexts {
		fmt.Fprintf(w, "error to a caller: %s\n", text)
	}
	const most = 8
	const before = 10 * time.Second // faults that may have to do with it
	for _, m := range r.Lost[:min(len(r.Lost), most)] {
		fmt.Fprintf(w, "lost: %+v\n", m)
	}
	for _, m := range r.FarWrong[:min(len(r.FarWrong), most)] {
		fmt.Fprintf(w, "wrong in Redis: %+v\n", m)
	}
	for _, o := range r.Checks.Offenders[:min(len(r.Checks.Offenders), most)] {
		fmt.Fprintf(w, "wrong read: instance %d, %s, version %d of %d, stale for %v, took %v, from %q, age %v, joined %t, verdict %+v, behind a rollback %t\n",
			o.Instance, o.Name, o.Version, o.Newest, o.Staleness, o.End.Sub(o.Start), o.Tier, o.Age, o.Joined, o.Verdict, o.Behind)
		for _, a := range o.Acks {
			fmt.Fprintf(w, "\tversion %d by instance %d (waited %t) %v before it\n", a.Version, a.Instance, a.Waited, o.Start.Sub(a.At))
		}
		since := o.Start.Add(-o.Staleness - before)
		for _, f := range r.during(since, o.End) {
			fmt.Fprintf(w, "\tfault: %s, from %v to %v before it\n", f.Name, o.Start.Sub(f.From), o.Start.Sub(f.To))
		}
	}
}

// during returns the faults between from and to.
func (r *Result) during(from, to mono.Time) []Event {
	var found []Event
	for _, f := range r.Faults {
		if f.From <= to && f.To >= from {
			found = append(found, f)
		}
	}
	return found
}
