package tiercache_test

import (
	"context"
	"fmt"
	"log"

	"github.com/tiercache/tiercache"
	"github.com/tiercache/tiercache/backend"
	"github.com/tiercache/tiercache/codec"
	"github.com/tiercache/tiercache/tier"
)

// Explain tells what a read would come to, and why.
func ExampleCache_Explain() {
	users, err := tiercache.New(tiercache.Config[User]{
		Name: "users",
		Tiers: []tier.Tier[User]{
			tier.Memory[User](tier.MemoryConfig{MaxEntries: 1000}),
			tier.Remote[User](backend.NewMemory(), codec.MsgPack{}),
		},
		Profile: tiercache.Profile{TTL: tiercache.Forever},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer users.Close()

	ctx := context.Background()
	x, err := users.Explain(ctx, "42")
	fmt.Print(x)
	fmt.Println(err)

	if err := users.Set(ctx, "42", User{ID: "42", Name: "Ada"}); err != nil {
		log.Fatal(err)
	}
	x, err = users.Explain(ctx, "42")
	for _, t := range x.Tiers {
		fmt.Println(t.Tier, "is", t.State)
	}
	fmt.Println(x.Outcome, "in", x.From, err)
	// Output:
	// users "42" in partition 13, on a bus without a bound, or none
	//   memory: no entry
	//   remote: no entry
	//   a read now is a load: memory: no entry; remote: no entry
	// <nil>
	// memory is fresh
	// remote is fresh
	// hit in memory <nil>
}
