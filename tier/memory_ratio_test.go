package tier_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/dgraph-io/ristretto/v2"

	"github.com/tiercache/tiercache/tier"
)

// The tier must not spoil the policy of its engine by what it does to make writes readable. The engine is at its
// best when every Set is waited for before the next request.
func TestHitRatioIsThatOfTheEngine(t *testing.T) {
	const (
		room     = 500
		requests = 200_000
		slack    = 0.05 // both choose their victims at random
	)
	zipf := rand.NewZipf(rand.New(rand.NewPCG(1, 2)), 1.01, 1, 20_000)
	for name, key := range map[string]func(i int) int{
		"zipf": func(int) int { return int(zipf.Uint64()) },
		"loop": func(i int) int { return i % (2 * room) },
		"zipf and scans": func(i int) int {
			if i/5000%2 == 0 {
				return -i
			}
			return int(zipf.Uint64())
		},
	} {
		t.Run(name, func(t *testing.T) {
			trace := make([]string, requests)
			for i := range trace {
				trace[i] = fmt.Sprint(key(i))
			}
			got, want := memoryRatio(t, trace, room), engineRatio(t, trace, room)
			t.Logf("%.1f %% hits, the engine alone has %.1f %%", 100*got, 100*want)
			if got < want-slack {
				t.Errorf("%.1f %% hits, want no less than %.1f %%", 100*got, 100*(want-slack))
			}
		})
	}
}

func memoryRatio(t *testing.T, trace []string, room int) float64 {
	ctx := context.Background()
	m := tier.Memory[int](tier.MemoryConfig{MaxEntries: room})
	open(t, m, func(tier.Problem) {})
	hits := 0
	for _, key := range trace {
		if _, ok, _ := m.Get(ctx, key); ok {
			hits++
		} else if err := m.Set(ctx, &tier.Entry[int]{Key: key}); err != nil {
			t.Fatal(err)
		}
	}
	return float64(hits) / float64(len(trace))
}

func engineRatio(t *testing.T, trace []string, room int) float64 {
	c, err := ristretto.NewCache(&ristretto.Config[string, int]{
		NumCounters: 10 * int64(room), MaxCost: int64(room), BufferItems: 64, IgnoreInternalCost: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	hits := 0
	for _, key := range trace {
		if _, ok := c.Get(key); ok {
			hits++
		} else {
			c.Set(key, 1, 1)
			c.Wait()
		}
	}
	return float64(hits) / float64(len(trace))
}
