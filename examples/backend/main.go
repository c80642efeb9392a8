// Backend keeps the far tier of a cache in a directory. It is what one writes to store values elsewhere than in Redis: three methods,
// and one call of the conformance suite.
//
//	go run ./examples/backend
//
// The program opens a cache twice over one directory, as two runs of it would. The second one finds what the first has loaded.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"

	"github.com/tiercache/tiercache"
	"github.com/tiercache/tiercache/codec"
	"github.com/tiercache/tiercache/tier"
)

func main() {
	dir, err := os.MkdirTemp("", "tiercache-*")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	for range 2 {
		if err := greet(context.Background(), dir, os.Stdout); err != nil {
			log.Fatal(err)
		}
	}
}

// greet does what one run of a program does.
func greet(ctx context.Context, dir string, out io.Writer) error {
	greetings, err := tiercache.New(tiercache.Config[string]{
		Name: "greetings",
		Tiers: []tier.Tier[string]{
			tier.Memory[string](tier.MemoryConfig{MaxBytes: 1 << 20}),
			tier.Remote[string](Dir(dir), codec.JSON{}).Named("disk"),
		},
		Profile: tiercache.Static(),
	})
	if err != nil {
		return err
	}
	defer greetings.Close()
	hello, err := greetings.GetOrLoad(ctx, "world", func(_ context.Context, name string) (string, error) {
		return "hello, " + name, nil
	})
	if err != nil {
		return err
	}
	s := greetings.Stats()
	_, err = fmt.Fprintf(out, "%s: %d loaded, %d found on %s\n", hello, s.Loads, s.Tiers[1].Hits, s.Tiers[1].Name)
	return err
}
