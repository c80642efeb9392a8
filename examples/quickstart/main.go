// Quickstart caches a slow report in memory and in Redis, with everything made from one Redis client.
//
//	go run ./examples/quickstart
//	go run ./examples/quickstart -redis localhost:6379
//
// Without -redis it starts a small Redis inside the process. With one, run it twice within a minute: the second run finds the
// report that the first has left in Redis.
package main

import (
	"context"
	"flag"
	"log"
	"os"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
)

func main() {
	addr := flag.String("redis", "", "`address` of a Redis (default: one in this process)")
	flag.Parse()
	if *addr == "" {
		server, err := miniredis.Run()
		if err != nil {
			log.Fatal(err)
		}
		defer server.Close()
		*addr = server.Addr()
	}
	rdb := redis.NewClient(&redis.Options{Addr: *addr})
	defer rdb.Close()
	if err := show(context.Background(), rdb, os.Stdout); err != nil {
		log.Fatal(err)
	}
}
