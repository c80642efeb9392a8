//go:build !race

// Ratios are no matter for the race detector, which would make this take minutes.

package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// traces returns the directory of traces that are too large to be part of the module: oltp.gz in the format of ARC, loop.gz and
// gli.lirs.gz in that of LIRS, all published with the papers.
func traces(t *testing.T) string {
	t.Helper()
	dir := cmp.Or(os.Getenv("TIERCACHE_TRACES"), "../../../shared/data/traces")
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("no traces: %v; name their directory in TIERCACHE_TRACES", err)
	}
	return dir
}

// The engines alone, asked in a loop by one goroutine, have these percentages of hits: ristretto with a Wait after every
// Set. A replay may be two points off, otter to either side.
func TestHitRatiosOfPublishedTracesAreThoseOfTheEngines(t *testing.T) {
	dir := traces(t)
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	for _, tt := range []struct {
		trace            string
		runs             int // the median counts
		entries          int
		otter, ristretto float64
	}{
		{"oltp.gz", 1, 1000, 39.99, 26.52},
		{"loop.gz", 1, 256, 23.45, 20.89},
		{"loop.gz", 1, 512, 49.39, 42.48},
		{"loop.gz", 1, 1000, 96.77, 98.47},
		// This one is short, and the engines choose at random: with 1000 entries ristretto alone has from 26 to 49.
		{"gli.lirs.gz", 15, 500, 29.58, 21.25},
		{"gli.lirs.gz", 15, 1000, 43.04, 33},
		{"gli.lirs.gz", 15, 2000, 57.94, 56},
	} {
		for _, engine := range []string{"otter", "ristretto"} {
			t.Run(fmt.Sprintf("%s %d %s", tt.trace, tt.entries, engine), func(t *testing.T) {
				var ratios []float64
				for range tt.runs {
					d := replayJSON(t, "-trace", filepath.Join(dir, tt.trace), "-far=false", "-engine", engine, "-memory", fmt.Sprint(tt.entries))
					ratios = append(ratios, 100*d.Runs[0].Near.Ratio)
				}
				slices.Sort(ratios)
				got, low, high := ratios[tt.runs/2], tt.ristretto, 100.0
				if engine == "otter" {
					low, high = tt.otter, tt.otter
				}
				t.Logf("%.2f%% hits, from %.2f%% to %.2f%% in %d runs", got, ratios[0], ratios[tt.runs-1], tt.runs)
				if got < low-2 || got > high+2 {
					t.Errorf("%.2f%% hits, want %.2f%% to %.2f%%, within two points", got, low, high)
				}
			})
		}
	}
}
