package tiercache_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/tiercache/tiercache"
	"github.com/tiercache/tiercache/invalidate"
	"github.com/tiercache/tiercache/tier"
)

// Lookup tells how a value was come by.
func ExampleCache_Lookup() {
	users := exampleUsers(tiercache.Standard())
	defer users.Close()
	ctx := context.Background()

	r, err := users.Lookup(ctx, "42", nil) // only look
	fmt.Println("found:", r.Found, err)

	r, err = users.Lookup(ctx, "42", userFromDB)
	fmt.Println(r.Value.Name, "loaded:", r.Loaded, err)

	r, err = users.Lookup(ctx, "42", userFromDB)
	fmt.Printf("%s from %s, stale: %t, younger than a minute: %t, %v\n", r.Value.Name, r.Tier, r.Stale, r.Age < time.Minute, err)

	r, err = users.Lookup(ctx, "43", userFromDB)
	fmt.Println("absent:", r.Absent, errors.Is(err, tiercache.ErrNotFound))
	// Output:
	// found: false <nil>
	// query: 42
	// Ada loaded: true <nil>
	// Ada from memory, stale: false, younger than a minute: true, <nil>
	// query: 43
	// absent: true true
}

// A brokenBus stands for one whose server cannot be reached: nothing comes, and nothing is confirmed.
type brokenBus struct{}

func (brokenBus) Publish(context.Context, invalidate.Event) error { return errors.New("no server") }
func (brokenBus) Bound() time.Duration                            { return time.Nanosecond }

func (brokenBus) Subscribe(ctx context.Context, _ invalidate.Handler) error {
	<-ctx.Done()
	return ctx.Err()
}

// While the bus is down, nobody knows whether a value in memory is still good. ServeStale serves it all the same, for a while, and says so.
func ExampleServeStale() {
	users, err := tiercache.New(tiercache.Config[User]{
		Name:    "users",
		Tiers:   []tier.Tier[User]{tier.Memory[User](tier.MemoryConfig{MaxEntries: 1000})},
		Bus:     brokenBus{}, // with a bound of a nanosecond, to see it at once
		Outage:  tiercache.ServeStale(10 * time.Minute),
		Profile: tiercache.Standard(),
	})
	if err != nil {
		log.Fatal(err)
	}
	defer users.Close()

	ctx := context.Background()
	for range 2 {
		r, err := users.Lookup(ctx, "42", userFromDB)
		fmt.Printf("%s %v unconfirmed: %t\n", r.Value.Name, err, r.Unconfirmed)
	}
	fmt.Println("so far:", users.Stats().Unconfirmed)
	// Output:
	// query: 42
	// Ada <nil> unconfirmed: false
	// Ada <nil> unconfirmed: true
	// so far: 1
}
