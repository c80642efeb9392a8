package tier_test

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/tiercache/tiercache/backend"
	"github.com/tiercache/tiercache/codec"
	"github.com/tiercache/tiercache/tier"
)

// Two processes have a tier each, in the same store. In a program the store is one of package redisstore, and the cache
// opens the tiers.
func ExampleRemote() {
	ctx := context.Background()
	store := backend.NewMemory()
	scope := tier.Scope{
		Cache:         "users",
		MaxValueBytes: 1 << 20,
		Epoch:         func() uint64 { return 1 },
		Report:        func(p tier.Problem) { fmt.Println(p.Kind, p.Key) },
	}
	a, b := tier.Remote[string](store, codec.MsgPack{}), tier.Remote[string](store, codec.MsgPack{})
	for _, t := range []*tier.RemoteTier[string]{a, b} {
		if err := t.Open(scope); err != nil {
			fmt.Println(err)
			return
		}
	}

	now := tier.Now()
	ada := &tier.Entry[string]{Key: "42", Value: "Ada", FreshUntil: now.Add(time.Minute), ExpiresAt: now.Add(time.Hour)}
	lease, _, err := a.Lease(ctx, "42", 10*time.Second, nil)
	fmt.Println("a loads:", lease != nil, err)
	other, _, err := b.Lease(ctx, "42", 10*time.Second, nil)
	fmt.Println("b loads:", other != nil, err)

	stored, err := lease.Fill(ctx, ada)
	fmt.Println("stored:", stored, err)
	e, ok, err := b.Get(ctx, "42")
	fmt.Println(e.Value, ok, err)
	// Output:
	// a loads: true <nil>
	// b loads: false <nil>
	// stored: true <nil>
	// Ada true <nil>
}

// Large values take less room in the store, and less time on the way, if their codec compresses them.
func ExampleRemote_compressed() {
	compressed, err := codec.Compress(codec.MsgPack{}, codec.Compression{Algorithm: codec.Zstd})
	if err != nil {
		fmt.Println(err)
		return
	}
	pages := tier.Remote[string](backend.NewMemory(), compressed)
	err = pages.Open(tier.Scope{
		Cache:         "pages",
		MaxValueBytes: 1 << 20,
		Epoch:         func() uint64 { return 1 },
		Report:        func(p tier.Problem) { fmt.Println(p.Kind, p.Key) },
	})
	if err != nil {
		fmt.Println(err)
		return
	}

	now := tier.Now()
	page := &tier.Entry[string]{
		Key:        "/",
		Value:      strings.Repeat("<p>Hello, world!</p>\n", 1000),
		FreshUntil: now.Add(time.Minute),
		ExpiresAt:  now.Add(time.Hour),
	}
	if err := pages.Set(context.Background(), page); err != nil {
		fmt.Println(err)
		return
	}
	e, _, err := pages.Get(context.Background(), "/")
	fmt.Println(len(e.Value), "bytes, stored in less than a hundred:", e.Size < 100, err)
	// Output: 21000 bytes, stored in less than a hundred: true <nil>
}
