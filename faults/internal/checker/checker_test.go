package checker_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/tiercache/tiercache/faults/internal/checker"
	"github.com/tiercache/tiercache/faults/internal/mono"
	"github.com/tiercache/tiercache/faults/internal/source"
)

const bound = 100 * time.Millisecond

// at is a time in milliseconds.
func at(ms int) mono.Time { return mono.Time(ms) * mono.Time(time.Millisecond) }

func TestSeededViolationsAreFound(t *testing.T) {
	acks := []source.Ack{
		{Version: 2, At: at(1000), Instance: 1},
		{Version: 3, At: at(2000), Instance: 2, Waited: true},
		{Version: 4, At: at(3000), Instance: 1},
	}
	for _, c := range []struct {
		name    string
		read    checker.Read
		partial bool // older acknowledgements are forgotten
		want    checker.Verdict
	}{
		{name: "newest", read: checker.Read{Start: at(9000), Version: 4, Instance: 1}},
		{name: "newer than what is acknowledged", read: checker.Read{Start: at(9000), Version: 5}},
		{name: "acknowledged while it was read", read: checker.Read{Start: at(2999), Version: 3, Instance: 1}},
		{name: "at the bound", read: checker.Read{Start: at(3100), Version: 3},
			want: checker.Verdict{Staleness: bound}},
		{name: "beyond the bound", read: checker.Read{Start: at(3101), Version: 3},
			want: checker.Verdict{Staleness: bound + time.Millisecond, Beyond: true}},
		{name: "two versions behind", read: checker.Read{Start: at(3101), Version: 2},
			want: checker.Verdict{Staleness: 1101 * time.Millisecond, Beyond: true, Waited: true}},
		{name: "older than an own delete", read: checker.Read{Start: at(3000), Version: 3, Instance: 1},
			want: checker.Verdict{Own: true}},
		{name: "older than an earlier own delete", read: checker.Read{Start: at(3050), Version: 1, Instance: 2},
			want: checker.Verdict{Staleness: 2050 * time.Millisecond, Beyond: true, Own: true, Waited: true}},
		{name: "older than a delete that was waited for", read: checker.Read{Start: at(2000), Version: 2},
			want: checker.Verdict{Waited: true}},
		{name: "zero", read: checker.Read{Start: at(9000)}, want: checker.Verdict{Impossible: true}},
		{name: "from the future", read: checker.Read{Start: at(9000), Version: 6}, want: checker.Verdict{Impossible: true}},
		{name: "beyond what is remembered, though surely beyond the bound", partial: true, read: checker.Read{Start: at(9000), Version: 0 + 1},
			want: checker.Verdict{Staleness: 8 * time.Second, Beyond: true, Waited: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := checker.Judge(c.read, acks, !c.partial, 5, bound); got != c.want {
				t.Errorf("Judge(%+v) = %+v, want %+v", c.read, got, c.want)
			}
		})
	}
}

func TestForgottenAcknowledgementsAreNotGuessed(t *testing.T) {
	acks := []source.Ack{{Version: 7, At: at(1000), Instance: 1}, {Version: 8, At: at(2000), Instance: 1}}
	read := checker.Read{Start: at(1050), Version: 3} // 4, 5 and 6 are forgotten, and may be beyond the bound
	want := checker.Verdict{Staleness: 50 * time.Millisecond, Unjudged: true}
	if got := checker.Judge(read, acks, false, 8, bound); got != want {
		t.Errorf("Judge(%+v) = %+v, want %+v", read, got, want)
	}
	read.Version = 6 // the one after it is known
	want.Unjudged = false
	if got := checker.Judge(read, acks, false, 8, bound); got != want {
		t.Errorf("Judge(%+v) = %+v, want %+v", read, got, want)
	}
}

// seeded returns a source whose key 0 has version 2, acknowledged by instance 1 ten bounds ago.
func seeded(t *testing.T) *source.Source {
	t.Helper()
	src, err := source.Create(filepath.Join(t.TempDir(), "source"))
	if err != nil {
		t.Fatalf("Create: %v", err)
	}
	t.Cleanup(func() { src.Close() })
	version, ok := src.Write(0)
	if version != 2 || !ok {
		t.Fatalf("Write(0) = %d, %t, want 2, true", version, ok)
	}
	src.Ack(0, source.Ack{Version: version, At: mono.Now().Add(-10 * bound), Instance: 1})
	return src
}

func TestTallyCountsWhatIsWrong(t *testing.T) {
	src := seeded(t)
	tally := checker.NewTally(bound)
	now := mono.Now()
	tally.Check(src, checker.Read{Key: 0, Instance: 0, Start: now, End: now, Version: 2})
	tally.Check(src, checker.Read{Key: 0, Instance: 0, Start: now, End: now, Version: 1})
	tally.Check(src, checker.Read{Key: 0, Instance: 1, Start: now, End: now, Version: 1})
	tally.Check(src, checker.Read{Key: 1, Instance: 1, Start: now, End: now, Version: 2})
	got := checker.Merge([]checker.Sum{tally.Sum(), {}})
	if got.Reads != 4 || got.Stale != 2 || got.Beyond != 2 || got.Own != 1 || got.Impossible != 1 || got.Behind != 0 {
		t.Errorf("counts = %+v, want 4 reads, 2 stale and beyond, 1 own, 1 impossible", got.Counts)
	}
	if got.Max < 10*bound || got.Quantile(0.5) < 9*bound {
		t.Errorf("max %v and median %v, want about %v", got.Max, got.Quantile(0.5), 10*bound)
	}
	if len(got.Offenders) != 3 || got.Offenders[0].Name != "hot" || got.Offenders[0].Staleness < 10*bound {
		t.Errorf("offenders = %+v, want three, the stalest first", got.Offenders)
	}
}

func TestOnlyReadsInAWindowAreBehindARollback(t *testing.T) {
	src := seeded(t)
	tally := checker.NewTally(bound)
	before := mono.Now()
	w, err := src.OpenWindow()
	if err != nil {
		t.Fatalf("OpenWindow: %v", err)
	}
	opened := mono.Now()
	closing := opened.Add(bound)
	stale := func(start mono.Time) {
		tally.Check(src, checker.Read{Start: start, End: start, Version: 1})
	}
	stale(before - 1)
	stale(opened)
	w.Close(closing)
	stale(closing)
	stale(closing + 1)
	tally.Check(src, checker.Read{Start: opened, End: opened}) // no rollback makes this one right
	got := tally.Sum().Counts
	if got.Behind != 2 || got.Beyond != 2 || got.Impossible != 1 {
		t.Errorf("counts = %+v, want 2 behind, 2 beyond, 1 impossible", got)
	}
}
