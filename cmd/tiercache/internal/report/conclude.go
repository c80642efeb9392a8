package report

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/tiercache/tiercache/cmd/tiercache/internal/fleet"
)

// enough is the hit ratio that a smaller memory may lack of that of the largest one.
const enough = 0.01

// conclude says in plain words what the numbers of d mean.
func conclude(d *Document) (lines []string) {
	if d.Interrupted {
		lines = append(lines, "Interrupted: the numbers are those of what had been done until then.")
	}
	if d.Failed != "" {
		lines = append(lines, "Not all runs could be made: "+d.Failed)
	}
	if len(d.Runs) == 0 {
		return append(lines, "Nothing was measured.")
	}
	if len(d.Runs) == 1 {
		lines = append(lines, shares(d, d.Runs[0]))
	} else {
		lines = append(lines, sizes(d.Runs)...)
		lines = append(lines, engines(d.Runs)...)
		lines = append(lines, unequal(d.Runs)...)
	}
	lines = append(lines, consistency(d)...)
	return append(lines, failures(d.Runs)...)
}

// shares says who answers.
func shares(d *Document, r fleet.Result) string {
	s := fmt.Sprintf("The near tier answers %s of the reads", percent(r.Near.Ratio))
	if d.Setup.Far {
		s += fmt.Sprintf(", Redis %s", percent(r.Far.Ratio))
	}
	return s + fmt.Sprintf("; %s have to wait for the source.", percent(r.Load.Ratio))
}

// byEngine returns the runs of each engine by size, the engines in the order in which they were named.
func byEngine(runs []fleet.Result) [][]fleet.Result {
	var groups [][]fleet.Result
	for _, r := range runs {
		i := slices.IndexFunc(groups, func(g []fleet.Result) bool { return g[0].Engine == r.Engine })
		if i < 0 {
			i = len(groups)
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], r)
	}
	for _, g := range groups {
		slices.SortStableFunc(g, func(a, b fleet.Result) int { return a.MemoryEntries - b.MemoryEntries })
	}
	return groups
}

// sizes says for each engine how much memory is enough.
func sizes(runs []fleet.Result) (lines []string) {
	for _, g := range byEngine(runs) {
		if len(g) > 1 {
			lines = append(lines, string(g[0].Engine)+": "+size(g))
		}
	}
	return lines
}

// size says which of the runs of an engine has enough memory.
func size(g []fleet.Result) string {
	last := len(g) - 1
	best := slices.MaxFunc(g, func(a, b fleet.Result) int { return cmp.Compare(a.Near.Ratio, b.Near.Ratio) })
	i := slices.IndexFunc(g, func(r fleet.Result) bool { return r.Near.Ratio >= best.Near.Ratio-enough })
	fit := g[i]
	s := fmt.Sprintf("%s are enough. They answer %s of the reads", plural(fit.MemoryEntries, "entry"), percent(fit.Near.Ratio))
	switch {
	case i == last && hadRoom(fit):
		return fmt.Sprintf("with %s the near tiers had room for all that they were asked for, and answer %s of the reads. More would not help here.",
			plural(fit.MemoryEntries, "entry"), percent(fit.Near.Ratio))
	case i == last:
		return fmt.Sprintf("the hit ratio still grows, from %s with %s to %s with %s. Try a larger near tier.",
			percent(g[i-1].Near.Ratio), plural(g[i-1].MemoryEntries, "entry"), percent(fit.Near.Ratio), number(fit.MemoryEntries))
	case fit.MemoryEntries == best.MemoryEntries:
		return s + ", and no larger near tier did better."
	default:
		return s + fmt.Sprintf(", within a point of the %s of %s.", percent(best.Near.Ratio), plural(best.MemoryEntries, "entry"))
	}
}

// hadRoom reports whether the near tiers have never had to choose what to keep.
func hadRoom(r fleet.Result) bool {
	return len(r.Tiers) > 0 && r.Tiers[0].Evicted+r.Tiers[0].Rejected == 0
}

