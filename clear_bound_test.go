package tiercache_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiercache/tiercache"
	"github.com/tiercache/tiercache/backend"
	"github.com/tiercache/tiercache/invalidate"
	"github.com/tiercache/tiercache/tier"
)

// What the shared tier has was cleared elsewhere, and nobody here hears of it. This process may go on by the generation that it has read, but only for one
// bound from then: neither what it reads by it, nor what it keeps of that, may be served for longer.
func TestClearThatIsNotHeardOfEndsWithTheBound(t *testing.T) {
	for _, bound := range []time.Duration{300 * time.Millisecond, 3 * time.Second} {
		for name, read := range map[string]func(ctx context.Context, c *tiercache.Cache[int64], s *source) (int64, error){
			"Get": func(ctx context.Context, c *tiercache.Cache[int64], _ *source) (int64, error) {
				v, _, err := c.Get(ctx, "k")
				return v, err
			},
			"GetOrLoad": func(ctx context.Context, c *tiercache.Cache[int64], s *source) (int64, error) {
				return c.GetOrLoad(ctx, "k", s.load)
			},
		} {
			t.Run(name+" "+bound.String(), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					bus, store := newFakeBus(bound), backend.NewMemory()
					bus.publish = func(context.Context, invalidate.Event) error { return nil } // lost
					instance := func() *tiercache.Cache[int64] {
						return newCache(t, tiercache.Config[int64]{Tiers: []tier.Tier[int64]{memoryTier[int64](), flightFar(store)}, Bus: bus})
					}
					here, there := instance(), instance()
					synctest.Wait() // both have subscribed
					writeSet(t, there, "k", 1)
					writeGet(t, here, "other", 0) // looks at the generation
					if err := there.Clear(t.Context()); err != nil {
						t.Fatal(err)
					}
					cleared := time.Now()
					s := source{}
					s.value.Store(2)
					// The first read is late, so that the value would be kept for almost a bound after it.
					time.Sleep(min(bound, time.Second) - time.Millisecond)
					if v, err := read(t.Context(), here, &s); err != nil || v != 1 {
						t.Fatalf("read %v before the bound was over = %v, %v; the test wants the old value", time.Since(cleared), v, err)
					}
					for time.Since(cleared) < 3*bound {
						time.Sleep(bound / 50)
						if v, err := read(t.Context(), here, &s); err != nil || v == 1 && time.Since(cleared) > bound {
							t.Fatalf("read %v after the Clear = %v, %v, and the bound is %v", time.Since(cleared), v, err, bound)
						}
					}
				})
			})
		}
	}
}
