package report_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/tiercache/tiercache/cmd/tiercache/internal/fleet"
	"github.com/tiercache/tiercache/cmd/tiercache/internal/report"
)

// result is a run in which so many of a hundred reads were near hits, and the rest far hits.
func result(engine fleet.Engine, memory int, near uint64) fleet.Result {
	r := fleet.Result{Engine: engine, MemoryEntries: memory, Elapsed: time.Second, Requests: 100, Reads: 100}
	r.Near = fleet.Answers{Reads: near, Ratio: float64(near) / 100}
	r.Far = fleet.Answers{Reads: 100 - near, Ratio: 1 - r.Near.Ratio}
	return r
}

func document(runs ...fleet.Result) *report.Document {
	d := &report.Document{Setup: report.Setup{Workload: "zipf", Keys: 10, Instances: 2, Concurrency: 1, Far: true}, Runs: runs}
	d.Conclude()
	return d
}

func TestTheConclusionIsPlain(t *testing.T) {
	stale := result(fleet.Otter, 10, 50)
	stale.Writes = 5
	stale.StaleReads = fleet.StaleReads{Count: 3, Age: fleet.Durations{Max: 2 * time.Millisecond}}
	lost := stale
	lost.Invalidation.Undelivered = 4
	fresh := result(fleet.Otter, 10, 50)
	fresh.Writes = 5
	dropped := fresh
	dropped.Invalidation.Drops = 16
	failed := fresh
	failed.ReadErrors, failed.OtherErrors, failed.FirstError, failed.Hung = 2, 1, "redis is gone", 1
	roomy, crowded := result(fleet.Otter, 20, 60), result(fleet.Otter, 20, 60)
	roomy.Tiers = []fleet.TierCounts{{Name: "memory"}}
	crowded.Tiers = []fleet.TierCounts{{Name: "memory", Rejected: 1}}
	longer := result(fleet.Otter, 20, 60)
	longer.Requests = 200
	for _, tt := range []struct {
		name string
		runs []fleet.Result
		want []string
	}{
		{"one run", []fleet.Result{result(fleet.Otter, 10, 40)}, []string{
			"The near tier answers 40.00% of the reads, Redis 60.00%; 0.00% have to wait for the source.", "Nothing was written"}},
		{"a size that is enough", []fleet.Result{result(fleet.Otter, 40, 81), result(fleet.Otter, 10, 50), result(fleet.Otter, 20, 80)}, []string{
			"otter: 20 entries are enough. They answer 80.00% of the reads, within a point of the 81.00% of 40 entries."}},
		{"no size that is enough", []fleet.Result{result(fleet.Otter, 10, 50), result(fleet.Otter, 20, 60)}, []string{
			"otter: the hit ratio still grows, from 50.00% with 10 entries to 60.00% with 20. Try a larger near tier."}},
		{"a larger size that is worse", []fleet.Result{result(fleet.Otter, 10, 50), result(fleet.Otter, 20, 60), result(fleet.Otter, 40, 55)}, []string{
			"otter: 20 entries are enough. They answer 60.00% of the reads, and no larger near tier did better."}},
		{"a size with room for all", []fleet.Result{result(fleet.Otter, 10, 50), roomy}, []string{
			"otter: with 20 entries the near tiers had room for all that they were asked for, and answer 60.00% of the reads."}},
		{"a size without", []fleet.Result{result(fleet.Otter, 10, 50), crowded}, []string{"otter: the hit ratio still grows"}},
		{"runs of different length", []fleet.Result{result(fleet.Otter, 10, 50), longer}, []string{
			"otter: the hit ratio still grows", "The runs made from 100 to 200 requests:"}},
		{"two engines", []fleet.Result{result(fleet.Otter, 10, 50), result(fleet.Ristretto, 10, 40)}, []string{
			"They differ most with 10 entries: otter has 50.00% hits, ristretto 40.00%."}},
		{"two engines the other way", []fleet.Result{result(fleet.Otter, 10, 40), result(fleet.Ristretto, 10, 50)}, []string{
			"They differ most with 10 entries: ristretto has 50.00% hits, otter 40.00%."}},
		{"two equal engines", []fleet.Result{result(fleet.Otter, 10, 50), result(fleet.Ristretto, 10, 50)}, []string{
			"otter and ristretto are within a point of each other."}},
		{"fresh", []fleet.Result{fresh}, []string{"No read was older"}},
		{"stale", []fleet.Result{stale}, []string{
			"3 of 100 reads were older than a write acknowledged before, by 2.00ms at most: so long was the news of it under way."}},
		{"lost events", []fleet.Result{lost}, []string{
			"3 of 100 reads were older than a write acknowledged before, by 2.00ms at most.", "4 invalidations never arrived."}},
		{"lost connection", []fleet.Result{dropped}, []string{"dropped 16 partitions"}},
		{"errors", []fleet.Result{failed}, []string{"Errors: 2 reads, 0 writes, 1 in the background. The first: redis is gone", "1 call had no answer yet"}},
		{"nothing", nil, []string{"Nothing was measured."}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := document(tt.runs...)
			got := strings.Join(d.Conclusion, "\n")
			for _, want := range tt.want {
				if !strings.Contains(got, want) {
					t.Errorf("conclusion = %q, want it to say %q", got, want)
				}
			}
			var text, page bytes.Buffer
			if err := d.WriteText(&text); err != nil || !strings.Contains(text.String(), tt.want[0]) {
				t.Errorf("WriteText = %v:\n%s", err, &text)
			}
			if err := d.WriteHTML(&page); err != nil {
				t.Errorf("WriteHTML: %v", err)
			}
		})
	}
}