// unequal warns of comparisons that are not fair.
func unequal(runs []fleet.Result) []string {
	least, most := runs[0].Requests, runs[0].Requests
	for _, r := range runs {
		least, most = min(least, r.Requests), max(most, r.Requests)
	}
	if 10*least >= 9*most {
		return nil
	}
	return []string{fmt.Sprintf("The runs made from %s to %s: a near tier has fewer hits while it fills, so give them all the same -requests.",
		number(least), plural(most, "request"))}
}

// engines says which engine has more hits, where there are two of the same size.
func engines(runs []fleet.Result) (lines []string) {
	groups := byEngine(runs)
	if len(groups) != 2 {
		return nil
	}
	best := 0.0
	var a, b fleet.Result
	for _, r := range groups[0] {
		for _, s := range groups[1] {
			gap := r.Near.Ratio - s.Near.Ratio
			if r.MemoryEntries == s.MemoryEntries && max(gap, -gap) >= best {
				best, a, b = max(gap, -gap), r, s
			}
		}
	}
	switch {
	case a.MemoryEntries == 0:
		return nil
	case best < enough:
		return []string{fmt.Sprintf("%s and %s are within a point of each other.", a.Engine, b.Engine)}
	case a.Near.Ratio < b.Near.Ratio:
		a, b = b, a
	}
	return []string{fmt.Sprintf("They differ most with %s entries: %s has %s hits, %s %s.",
		number(a.MemoryEntries), a.Engine, percent(a.Near.Ratio), b.Engine, percent(b.Near.Ratio))}
}

// consistency says whether the tiers stay consistent.
func consistency(d *Document) []string {
	var writes, stale, reads, undelivered, drops uint64
	var oldest time.Duration
	for _, r := range d.Runs {
		writes += r.Writes
		reads += r.Reads
		stale += r.StaleReads.Count
		undelivered += r.Invalidation.Undelivered
		drops += r.Invalidation.Drops
		oldest = max(oldest, r.StaleReads.Age.Max)
	}
	var lines []string
	switch {
	case writes == 0:
		lines = append(lines, "Nothing was written, so whether the tiers stay consistent was not put to the test; see -writes.")
	case stale == 0:
		lines = append(lines, "No read was older than a write that had been acknowledged before.")
	case undelivered == 0 && drops == 0:
		lines = append(lines, fmt.Sprintf("%s of %s were older than a write acknowledged before, by %s at most: so long was the news of it under way.",
			number(stale), plural(reads, "read"), span(oldest)))
	default:
		lines = append(lines, fmt.Sprintf("%s of %s were older than a write acknowledged before, by %s at most.",
			number(stale), plural(reads, "read"), span(oldest)))
	}
	if undelivered > 0 {
		lines = append(lines, fmt.Sprintf("%s never arrived.", plural(undelivered, "invalidation")))
	}
	if drops > 0 {
		lines = append(lines, fmt.Sprintf("The connection to the bus was lost, and the near tiers dropped %s of their keys to be safe.", plural(drops, "partition")))
	}
	return lines
}

// failures says what went wrong.
func failures(runs []fleet.Result) (lines []string) {
	var reads, writes, others, hung uint64
	first := ""
	for _, r := range runs {
		reads += r.ReadErrors
		writes += r.WriteErrors
		others += r.OtherErrors
		hung += r.Hung
		if first == "" {
			first = r.FirstError
		}
	}
	if reads+writes+others == 0 {
		return nil
	}
	lines = []string{fmt.Sprintf("Errors: %s, %s, %s in the background. The first: %s",
		plural(reads, "read"), plural(writes, "write"), number(others), first)}
	if hung > 0 {
		lines = append(lines, fmt.Sprintf("Of these, %s had no answer yet a second after the end.", plural(hung, "call")))
	}
	return lines
}
