package invalidate_test

import (
	"context"
	"fmt"
	"time"

	"github.com/tiercache/tiercache/invalidate"
)

// A table is a cache as far as a bus is concerned: it can forget.
type table struct {
	name  string
	ready chan struct{}
}

func (t *table) Apply(e invalidate.Event) {
	fmt.Println(t.name, "forgets:", e.Op, e.Keys)
}

// Drop is called for every partition when the subscription begins, in their order by this bus.
func (t *table) Drop(partition int) {
	if partition == invalidate.Partitions-1 {
		close(t.ready)
	}
}

func (t *table) Confirm(partition int, until time.Time) {}

func ExampleMemory() {
	ctx, cancel := context.WithCancel(context.Background())
	bus := invalidate.NewMemory()

	near := &table{name: "near", ready: make(chan struct{})}
	left := make(chan error)
	go func() { left <- bus.Subscribe(ctx, near) }()
	<-near.ready

	err := bus.Publish(ctx, invalidate.Event{
		Op:     invalidate.Delete,
		Cache:  "users",
		Origin: "process 1",
		Keys:   []string{"42"},
	})
	fmt.Println("published:", err)

	cancel()
	fmt.Println("left:", <-left)
	// Output:
	// near forgets: delete [42]
	// published: <nil>
	// left: context canceled
}

func ExampleEvent_AppendBinary() {
	e := invalidate.Event{Op: invalidate.Tag, Cache: "pages", Tags: []string{"author:7"}}
	data, err := e.AppendBinary(nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	var got invalidate.Event
	if err := got.UnmarshalBinary(data); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(got.Op, got.Cache, got.Tags)
	// Output: tag pages [author:7]
}

func ExamplePartition() {
	fmt.Println(invalidate.Partition("users", "42"))
	// Output: 13
}
