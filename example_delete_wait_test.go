package tiercache_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/tiercache/tiercache"
	"github.com/tiercache/tiercache/invalidate"
	"github.com/tiercache/tiercache/tier"
)

// A tenMillis bus stands for one between processes, which has a bound of some seconds.
type tenMillis struct{ *invalidate.Memory }

func (tenMillis) Bound() time.Duration { return 10 * time.Millisecond }

// A right that was taken away must be gone everywhere before the next step is made.
func ExampleCache_DeleteWait() {
	sessions, err := tiercache.New(tiercache.Config[string]{
		Name:    "sessions",
		Tiers:   []tier.Tier[string]{tier.Memory[string](tier.MemoryConfig{MaxEntries: 1000})},
		Bus:     tenMillis{invalidate.NewMemory()},
		Profile: tiercache.Profile{TTL: time.Hour},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer sessions.Close()

	ctx := context.Background()
	began := time.Now()
	if err := sessions.DeleteWait(ctx, "ada"); err != nil {
		log.Print("Ada may still get in somewhere: ", err)
	}
	fmt.Println(time.Since(began) >= 10*time.Millisecond)
	// Output: true
}
