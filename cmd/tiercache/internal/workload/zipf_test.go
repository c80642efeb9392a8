package workload_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/tiercache/tiercache/cmd/tiercache/internal/workload"
)

func TestZipfFollowsTheExactProbabilities(t *testing.T) {
	const n, draws = 50, 200_000
	for _, skew := range []float64{0, 0.5, 0.99, 1, 1.01, 2.5} {
		t.Run(fmt.Sprint(skew), func(t *testing.T) {
			counts := make([]float64, n)
			next := workload.NewZipf(n, skew, 7, draws).Streams(1, 1)[0][0]
			for key, ok := next(); ok; key, ok = next() {
				counts[key]++
			}
			sum := 0.0
			for k := 1; k <= n; k++ {
				sum += math.Pow(float64(k), -skew)
			}
			// Pearson's chi-squared over the ranks that are expected often enough for it. It has a mean of about the
			// number of ranks and a deviation of the root of twice that, so five deviations are no accident.
			chi, ranks := 0.0, 0.0
			for k := 1; k <= n; k++ {
				want := draws * math.Pow(float64(k), -skew) / sum
				if want < 10 {
					continue
				}
				chi += (counts[k-1] - want) * (counts[k-1] - want) / want
				ranks++
			}
			if limit := ranks + 5*math.Sqrt(2*ranks); chi > limit {
				t.Errorf("chi-squared of %d draws over %v ranks = %.1f, want at most %.1f", draws, ranks, chi, limit)
			}
		})
	}
}

func TestZipfOfOneKeyReturnsIt(t *testing.T) {
	next := workload.NewZipf(1, 0.99, 1, 100).Streams(1, 1)[0][0]
	for key, ok := next(); ok; key, ok = next() {
		if key != 0 {
			t.Fatalf("key = %d, want 0", key)
		}
	}
}

func TestZipfDividesTheRequestsAmongAllWorkers(t *testing.T) {
	for _, requests := range []int{1, 5, 6, 7, 1000} {
		total := 0
		for _, instance := range workload.NewZipf(10, 1, 1, requests).Streams(3, 2) {
			for _, next := range instance {
				for _, ok := next(); ok; _, ok = next() {
					total++
				}
			}
		}
		if total != requests {
			t.Errorf("streams return %d requests together, want %d", total, requests)
		}
	}
}

func TestZipfRepeatsItselfWithTheSameSeed(t *testing.T) {
	draw := func(seed uint64, worker int) (keys [20]int) {
		next := workload.NewZipf(1000, 0.99, seed, 0).Streams(1, 2)[0][worker]
		for i := range keys {
			keys[i], _ = next()
		}
		return keys
	}
	if a, b := draw(1, 0), draw(1, 0); a != b {
		t.Errorf("one seed, two sequences: %v and %v", a, b)
	}
	if a, b := draw(1, 0), draw(2, 0); a == b {
		t.Errorf("two seeds, one sequence: %v", a)
	}
	if a, b := draw(1, 0), draw(1, 1); a == b {
		t.Errorf("two workers, one sequence: %v", a)
	}
}

func TestZipfNamesEveryKey(t *testing.T) {
	keys := workload.NewZipf(3, 1, 1, 0).Keys()
	if want := []string{"key:1", "key:2", "key:3"}; fmt.Sprint(keys) != fmt.Sprint(want) {
		t.Errorf("Keys() = %v, want %v", keys, want)
	}
}
