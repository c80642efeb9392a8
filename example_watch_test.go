package tiercache_test

import (
	"context"
	"fmt"
	"log"
	"slices"
	"strconv"
	"time"

	"github.com/tiercache/tiercache"
	"github.com/tiercache/tiercache/backend"
	"github.com/tiercache/tiercache/codec"
	"github.com/tiercache/tiercache/invalidate"
	"github.com/tiercache/tiercache/tier"
)

// Two instances, which would be two processes, share a store and a bus. What one of them deletes, the other one no longer has
// in its memory. Between processes the bus would be that of package redisbus.
func Example_bus() {
	store, bus := backend.NewMemory(), invalidate.NewMemory()
	ready := make(chan struct{})
	open := func(observer tiercache.Observer) *tiercache.Cache[User] {
		users, err := tiercache.New(tiercache.Config[User]{
			Name: "users",
			Tiers: []tier.Tier[User]{
				tier.Memory[User](tier.MemoryConfig{MaxEntries: 1000}),
				tier.Remote[User](store, codec.MsgPack{}),
			},
			Bus:      bus,
			Profile:  tiercache.Standard(),
			Observer: observer,
		})
		if err != nil {
			log.Fatal(err)
		}
		return users
	}
	first := open(tiercache.Observer{})
	defer first.Close()
	second := open(tiercache.Observer{
		// What was stored before the subscription is in place is dropped, partition by partition.
		Dropped: func(partition int) {
			if partition == invalidate.Partitions-1 {
				close(ready)
			}
		},
	})
	defer second.Close()
	<-ready

	ctx := context.Background()
	_ = first.Set(ctx, "42", User{"42", "Ada"})
	u, _, _ := second.Get(ctx, "42") // from the store, and then in memory
	fmt.Println(u.Name)

	_ = first.Set(ctx, "42", User{"42", "Ada Lovelace"})
	u, _, _ = second.Get(ctx, "42")
	fmt.Println(u.Name)

	_ = first.Delete(ctx, "42")
	_, ok, err := second.Get(ctx, "42")
	fmt.Println(ok, err)
	// Output:
	// Ada
	// Ada Lovelace
	// false <nil>
}

// Name the hooks that you need: those that are nil cost nothing.
func ExampleObserver() {
	users, err := tiercache.New(tiercache.Config[User]{
		Name:    "users",
		Tiers:   []tier.Tier[User]{tier.Memory[User](tier.MemoryConfig{MaxEntries: 1000})},
		Profile: tiercache.Standard(),
		Observer: tiercache.Observer{
			Hit:  func(tier, key string, stale bool) { fmt.Println("hit", tier, key, stale) },
			Miss: func(key string) { fmt.Println("miss", key) },
			Load: func(key string, _ time.Duration, err error) { fmt.Println("load", key, err) },
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer users.Close()
	for range 2 {
		_, _ = users.GetOrLoad(context.Background(), "42", userFromDB)
	}
	// Output:
	// miss 42
	// query: 42
	// load 42 <nil>
	// hit memory 42 false
}

func ExampleCache_Stats() {
	ctx := context.Background()
	users := exampleUsers(tiercache.Standard())
	defer users.Close()
	for _, id := range []string{"42", "42", "42", "7"} {
		_, _ = users.GetOrLoad(ctx, id, userFromDB)
	}
	s := users.Stats()
	fmt.Println("loads:", s.Loads, "failed:", s.LoadErrors)
	for _, t := range s.Tiers {
		fmt.Println(t.Name, "hits:", t.Hits, "misses:", t.Misses, "fills:", t.Fills)
	}
	// Output:
	// query: 42
	// query: 7
	// loads: 2 failed: 0
	// memory hits: 2 misses: 2 fills: 2
}

// Memoize caches a function of any argument, given the key of that.
func ExampleMemoize() {
	squares, err := tiercache.New(tiercache.Config[int]{
		Name:    "squares",
		Tiers:   []tier.Tier[int]{tier.Memory[int](tier.MemoryConfig{MaxEntries: 1000})},
		Profile: tiercache.Profile{TTL: tiercache.Forever},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer squares.Close()
	square := tiercache.Memoize(squares, strconv.Itoa, func(_ context.Context, n int) (int, error) {
		fmt.Println("working")
		return n * n, nil
	})

	ctx := context.Background()
	fmt.Println(square.Call(ctx, 12))
	fmt.Println(square.Call(ctx, 12))
	_ = square.Invalidate(ctx, 12)
	fmt.Println(square.Call(ctx, 12))
	// Output:
	// working
	// 144 <nil>
	// 144 <nil>
	// working
	// 144 <nil>
}

// With Clone every caller has a copy of its own, and may change it.
func ExampleConfig_clone() {
	scores, err := tiercache.New(tiercache.Config[[]int]{
		Name:    "scores",
		Tiers:   []tier.Tier[[]int]{tier.Memory[[]int](tier.MemoryConfig{MaxEntries: 1000})},
		Profile: tiercache.Standard(),
		Clone:   slices.Clone[[]int],
	})
	if err != nil {
		log.Fatal(err)
	}
	defer scores.Close()
	ctx := context.Background()
	_ = scores.Set(ctx, "game", []int{3, 1, 2})

	sorted, _, _ := scores.Get(ctx, "game")
	slices.Sort(sorted)
	kept, _, _ := scores.Get(ctx, "game")
	fmt.Println(sorted, kept)
	// Output: [1 2 3] [3 1 2]
}
