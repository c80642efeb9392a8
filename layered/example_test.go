package layered_test

import (
	"context"
	"fmt"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/tiercache/tiercache"
	"github.com/tiercache/tiercache/layered"
)

func ExampleNew() {
	server, err := miniredis.Run() // in a program: your Redis
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()
	rdb := redis.NewClient(&redis.Options{Addr: server.Addr()})
	defer rdb.Close()

	layers := layered.New(rdb)
	defer layers.Close()
	users, err := layered.Cache[string](layers, "users", tiercache.Standard())
	if err != nil {
		fmt.Println(err)
		return
	}

	ctx := context.Background()
	for range 2 {
		name, err := users.GetOrLoad(ctx, "42", func(_ context.Context, id string) (string, error) {
			fmt.Println("loading", id)
			return "Ada", nil
		})
		fmt.Println(name, err)
	}
	fmt.Println("in Redis:", server.Exists("users:42"))
	// Output:
	// loading 42
	// Ada <nil>
	// Ada <nil>
	// in Redis: true
}
