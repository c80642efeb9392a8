package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tiercache/tiercache/cmd/tiercache/internal/report"
)

// replayJSON runs a replay that is to succeed and returns its report.
func replayJSON(t *testing.T, args ...string) report.Document {
	t.Helper()
	status, stdout, stderr := command(t, append([]string{"replay", "-json"}, args...)...)
	if status != 0 || stderr != "" {
		t.Fatalf("status %d, stderr %q, want 0 and nothing", status, stderr)
	}
	var d report.Document
	dec := json.NewDecoder(strings.NewReader(stdout))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&d); err != nil {
		t.Fatalf("the report is no JSON document: %v\n%s", err, stdout)
	}
	if dec.More() {
		t.Fatalf("something follows the document:\n%s", stdout)
	}
	return d
}

func TestTheNumbersOfAReportAreConsistent(t *testing.T) {
	d := replayJSON(t, "-requests", "2000", "-keys", "200", "-memory", "50", "-writes", "10%", "-load-time", "0s", "-timeout", "1m")
	if len(d.Runs) != 1 {
		t.Fatalf("%d runs, want 1", len(d.Runs))
	}
	r := d.Runs[0]
	if r.Requests != 2000 || r.Reads+r.Writes != 2000 || r.Writes == 0 {
		t.Errorf("%d requests, %d reads, %d writes, want 2000 in all", r.Requests, r.Reads, r.Writes)
	}
	if r.ReadErrors+r.WriteErrors+r.OtherErrors != 0 {
		t.Errorf("errors: %s", r.FirstError)
	}
	if sum := r.Near.Reads + r.Far.Reads + r.Load.Reads; sum != r.Reads {
		t.Errorf("near, far and loaded reads add up to %d, want %d", sum, r.Reads)
	}
	if r.Near.Reads == 0 || r.Far.Reads == 0 || r.Load.Reads == 0 {
		t.Errorf("near %d, far %d, loaded %d, want some of each", r.Near.Reads, r.Far.Reads, r.Load.Reads)
	}
	if want := 3 * r.Writes; r.Invalidation.Deliveries != want || r.Invalidation.Lag.Count != want {
		t.Errorf("%d deliveries with %d lags, want %d", r.Invalidation.Deliveries, r.Invalidation.Lag.Count, want)
	}
	if len(r.Tiers) != 2 || r.Tiers[0].Name == r.Tiers[1].Name {
		t.Errorf("tiers = %+v, want two", r.Tiers)
	}
	if d.Setup.Writes != 0.1 || d.Setup.Instances != 4 || d.Setup.Keys != 200 {
		t.Errorf("setup = %+v", d.Setup)
	}
}

func TestListsMakeAMatrix(t *testing.T) {
	d := replayJSON(t, "-trace", "testdata/small.lirs", "-engine", "otter,ristretto", "-memory", "1,10")
	var got []string
	for _, r := range d.Runs {
		got = append(got, string(r.Engine))
		if r.Requests != 5 {
			t.Errorf("%s %d: %d requests, want 5", r.Engine, r.MemoryEntries, r.Requests)
		}
		if r.MemoryEntries == 10 && (r.Near.Reads != 1 || r.Load.Reads != 4 || r.MissedKeys != 4) {
			t.Errorf("%s 10: near %d, loaded %d of %d keys, want 1, 4 of 4", r.Engine, r.Near.Reads, r.Load.Reads, r.MissedKeys)
		}
	}
	if s := strings.Join(got, " "); s != "otter otter ristretto ristretto" {
		t.Errorf("runs = %q", s)
	}
	if s := d.Setup; s.Trace != "small.lirs" || s.Keys != 4 || s.Instances != 1 || s.Concurrency != 1 || s.Writes != 0 || s.LoadTime != 0 {
		t.Errorf("setup = %+v, want that of a trace", s)
	}
}

func TestTheReportReadsWell(t *testing.T) {
	status, stdout, stderr := command(t, "replay", "-trace", "testdata/small.arc", "-memory", "10", "-writes", "0")
	if status != 0 || stderr != "" {
		t.Fatalf("status %d, stderr %q", status, stderr)
	}
	for _, want := range []string{
		"trace small.arc: 6 requests for 5 keys", "1 instance with 1 worker each", "ristretto near tier of 10 entries",
		"near tier", "far tier (Redis)", "a load", "The source was asked 5 times for 5 values", "Nothing was written",
		"The near tier answers 16.67% of the reads, Redis 0.00%; 83.33% have to wait for the source.",
	} {
		if !strings.Contains(stdout, want) {
			t.Errorf("the report lacks %q:\n%s", want, stdout)
		}
	}
}

func TestThePageNeedsNothingElse(t *testing.T) {
	file := filepath.Join(t.TempDir(), "report.html")
	if err := os.WriteFile(file, []byte("older"), 0o600); err != nil {
		t.Fatal(err)
	}
	status, _, stderr := command(t, "replay", "-trace", "testdata/small.txt", "-memory", "1,2", "-html", file)
	if status != 0 || stderr != "" {
		t.Fatalf("status %d, stderr %q", status, stderr)
	}
	page, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(page, []byte("<svg")); n != 2 {
		t.Errorf("%d charts, want 2", n)
	}
	if found := regexp.MustCompile(`(?i)<script|<link|<img|\b(src|href)\s*=|url\(|@import`).Find(page); found != nil {
		t.Errorf("the page refers to something outside of it: %s", found)
	}
	if !bytes.HasSuffix(bytes.TrimSpace(page), []byte("</html>")) {
		t.Error("the page is not complete")
	}
	if files, _ := os.ReadDir(filepath.Dir(file)); len(files) != 1 {
		t.Errorf("%d files in the directory, want the page alone", len(files))
	}
}

func TestAnInterruptReportsWhatWasMeasured(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	var stdout, stderr bytes.Buffer
	status := run(ctx, []string{"replay", "-json", "-duration", "1h", "-memory", "10,20", "-load-time", "0s"}, &stdout, &stderr)
	if status != 130 || stderr.Len() > 0 {
		t.Errorf("status %d, stderr %q, want 130 and nothing", status, &stderr)
	}
	var d report.Document
	if err := json.Unmarshal(stdout.Bytes(), &d); err != nil {
		t.Fatal(err)
	}
	if !d.Interrupted || len(d.Runs) != 1 || d.Runs[0].Requests == 0 {
		t.Errorf("interrupted = %v, %d runs", d.Interrupted, len(d.Runs))
	}
	if !strings.HasPrefix(d.Conclusion[0], "Interrupted") {
		t.Errorf("conclusion = %q", d.Conclusion)
	}
}

func TestAnInterruptBeforeTheFirstRunReportsNothingMeasured(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var stdout, stderr bytes.Buffer
	status := run(ctx, []string{"replay"}, &stdout, &stderr)
	if status != 130 || stderr.Len() > 0 || !strings.Contains(stdout.String(), "Nothing was measured.") {
		t.Errorf("status %d, stdout %q, stderr %q, want 130", status, &stdout, &stderr)
	}
}
