// Observe logs what a cache meets with log/slog, and prints its counters at the end.
//
//	go run ./examples/observe
//
// The source fails after the first load, so the second read is answered by the stale value. What lies in the store under the third
// key is damaged.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"os"
	"time"

	"github.com/tiercache/tiercache"
	"github.com/tiercache/tiercache/backend"
	"github.com/tiercache/tiercache/codec"
	"github.com/tiercache/tiercache/tier"
)

func main() {
	logger := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	if err := work(context.Background(), logger, os.Stdout); err != nil {
		log.Fatal(err)
	}
	<-time.After(10 * time.Millisecond) // what tiers report is logged by a goroutine of its own
}

var errDown = errors.New("database is down")

// work uses a cache and prints its counters.
func work(ctx context.Context, logger *slog.Logger, out io.Writer) error {
	store := backend.NewMemory()
	names, err := tiercache.New(tiercache.Config[string]{
		Name: "names",
		Tiers: []tier.Tier[string]{
			tier.Memory[string](tier.MemoryConfig{MaxBytes: 1 << 20}),
			tier.Remote[string](store, codec.JSON{}),
		},
		Profile:  tiercache.Profile{TTL: 50 * time.Millisecond, StaleFor: time.Hour, StaleAfter: time.Second},
		Observer: observer(logger),
	})
	if err != nil {
		return err
	}
	defer names.Close()

	up := func(_ context.Context, key string) (string, error) { return "Ada", nil }
	down := func(context.Context, string) (string, error) { return "", errDown }
	if _, err := names.GetOrLoad(ctx, "42", up); err != nil {
		return err
	}
	<-time.After(100 * time.Millisecond) // until the value is stale
	if _, err := names.GetOrLoad(ctx, "42", down); err != nil {
		return err
	}
	if err := store.Set(ctx, "names:7", []byte("damaged"), time.Hour); err != nil {
		return err
	}
	if _, err := names.GetOrLoad(ctx, "7", down); !errors.Is(err, errDown) {
		return fmt.Errorf("a load from a source that is down: %v", err)
	}
	text, err := json.MarshalIndent(names.Stats(), "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, string(text))
	return err
}