func TestRunsOfTheSameLengthAreComparedWithoutAWarning(t *testing.T) {
	d := document(result(fleet.Otter, 10, 50), result(fleet.Otter, 20, 60))
	if got := strings.Join(d.Conclusion, "\n"); strings.Contains(got, "The runs made") {
		t.Errorf("conclusion = %q", got)
	}
}

func TestAComparisonThatFailedSaysWhy(t *testing.T) {
	d := document(result(fleet.Otter, 10, 50))
	d.Failed = "redis is gone"
	d.Conclude()
	if got := d.Conclusion[0]; got != "Not all runs could be made: redis is gone" {
		t.Errorf("conclusion begins with %q", got)
	}
}

func TestAFullBarEndsAtAHundredPercent(t *testing.T) {
	r := result(fleet.Otter, 10, 30)
	r.Near.Ratio, r.Far.Ratio, r.Load.Ratio = 0.56, 0.14, 0.30 // more than 1 by the precision of floats, in percent
	var b bytes.Buffer
	if err := document(r, r, result(fleet.Otter, 20, 60)).WriteHTML(&b); err != nil {
		t.Fatal(err)
	}
	if s := b.String(); !strings.Contains(s, ">100%<") || strings.Contains(s, ">105%<") {
		t.Error("the scale of the shares does not end at 100%")
	}
}

func TestColumnsAreAligned(t *testing.T) {
	var b bytes.Buffer
	if err := document(result(fleet.Otter, 1000, 5), result(fleet.Ristretto, 10, 100)).WriteText(&b); err != nil {
		t.Fatal(err)
	}
	const want = `Sizes, and who answered the reads
  near tier  entries  near tier  far tier (Redis)  a load  loads  per missed value  reads  requests/s
  otter        1,000      5.00%            95.00%   0.00%      0              0.00    100       100/s
  ristretto       10    100.00%             0.00%   0.00%      0              0.00    100       100/s
`
	if !strings.Contains(b.String(), want) {
		t.Errorf("report:\n%s\nwant it to have\n%s", &b, want)
	}
}

func TestThePageEscapesWhatItIsGiven(t *testing.T) {
	d := document(result(fleet.Otter, 10, 50))
	d.Setup.Workload, d.Setup.Trace = "trace", "<script>alert(1)</script>"
	d.Runs[0].OtherErrors, d.Runs[0].FirstError = 1, "<b>"
	d.Conclude()
	var b bytes.Buffer
	if err := d.WriteHTML(&b); err != nil {
		t.Fatal(err)
	}
	if s := b.String(); strings.Contains(s, "<script>") || strings.Contains(s, "<b>") {
		t.Error("the page has unescaped input in it")
	}
}
