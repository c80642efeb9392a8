package tiercache_test

import (
	"context"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/dgraph-io/ristretto/v2"

	"github.com/tiercache/tiercache"
	"github.com/tiercache/tiercache/invalidate"
	"github.com/tiercache/tiercache/tier"
)

const (
	benchKeys = 100_000 // all of them fit into the tiers
	benchAsks = 1 << 16 // a power of two
)

// A record is what is cached. The engine is given pointers, since it is twice as slow with structs.
type record struct {
	ID   int64
	Name string
}

func keysOf(n int) []string {
	keys := make([]string, n)
	for i := range keys {
		keys[i] = "user:" + strconv.Itoa(1_000_000+i)
	}
	return keys
}

// asked returns keys in the order in which they are asked for: some much more often than others, after Zipf's law with
// exponent 0.99.
func asked(keys []string) []string {
	sums := make([]float64, len(keys))
	sum := 0.0
	for i := range keys {
		sum += math.Pow(float64(i+1), -0.99)
		sums[i] = sum
	}
	random := rand.New(rand.NewPCG(1, 2))
	asked := make([]string, benchAsks)
	for i := range asked {
		at, _ := slices.BinarySearch(sums, random.Float64()*sum)
		asked[i] = keys[min(at, len(keys)-1)]
	}
	return asked
}

var sink int64

// BenchmarkHit has the two parts that a local hit cannot do without, and the hit. They belong into one run: what is
// promised is their ratio, see docs/benchmarks.md. With a few hot keys, whose data is in the nearest cache of the processor, it
// is the work that is compared, and with many keys it is the memory that the work touches.
func BenchmarkHit(b *testing.B) {
	keys := keysOf(benchKeys)
	asked := asked(keys)
	b.Run("clock", benchmarkClock)
	b.Run("zipf/ristretto", func(b *testing.B) { benchmarkRistretto(b, keys, asked) })
	b.Run("zipf/tiercache", func(b *testing.B) { benchmarkHit(b, keys, asked) })
	few := keys[:16]
	b.Run("hot/ristretto", func(b *testing.B) { benchmarkRistretto(b, few, few) })
	b.Run("hot/tiercache", func(b *testing.B) { benchmarkHit(b, few, few) })
}

func benchmarkClock(b *testing.B) {
	start := time.Now()
	var sum time.Duration
	for b.Loop() {
		sum += time.Since(start)
	}
	_ = sum
}

func benchmarkRistretto(b *testing.B, keys, asked []string) {
	engine, err := ristretto.NewCache(&ristretto.Config[string, *record]{
		NumCounters:        10 * 2 * benchKeys,
		MaxCost:            2 * benchKeys,
		BufferItems:        64,
		IgnoreInternalCost: true,
	})
	if err != nil {
		b.Fatal(err)
	}
	defer engine.Close()
	for _, key := range keys {
		engine.Set(key, &record{1, key}, 1)
		engine.Wait()
	}
	i, sum := 0, int64(0)
	for b.Loop() {
		r, ok := engine.Get(asked[i&(len(asked)-1)])
		if !ok {
			b.Fatal("a miss")
		}
		sum += r.ID // what is got is used, here and below
		i++
	}
	sink = sum
}

func benchmarkHit(b *testing.B, keys, asked []string) {
	ctx := context.Background()
	c, err := tiercache.New(tiercache.Config[record]{
		Name:    "bench",
		Tiers:   []tier.Tier[record]{tier.Memory[record](tier.MemoryConfig{MaxEntries: 2 * benchKeys})},
		Bus:     invalidate.NewMemory(),
		Profile: tiercache.Standard(),
	})
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	load := func(_ context.Context, key string) (record, error) { return record{1, key}, nil }
	for c.Stats().PartitionDrops < invalidate.Partitions {
		runtime.Gosched() // the subscription drops everything when it begins
	}
	for _, key := range keys {
		if _, err := c.GetOrLoad(ctx, key, load); err != nil {
			b.Fatal(err)
		}
	}
	before := c.Stats().Loads
	b.ReportAllocs()
	i, sum := 0, int64(0)
	for b.Loop() {
		r, err := c.GetOrLoad(ctx, asked[i&(len(asked)-1)], load)
		if err != nil {
			b.Fatal(err)
		}
		sum += r.ID
		i++
	}
	sink = sum
	if n := c.Stats().Loads - before; n > 0 {
		b.Fatalf("%d loads", n)
	}
}
