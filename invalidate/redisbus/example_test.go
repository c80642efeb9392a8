package redisbus_test

import (
	"context"
	"fmt"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/tiercache/tiercache/invalidate"
	"github.com/tiercache/tiercache/invalidate/redisbus"
)

// A table is a cache as far as a bus is concerned: it can forget.
type table struct{ ready, forgot chan string }

func (t table) Apply(e invalidate.Event) { t.forgot <- fmt.Sprint(e.Op, " ", e.Cache, e.Keys) }

func (t table) Drop(partition int) {
	if partition == 0 {
		t.ready <- "subscribed"
	}
}

func (t table) Confirm(partition int, until time.Time) {}

func Example() {
	server, err := miniredis.Run() // in place of a Redis
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()
	rdb := redis.NewClient(&redis.Options{Addr: server.Addr()})
	defer rdb.Close()

	bus, err := redisbus.New(rdb, redisbus.Config{Channel: "shop:events"})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	users := table{ready: make(chan string, 1), forgot: make(chan string, 1)}
	left := make(chan error)
	go func() { left <- bus.Subscribe(ctx, users) }()
	fmt.Println(<-users.ready)

	// Another process would use a bus of its own.
	err = bus.Publish(ctx, invalidate.Event{Op: invalidate.Delete, Cache: "users", Keys: []string{"42"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(<-users.forgot)

	cancel()
	fmt.Println(<-left)
	// Output:
	// subscribed
	// delete users[42]
	// context canceled
}
