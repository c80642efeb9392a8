// Instances is a small server of notes, to be started more than once: what one instance writes, the others forget.
//
//	go run ./examples/instances -listen :8081 -redis localhost:6379
//	go run ./examples/instances -listen :8082 -redis localhost:6379
//	curl -X PUT -d 'buy milk' localhost:8081/notes/todo
//	curl localhost:8082/notes/todo
//	curl localhost:8082/stats
//
// The source of the notes is a directory that the instances share. An instance logs whenever it reads a note from there.
package main

import (
	"context"
	"flag"
	"log"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tiercache/tiercache"
	"github.com/tiercache/tiercache/layered"
)

func main() {
	listen := flag.String("listen", ":8081", "`address` to serve HTTP at")
	addr := flag.String("redis", "localhost:6379", "`address` of the Redis that the instances share")
	dir := flag.String("dir", filepath.Join(os.TempDir(), "tiercache-notes"), "`directory` of the notes")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *listen, *addr, *dir); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, listen, addr, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	rdb := redis.NewClient(&redis.Options{Addr: addr})
	defer rdb.Close()
	layers := layered.New(rdb)
	defer layers.Close()
	notes, err := layered.Cache[string](layers, "notes", tiercache.Standard())
	if err != nil {
		return err
	}
	server := &http.Server{Addr: listen, Handler: newServer(notes, root), ReadHeaderTimeout: time.Second}
	context.AfterFunc(ctx, func() { server.Close() })
	log.Printf("notes of %s at %s", dir, listen)
	if err := server.ListenAndServe(); err != http.ErrServerClosed {
		return err
	}
	return nil
}
