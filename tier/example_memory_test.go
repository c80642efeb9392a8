package tier_test

import (
	"context"
	"fmt"
	"time"

	"github.com/tiercache/tiercache/tier"
)

// A cache opens, fills and closes its tiers. This is what it does with one in memory.
func ExampleMemory() {
	ctx := context.Background()
	memory := tier.Memory[string](tier.MemoryConfig{MaxBytes: 64 << 20})
	err := memory.(tier.Opener).Open(tier.Scope{
		Cache:  "users",
		Report: func(p tier.Problem) { fmt.Println(p.Kind, p.Key) },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer memory.(tier.Closer).Close()

	now := tier.Now()
	e := &tier.Entry[string]{Key: "42", Value: "Ada", FreshUntil: now.Add(time.Minute), ExpiresAt: now.Add(time.Hour)}
	if err := memory.Set(ctx, e); err != nil {
		fmt.Println(err)
		return
	}
	got, ok, err := memory.Get(ctx, "42")
	fmt.Println(got.Value, ok, err)
	// Output: Ada true <nil>
}

// The cost of an entry is the memory that it takes.
func ExampleCost() {
	cost := tier.Cost[[]byte]()
	small := cost(&tier.Entry[[]byte]{Key: "k", Value: make([]byte, 1000)})
	large := cost(&tier.Entry[[]byte]{Key: "k", Value: make([]byte, 100_000)})
	fmt.Println(large - small)
	// Output: 98992
}
