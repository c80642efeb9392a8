package tier_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/dgraph-io/ristretto/v2"

	"github.com/tiercache/tiercache/tier"
	"github.com/tiercache/tiercache/tier/ottertier"
)

const residents = 100_000

func benchKeys() []string {
	keys := make([]string, residents)
	for i := range keys {
		keys[i] = fmt.Sprintf("user:%d", i)
	}
	return keys
}

// BenchmarkGet compares a hit of the tiers with one of the bare engine, used in the ordinary way: string keys,
// default hashing, pointers as values.
func BenchmarkGet(b *testing.B) {
	keys := benchKeys()
	ctx := context.Background()
	b.Run("ristretto", func(b *testing.B) {
		c, err := ristretto.NewCache(&ristretto.Config[string, *tier.Entry[string]]{
			NumCounters: 20 * residents, MaxCost: 2 * residents, BufferItems: 64, IgnoreInternalCost: true,
		})
		if err != nil {
			b.Fatal(err)
		}
		defer c.Close()
		for i, key := range keys {
			c.Set(key, &tier.Entry[string]{Key: key}, 1)
			if i%1000 == 0 {
				c.Wait()
			}
		}
		c.Wait()
		hits(b, keys, func(key string) bool {
			e, ok := c.Get(key)
			return ok && e.Size == 0 // as every user of a value touches it
		})
	})
	for name, new := range map[string]func() tier.Tier[string]{
		"memory": func() tier.Tier[string] { return tier.Memory[string](tier.MemoryConfig{MaxEntries: 2 * residents}) },
		"otter":  func() tier.Tier[string] { return ottertier.New[string](ottertier.Config{MaxEntries: 2 * residents}) },
	} {
		b.Run(name, func(b *testing.B) {
			t := new()
			open(b, t, func(tier.Problem) {})
			for _, key := range keys {
				if err := t.Set(ctx, &tier.Entry[string]{Key: key}); err != nil {
					b.Fatal(err)
				}
			}
			hits(b, keys, func(key string) bool {
				e, ok, _ := t.Get(ctx, key)
				return ok && e.Size == 0
			})
		})
	}
}

// hits measures get, alone and in parallel, by keys of which some are asked for much more often than others.
func hits(b *testing.B, keys []string, get func(key string) bool) {
	zipf := rand.NewZipf(rand.New(rand.NewPCG(1, 2)), 1.01, 1, uint64(len(keys)-1))
	order := make([]string, 1<<16)
	for i := range order {
		order[i] = keys[zipf.Uint64()]
	}
	run := func(b *testing.B, next func() bool) {
		missed := 0
		for i := 0; next(); i++ {
			if !get(order[i%len(order)]) {
				missed++
			}
		}
		if missed > 0 {
			b.Errorf("%d misses", missed)
		}
	}
	b.Run("serial", func(b *testing.B) {
		b.ReportAllocs()
		run(b, b.Loop)
	})
	b.Run("parallel", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) { run(b, pb.Next) })
	})
}

// BenchmarkSet writes new keys as fast as the tier takes them.
func BenchmarkSet(b *testing.B) {
	ctx := context.Background()
	for name, new := range map[string]func() tier.Tier[string]{
		"memory": func() tier.Tier[string] { return tier.Memory[string](tier.MemoryConfig{MaxEntries: residents}) },
		"otter":  func() tier.Tier[string] { return ottertier.New[string](ottertier.Config{MaxEntries: residents}) },
	} {
		b.Run(name, func(b *testing.B) {
			t := new()
			open(b, t, func(tier.Problem) {})
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if err := t.Set(ctx, &tier.Entry[string]{Key: fmt.Sprint(i)}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
