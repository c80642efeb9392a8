package tiercache_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/tiercache/tiercache"
	"github.com/tiercache/tiercache/backend"
	"github.com/tiercache/tiercache/codec"
	"github.com/tiercache/tiercache/tier"
)

// A User is what the examples cache.
type User struct {
	ID   string
	Name string
}

// userFromDB stands for a query that takes its time.
func userFromDB(_ context.Context, id string) (User, error) {
	fmt.Println("query:", id)
	if id != "42" {
		return User{}, tiercache.ErrNotFound
	}
	return User{ID: id, Name: "Ada"}, nil
}

// exampleUsers returns a cache with all that the examples do not care about.
func exampleUsers(profile tiercache.Profile) *tiercache.Cache[User] {
	users, err := tiercache.New(tiercache.Config[User]{
		Name:    "users",
		Tiers:   []tier.Tier[User]{tier.Memory[User](tier.MemoryConfig{MaxEntries: 1000})},
		Profile: profile,
	})
	if err != nil {
		log.Fatal(err)
	}
	return users
}

// A cache in the memory of one process needs a name, one tier and a TTL.
func ExampleNew() {
	users, err := tiercache.New(tiercache.Config[User]{
		Name:    "users",
		Tiers:   []tier.Tier[User]{tier.Memory[User](tier.MemoryConfig{MaxBytes: 16 << 20})},
		Profile: tiercache.Profile{TTL: time.Minute},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer users.Close()

	ctx := context.Background()
	for range 2 {
		u, err := users.GetOrLoad(ctx, "42", userFromDB)
		fmt.Println(u.Name, err)
	}
	// Output:
	// query: 42
	// Ada <nil>
	// Ada <nil>
}

// A mistake in the configuration is an error that names it.
func ExampleNew_mistake() {
	_, err := tiercache.New(tiercache.Config[User]{
		Name:    "users",
		Tiers:   []tier.Tier[User]{tier.Memory[User](tier.MemoryConfig{})},
		Profile: tiercache.Standard(),
	})
	fmt.Println(err)
	// Output:
	// tiercache: cache "users": tier memory: tier: memory "memory": one of MaxBytes and MaxEntries must be set
}

// What one process has loaded, the others find in the store that they share. A real one would be in Redis, see package
// redisstore.
func ExampleNew_twoTiers() {
	store := backend.NewMemory()
	open := func() *tiercache.Cache[User] {
		users, err := tiercache.New(tiercache.Config[User]{
			Name: "users",
			Tiers: []tier.Tier[User]{
				tier.Memory[User](tier.MemoryConfig{MaxBytes: 16 << 20}),
				tier.Remote[User](store, codec.MsgPack{}),
			},
			Profile: tiercache.Standard(),
		})
		if err != nil {
			log.Fatal(err)
		}
		return users
	}
	ctx := context.Background()
	first, second := open(), open()
	defer first.Close()
	defer second.Close()
	_, _ = first.GetOrLoad(ctx, "42", userFromDB)

	u, err := second.GetOrLoad(ctx, "42", userFromDB)
	fmt.Println(u.Name, err)
	for _, t := range second.Stats().Tiers {
		fmt.Println(t.Name, "hits:", t.Hits, "copied from farther:", t.Promotes)
	}
	// Output:
	// query: 42
	// Ada <nil>
	// memory hits: 0 copied from farther: 1
	// remote hits: 1 copied from farther: 0
}

// Get has three outcomes: a value, none, or ErrNotFound for what the source is known not to have.
func ExampleCache_Get() {
	ctx := context.Background()
	users := exampleUsers(tiercache.Profile{TTL: time.Minute, AbsentFor: time.Minute})
	defer users.Close()
	_, _ = users.GetOrLoad(ctx, "42", userFromDB)
	_, _ = users.GetOrLoad(ctx, "7", userFromDB)

	for _, id := range []string{"42", "7", "1"} {
		u, ok, err := users.Get(ctx, id)
		fmt.Printf("%s: %q %t %v\n", id, u.Name, ok, err)
	}
	// Output:
	// query: 42
	// query: 7
	// 42: "Ada" true <nil>
	// 7: "" false tiercache: not found
	// 1: "" false <nil>
}

// An error of the Loader comes back as it is, and is not remembered.
func ExampleCache_GetOrLoad() {
	ctx := context.Background()
	users := exampleUsers(tiercache.Standard())
	defer users.Close()

	errDown := errors.New("database is down")
	_, err := users.GetOrLoad(ctx, "42", func(context.Context, string) (User, error) { return User{}, errDown })
	fmt.Println(errors.Is(err, errDown))

	u, err := users.GetOrLoad(ctx, "42", userFromDB)
	fmt.Println(u.Name, err)
	// Output:
	// true
	// query: 42
	// Ada <nil>
}

// That the source has no value is remembered for Profile.AbsentFor, so that it is not asked again and again.
func Example_absent() {
	ctx := context.Background()
	users := exampleUsers(tiercache.Profile{TTL: time.Minute, AbsentFor: 10 * time.Second})
	defer users.Close()
	for range 3 {
		_, err := users.GetOrLoad(ctx, "7", userFromDB)
		fmt.Println(errors.Is(err, tiercache.ErrNotFound))
	}
	// Output:
	// query: 7
	// true
	// true
	// true
}

// A value that is past its TTL is better than none while the source fails.
func ExampleResilient() {
	ctx := context.Background()
	users := exampleUsers(tiercache.Resilient())
	defer users.Close()
	_, _ = users.GetOrLoad(ctx, "42", userFromDB)
	_ = users.Expire(ctx, "42") // as the TTL would have done in a minute

	u, err := users.GetOrLoad(ctx, "42", func(context.Context, string) (User, error) {
		return User{}, errors.New("database is down")
	})
	fmt.Println(u.Name, err, "stale:", users.Stats().StaleServed)
	// Output:
	// query: 42
	// Ada <nil> stale: 1
}

// Set is for values that the program has anyway, because it has just written them to the source.
func ExampleCache_Set() {
	ctx := context.Background()
	users := exampleUsers(tiercache.Standard())
	defer users.Close()
	if err := users.Set(ctx, "42", User{"42", "Grace"}); err != nil {
		log.Fatal(err)
	}
	u, err := users.GetOrLoad(ctx, "42", userFromDB)
	fmt.Println(u.Name, err)
	// Output: Grace <nil>
}

// Delete comes after the write to the source: whoever reads later loads the new value.
func ExampleCache_Delete() {
	ctx := context.Background()
	names := map[string]string{"1": "Ada", "2": "Grace"}
	load := func(_ context.Context, id string) (User, error) { return User{id, names[id]}, nil }
	users := exampleUsers(tiercache.Standard())
	defer users.Close()
	_, _ = users.GetOrLoad(ctx, "1", load)
	_, _ = users.GetOrLoad(ctx, "2", load)

	names["1"], names["2"] = "Ada Lovelace", "Grace Hopper"
	if err := users.Delete(ctx, "1", "2"); err != nil {
		log.Fatal(err)
	}
	for _, id := range []string{"1", "2"} {
		u, err := users.GetOrLoad(ctx, id, load)
		fmt.Println(u.Name, err)
	}
	// Output:
	// Ada Lovelace <nil>
	// Grace Hopper <nil>
}

// Unlike a deleted value, an expired one is still there for those who accept it.
func ExampleCache_Expire() {
	ctx := context.Background()
	users := exampleUsers(tiercache.Profile{TTL: time.Minute, StaleFor: time.Hour})
	defer users.Close()
	_ = users.Set(ctx, "42", User{"42", "Ada"})
	if err := users.Expire(ctx, "42"); err != nil {
		log.Fatal(err)
	}
	u, ok, err := users.Get(ctx, "42")
	fmt.Println(u.Name, ok, err)

	_ = users.Delete(ctx, "42")
	_, ok, err = users.Get(ctx, "42")
	fmt.Println(ok, err)
	// Output:
	// Ada true <nil>
	// false <nil>
}

// Clear takes as long for a million entries as for one.
func ExampleCache_Clear() {
	ctx := context.Background()
	users := exampleUsers(tiercache.Standard())
	defer users.Close()
	_ = users.Set(ctx, "42", User{"42", "Ada"})
	fmt.Println(users.Clear(ctx))
	_, ok, err := users.Get(ctx, "42")
	fmt.Println(ok, err)
	// Output:
	// <nil>
	// false <nil>
}

// Of all who add a key, in all processes, one succeeds.
func ExampleCache_Add() {
	ctx := context.Background()
	users := exampleUsers(tiercache.Standard())
	defer users.Close()
	fmt.Println(users.Add(ctx, "42", User{"42", "Ada"}))
	fmt.Println(users.Add(ctx, "42", User{"42", "Grace"}))
	u, _, _ := users.Get(ctx, "42")
	fmt.Println(u.Name)
	// Output:
	// true <nil>
	// false <nil>
	// Ada
}
