package redisstore_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/tiercache/tiercache/backend/redisstore"
)

func Example() {
	server := miniredis.NewMiniRedis() // in a program, a Redis of your own
	if err := server.Start(); err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	rdb := redis.NewClient(&redis.Options{Addr: server.Addr()})
	defer rdb.Close()

	store, err := redisstore.New(rdb, redisstore.Config{Timeout: time.Second})
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	if err := store.Set(ctx, "greeting", []byte("hello"), time.Minute); err != nil {
		log.Fatal(err)
	}
	value, ok, err := store.Get(ctx, "greeting")
	fmt.Printf("%s %t %v\n", value, ok, err)
	// Output: hello true <nil>
}
