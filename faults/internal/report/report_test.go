package report_test

import (
	"strings"
	"testing"
	"time"

	"github.com/tiercache/tiercache/faults/internal/checker"
	"github.com/tiercache/tiercache/faults/internal/instance"
	"github.com/tiercache/tiercache/faults/internal/report"
)

// clean returns the result of a run in which every promise was kept.
func clean() *report.Result {
	r := &report.Result{
		Topology: "single", Mode: "tiercache", Bound: time.Second,
		Faults: []report.Event{{Name: "FLUSHALL"}, {Name: "FLUSHALL"}}, Compared: 10,
	}
	r.Take([]*instance.Tally{
		{Writes: 3, Checks: checker.Sum{Counts: checker.Counts{Reads: 100, Max: time.Second / 2}}, Cache: map[string]uint64{"Loads": 4}},
		{Writes: 4, Checks: checker.Sum{Counts: checker.Counts{Reads: 200}}, Cache: map[string]uint64{"Loads": 5}},
	})
	return r
}

func TestNothingIsBrokenWhereNothingIsWrong(t *testing.T) {
	if got := clean().Broken(); len(got) != 0 {
		t.Errorf("Broken() = %q, want nothing", got)
	}
}

func TestEveryBrokenPromiseIsNamed(t *testing.T) {
	for want, spoil := range map[string]func(r *report.Result){
		"beyond the bound":   func(r *report.Result) { r.Checks.Beyond = 1 },
		"own delete":         func(r *report.Result) { r.Checks.Own = 1 },
		"waited for":         func(r *report.Result) { r.Checks.Waited = 1 },
		"never were":         func(r *report.Result) { r.Checks.Impossible = 1 },
		"cannot be judged":   func(r *report.Result) { r.Checks.Unjudged = 1 },
		"lost invalidations": func(r *report.Result) { r.Lost = make([]instance.Mismatch, 1) },
		"records in Redis":   func(r *report.Result) { r.FarWrong = make([]instance.Mismatch, 1) },
		"errors to callers":  func(r *report.Result) { r.CallerErrors = 1 },
		"harness":            func(r *report.Result) { r.Problems = []string{"p"} },
		"nothing to judge":   func(r *report.Result) { r.Faults = nil },
		"more than 1%":       func(r *report.Result) { r.Mode = "plain"; r.Checks.Beyond = 3 },
	} {
		r := clean()
		spoil(r)
		if got := r.Broken(); len(got) != 1 || !strings.Contains(got[0], want) {
			t.Errorf("Broken() = %q, want one that contains %q", got, want)
		}
	}
}

func TestPlainCacheMustBeWrong(t *testing.T) {
	r := clean()
	r.Mode, r.Checks.Beyond = "plain", 4 // of 300
	if got := r.Broken(); len(got) != 0 {
		t.Errorf("Broken() = %q, want nothing", got)
	}
}

func TestTableHasTheSums(t *testing.T) {
	var out strings.Builder
	if err := clean().Table(&out); err != nil {
		t.Fatalf("Table: %v", err)
	}
	for _, want := range []string{
		"| reads checked | 300 |", "| invalidations | 7 |", "| loads | 9 |", "| FLUSHALL | 2 |", "| greatest staleness / bound | 0.50 |",
	} {
		if !strings.Contains(out.String(), want+"\n") {
			t.Errorf("no row %q in:\n%s", want, &out)
		}
	}
	if strings.Contains(out.String(), "%!") {
		t.Errorf("a row is not formatted:\n%s", &out)
	}
}
