package backend_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tiercache/tiercache/backend"
)

func ExampleMemory() {
	ctx := context.Background()
	m := backend.NewMemory()
	_ = m.Set(ctx, "greeting", []byte("hello"), time.Minute)

	value, ok, err := m.Get(ctx, "greeting")
	fmt.Printf("%s %t %v\n", value, ok, err)
	_, ok, err = m.Get(ctx, "farewell")
	fmt.Println(ok, err)
	// Output:
	// hello true <nil>
	// false <nil>
}

func ExamplePrefix() {
	ctx := context.Background()
	shared := backend.NewMemory()
	users, orders := backend.Prefix(shared, "users:"), backend.Prefix(shared, "orders:")
	_ = users.Set(ctx, "42", []byte("Ada"), 0)
	_ = orders.Set(ctx, "42", []byte("a book"), 0)

	value, _, _ := shared.Get(ctx, "users:42")
	fmt.Printf("%s\n", value)
	// Output: Ada
}

func ExampleGetMany() {
	ctx := context.Background()
	b := backend.NewMemory()
	_ = backend.SetMany(ctx, b, []backend.Item{{Key: "a", Value: []byte("A")}, {Key: "empty"}})

	values, err := backend.GetMany(ctx, b, []string{"a", "absent", "empty"})
	for _, v := range values {
		fmt.Printf("%q present: %t\n", v, v != nil)
	}
	fmt.Println(err)
	// Output:
	// "A" present: true
	// "" present: false
	// "" present: true
	// <nil>
}

func ExampleReplace() {
	ctx := context.Background()
	b := backend.NewMemory()
	// Whoever adds the lease loads the value; its token is the head that must still be there in the end.
	_, added, _ := backend.Add(ctx, b, "k", []byte("token-1"), time.Second)
	fmt.Println("leased:", added)
	existing, added, _ := backend.Add(ctx, b, "k", []byte("token-2"), time.Second)
	fmt.Printf("leased: %t, by %s\n", added, existing)

	_ = b.Delete(ctx, "k") // an invalidation in between
	filled, _ := backend.Replace(ctx, b, "k", []byte("token-1"), []byte("the old value"), time.Minute)
	fmt.Println("filled:", filled)
	// Output:
	// leased: true
	// leased: false, by token-1
	// filled: false
}

func ExampleAdd_unsupported() {
	threeMethods := struct{ backend.Backend }{backend.NewMemory()}
	_, _, err := backend.Add(context.Background(), threeMethods, "k", nil, 0)
	fmt.Println(errors.Is(err, errors.ErrUnsupported))
	// Output: true
}
