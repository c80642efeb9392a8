package report

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/tiercache/tiercache/cmd/tiercache/internal/fleet"
)

// A table is what the text and the page have in common. The first Left columns are names, the others numbers.
type table struct {
	Title string
	Left  int
	Head  []string
	Rows  [][]string
	Note  string
}

// write writes t with aligned columns.
func (t table) write(w io.Writer) {
	widths := make([]int, len(t.Head))
	all := append([][]string{t.Head}, t.Rows...)
	for _, row := range all {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	fmt.Fprintf(w, "%s\n", t.Title)
	for _, row := range all {
		var b strings.Builder
		for i, cell := range row {
			space := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if i < t.Left {
				b.WriteString("  " + cell + space)
			} else {
				b.WriteString("  " + space + cell)
			}
		}
		fmt.Fprintln(w, strings.TrimRight(b.String(), " "))
	}
	if t.Note != "" {
		fmt.Fprintf(w, "  %s\n", t.Note)
	}
	fmt.Fprintln(w)
}

// tables returns the tables of d: in detail where there is one run, side by side where there are more.
func (d *Document) tables() []table {
	switch len(d.Runs) {
	case 0:
		return nil
	case 1:
		return []table{d.answers(d.Runs[0]), d.coherence(d.Runs[0])}
	}
	tables := []table{d.sizing()}
	tables = append(tables, d.latencies())
	if d.Setup.Writes > 0 {
		tables = append(tables, d.coherences())
	}
	return tables
}

// answers is who answered the reads of a run, and how fast.
func (d *Document) answers(r fleet.Result) table {
	t := table{
		Title: fmt.Sprintf("%s near tier of %s: %s in %s, %s", r.Engine, plural(r.MemoryEntries, "entry"),
			plural(r.Requests, "request"), span(r.Elapsed), rate(r.Requests, r.Elapsed)),
		Left: 1,
		Head: []string{"answered by", "reads", "share", "p50", "p99", "p99.9", "max"},
	}
	for _, a := range d.answerers(r) {
		t.Rows = append(t.Rows, append([]string{a.name, number(a.Reads), percent(a.Ratio)}, latencyCells(a.Latency)...))
	}
	if r.Writes > 0 {
		t.Rows = append(t.Rows, append([]string{"writes", number(r.Writes), ""}, latencyCells(r.WriteTime)...))
	}
	t.Note = fmt.Sprintf("The source was asked %s for %s that no tier had: %s loads for each.",
		times(r.Loads), plural(r.MissedKeys, "value"), quotient(r.LoadsPerMissedKey))
	return t
}

// An answerer is a way in which reads were answered.
type answerer struct {
	name string
	fleet.Answers
}

// answerers returns those that there are in this setup.
func (d *Document) answerers(r fleet.Result) []answerer {
	a := []answerer{{"near tier", r.Near}}
	if d.Setup.Far {
		a = append(a, answerer{"far tier (Redis)", r.Far})
	}
	return append(a, answerer{"a load", r.Load})
}

func latencyCells(l fleet.Durations) []string {
	if l.Count == 0 {
		return []string{"-", "-", "-", "-"}
	}
	return []string{span(l.P50), span(l.P99), span(l.P999), span(l.Max)}
}

// coherence is how consistent the instances of a run were.
func (d *Document) coherence(r fleet.Result) table {
	t := table{
		Title: "Consistency between the instances",
		Left:  1,
		Head:  []string{"", "count", "share", "p50", "p99", "p99.9", "max"},
		Rows: [][]string{
			append([]string{"invalidation lag", number(r.Invalidation.Deliveries), ""}, latencyCells(r.Invalidation.Lag)...),
			append([]string{"lag from the write's begin", number(r.Invalidation.Deliveries), ""}, latencyCells(r.Invalidation.SinceBegin)...),
			append([]string{"stale reads, and their age", number(r.StaleReads.Count), percent(r.StaleReads.Ratio)}, latencyCells(r.StaleReads.Age)...),
		},
		Note: "Lag: from an acknowledged write until another instance has applied its event, 0 where the event was faster. Stale: older\n" +
			"  than a write that was acknowledged before the read began; age: for how long it had been.",
	}
	if r.Writes == 0 {
		t.Rows, t.Note = nil, "Nothing was written, so nothing could be stale."
		t.Head = nil
	}
	return t
}

func runCells(r fleet.Result) []string { return []string{string(r.Engine), number(r.MemoryEntries)} }

// sizing compares who answered.
func (d *Document) sizing() table {
	t := table{Title: "Sizes, and who answered the reads", Left: 1, Head: []string{"near tier", "entries"}}
	for _, a := range d.answerers(fleet.Result{}) {
		t.Head = append(t.Head, a.name)
	}
	t.Head = append(t.Head, "loads", "per missed value", "reads", "requests/s")
	for _, r := range d.Runs {
		row := runCells(r)
		for _, a := range d.answerers(r) {
			row = append(row, percent(a.Ratio))
		}
		t.Rows = append(t.Rows, append(row, number(r.Loads), quotient(r.LoadsPerMissedKey), number(r.Reads), rate(r.Requests, r.Elapsed)))
	}
	return t
}

// latencies compares how fast.
func (d *Document) latencies() table {
	t := table{Title: "How fast", Left: 1, Head: []string{"near tier", "entries"}}
	for _, a := range []string{"near", "far", "load"} {
		if a == "far" && !d.Setup.Far {
			continue
		}
		t.Head = append(t.Head, a+" p50", "p99", "p99.9")
	}
	for _, r := range d.Runs {
		row := runCells(r)
		for _, a := range d.answerers(r) {
			row = append(row, latencyCells(a.Latency)[:3]...)
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// coherences compares how consistent.
func (d *Document) coherences() table {
	t := table{
		Title: "Consistency between the instances",
		Left:  1,
		Head:  []string{"near tier", "entries", "writes", "lag p50", "lag p99", "undelivered", "stale reads", "share", "age p99", "age max"},
	}
	for _, r := range d.Runs {
		lag, age := latencyCells(r.Invalidation.Lag), latencyCells(r.StaleReads.Age)
		t.Rows = append(t.Rows, append(runCells(r), number(r.Writes), lag[0], lag[1], number(r.Invalidation.Undelivered),
			number(r.StaleReads.Count), percent(r.StaleReads.Ratio), age[1], age[3]))
	}
	return t
}

func times[N int | uint64](n N) string {
	if n == 1 {
		return "once"
	}
	return number(n) + " times"
}
