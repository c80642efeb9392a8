package ottertier_test

import (
	"context"
	"fmt"
	"time"

	"github.com/tiercache/tiercache/tier"
	"github.com/tiercache/tiercache/tier/ottertier"
)

// A cache opens, fills and closes its tiers. This is what it does with one on otter.
func ExampleNew() {
	ctx := context.Background()
	memory := ottertier.New[string](ottertier.Config{MaxEntries: 10_000})
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
