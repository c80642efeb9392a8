package tiercache_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiercache/tiercache"
	"github.com/tiercache/tiercache/invalidate"
	"github.com/tiercache/tiercache/tier"
)

// closeCalls are all calls that a closed cache refuses.
var closeCalls = []struct {
	name string
	do   func(ctx context.Context, c *tiercache.Cache[int64], key string) error
}{
	{"Get", func(ctx context.Context, c *tiercache.Cache[int64], key string) error {
		_, _, err := c.Get(ctx, key)
		return err
	}},
	{"GetOrLoad", func(ctx context.Context, c *tiercache.Cache[int64], key string) error {
		_, err := c.GetOrLoad(ctx, key, new(source).load)
		return err
	}},
	{"Memo.Call", func(ctx context.Context, c *tiercache.Cache[int64], key string) error {
		_, err := tiercache.Memoize(c, func(key string) string { return key }, new(source).load).Call(ctx, key)
		return err
	}},
	{"Set", func(ctx context.Context, c *tiercache.Cache[int64], key string) error { return c.Set(ctx, key, 1) }},
	{"Add", func(ctx context.Context, c *tiercache.Cache[int64], key string) error {
		_, err := c.Add(ctx, key, 1)
		return err
	}},
	{"Expire", func(ctx context.Context, c *tiercache.Cache[int64], key string) error { return c.Expire(ctx, key) }},
	{"Delete", func(ctx context.Context, c *tiercache.Cache[int64], key string) error { return c.Delete(ctx, key) }},
	{"Clear", func(ctx context.Context, c *tiercache.Cache[int64], _ string) error { return c.Clear(ctx) }},
}

// closeNow closes c and checks how long that takes.
func closeNow(t *testing.T, c *tiercache.Cache[int64], want time.Duration) {
	t.Helper()
	began := time.Now()
	if err := c.Close(); err != nil {
		t.Errorf("Close() = %v, want nil", err)
	}
	if took := time.Since(began); took != want {
		t.Errorf("Close() took %v, want %v", took, want)
	}
}

func TestAClosedCacheRefusesEveryCall(t *testing.T) {
	flightTiers(t, func(t *testing.T, tiers []tier.Tier[int64]) {
		c := newCache(t, tiercache.Config[int64]{Tiers: tiers, Bus: invalidate.NewMemory()})
		synctest.Wait()
		statsSet(t, c) // a hit is none any more
		staleGet(t, c, 1)
		before := c.Stats().Tiers[0]
		closeNow(t, c, 0)
		closeNow(t, c, 0)
		for _, call := range closeCalls {
			if err := call.do(t.Context(), c, "k"); !errors.Is(err, tiercache.ErrClosed) {
				t.Errorf("%s after Close = %v, want %v", call.name, err, tiercache.ErrClosed)
			}
		}
		if got := c.Stats().Tiers[0]; got != before || c.Name() != "test" {
			t.Errorf("Stats().Tiers[0] = %v, Name() = %q after Close, want %v, test", got, c.Name(), before)
		}
	})
}

// The bubble does not end before every goroutine has.
func TestCloseEndsTheTrafficOfAllMethods(t *testing.T) {
	flightTiers(t, func(t *testing.T, tiers []tier.Tier[int64]) {
		bus := invalidate.NewMemory()
		c := newCache(t, tiercache.Config[int64]{Tiers: tiers, Bus: bus, Profile: tiercache.Resilient()})
		other := newCache(t, tiercache.Config[int64]{Bus: bus})
		var busy, ended sync.WaitGroup
		for range 8 {
			busy.Add(100)
			ended.Go(func() {
				for n := 0; ; n++ {
					call := closeCalls[rand.N(len(closeCalls)*4)%len(closeCalls)]
					key := strconv.Itoa(rand.N(20))
					err := call.do(t.Context(), c, key)
					if n < 100 {
						busy.Done()
					}
					if errors.Is(err, tiercache.ErrClosed) && n >= 100 {
						return
					}
					if err != nil && !errors.Is(err, tiercache.ErrClosed) {
						t.Errorf("%s(%s) = %v, want nil or %v", call.name, key, err, tiercache.ErrClosed)
					}
					if n%10 == 0 {
						_ = other.Delete(t.Context(), key)
						time.Sleep(time.Millisecond) // who waits for a lease needs the time to pass
					}
				}
			})
		}
		busy.Wait()
		if err := c.Close(); err != nil {
			t.Errorf("Close() = %v, want nil", err)
		}
		for _, call := range closeCalls {
			if err := call.do(t.Context(), c, "1"); !errors.Is(err, tiercache.ErrClosed) {
				t.Errorf("%s after Close = %v, want %v", call.name, err, tiercache.ErrClosed)
			}
		}
		ended.Wait()
	})
}

func TestCloseCancelsLoadsAndReleasesTheirCallers(t *testing.T) {
	flightTiers(t, func(t *testing.T, tiers []tier.Tier[int64]) {
		c := newCache(t, tiercache.Config[int64]{Tiers: tiers})
		l := newFlightLoad(1)
		first := flightGo(func() (int64, error) { return c.GetOrLoad(t.Context(), "k", l.load) })
		second := flightGo(func() (int64, error) { return c.GetOrLoad(t.Context(), "k", l.load) })
		synctest.Wait()
		closeNow(t, c, 0)
		first.wants(t, 0, tiercache.ErrClosed)
		second.wants(t, 0, tiercache.ErrClosed)
		if err := <-l.left; err != tiercache.ErrClosed {
			t.Errorf("the load ended by %v, want %v", err, tiercache.ErrClosed)
		}
	})
}

// Also loads that nobody waits for, and those that an invalidation has overtaken.
func TestCloseCancelsEveryLoad(t *testing.T) {
	flightEngine(t, func(t *testing.T, near tier.Tier[int64]) {
		c := staleCache(t, []tier.Tier[int64]{near}, statsStale)
		time.Sleep(time.Minute)
		l := newFlightLoad(2)
		statsLoad(t, c, l.load) // in the background
		overtaken := flightGo(func() (int64, error) { return c.GetOrLoad(t.Context(), "l", l.load) })
		synctest.Wait()
		if err := c.Delete(t.Context(), "l"); err != nil {
			t.Fatal(err)
		}
		second := flightGo(func() (int64, error) { return c.GetOrLoad(t.Context(), "l", l.load) })
		synctest.Wait()
		closeNow(t, c, 0)
		overtaken.wants(t, 0, tiercache.ErrClosed)
		second.wants(t, 0, tiercache.ErrClosed)
		if n := len(l.left); n != 3 {
			t.Errorf("%d loads were cancelled, want 3", n)
		}
	})
}

func TestCloseGivesLeasesBack(t *testing.T) {
	flightEngine(t, func(t *testing.T, near tier.Tier[int64]) {
		f := newStopFleet(t, near, memoryTier[int64](), true)
		l := newFlightLoad(1)
		call := flightGo(func() (int64, error) { return f.here.GetOrLoad(t.Context(), "k", l.load) })
		synctest.Wait()
		closeNow(t, f.here, 0)
		call.wants(t, 0, tiercache.ErrClosed)
		began := time.Now()
		if v, err := f.there.GetOrLoad(t.Context(), "k", f.load); v != 1 || err != nil || time.Since(began) > 0 {
			t.Errorf("GetOrLoad() in another process = %v, %v after %v, want 1, nil, at once", v, err, time.Since(began))
		}
	})
}

func TestCloseReleasesThoseWhoWaitForALease(t *testing.T) {
	flightEngine(t, func(t *testing.T, near tier.Tier[int64]) {
		f := newStopFleet(t, near, memoryTier[int64](), true)
		l := newFlightLoad(1)
		there := flightGo(func() (int64, error) { return f.there.GetOrLoad(t.Context(), "k", l.load) })
		synctest.Wait()
		load := flightGo(func() (int64, error) { return f.here.GetOrLoad(t.Context(), "k", l.load) })
		add := flightGo(func() (int64, error) { _, err := f.here.Add(t.Context(), "k", 2); return 0, err })
		if !load.running() || !add.running() {
			t.Fatal("somebody does not wait for the lease")
		}
		began := time.Now()
		closed := flightGo(func() (int64, error) { return 0, f.here.Close() })
		load.wants(t, 0, tiercache.ErrClosed)
		add.wants(t, 0, tiercache.ErrClosed)
		if took := time.Since(began); took > 0 {
			t.Errorf("those who waited were released after %v, want at once", took)
		}
		closed.wants(t, 0, nil)
		close(l.release)
		there.wants(t, 1, nil)
	})
}

func TestALoaderThatIgnoresItsContextHoldsUpCloseForASecond(t *testing.T) {
	flightTiers(t, func(t *testing.T, tiers []tier.Tier[int64]) {
		c := newCache(t, tiercache.Config[int64]{Tiers: tiers})
		stuck := make(chan struct{})
		began := time.Now()
		call := flightGo(func() (int64, error) {
			v, err := c.GetOrLoad(t.Context(), "k", func(context.Context, string) (int64, error) { <-stuck; return 1, nil })
			if took := time.Since(began); took > 0 {
				t.Errorf("the caller was released after %v, want at once", took)
			}
			return v, err
		})
		synctest.Wait()
		closeNow(t, c, time.Second)
		call.wants(t, 0, tiercache.ErrClosed)
		close(stuck) // its value comes too late for the tiers
		synctest.Wait()
		if s := c.Stats(); s.Loads != 1 || s.Tiers[0].Fills != 0 || s.Tiers[0].Errors != 0 {
			t.Errorf("Loads = %d, Fills = %d, Errors = %d, want 1, 0, 0", s.Loads, s.Tiers[0].Fills, s.Tiers[0].Errors)
		}
	})
}

func TestALoaderMayCloseTheCache(t *testing.T) {
	flightTiers(t, func(t *testing.T, tiers []tier.Tier[int64]) {
		c := newCache(t, tiercache.Config[int64]{Tiers: tiers})
		closed := make(chan struct{})
		_, err := c.GetOrLoad(t.Context(), "k", func(context.Context, string) (int64, error) {
			defer close(closed)
			closeNow(t, c, time.Second)
			return 1, nil
		})
		if !errors.Is(err, tiercache.ErrClosed) {
			t.Errorf("GetOrLoad() = %v, want %v", err, tiercache.ErrClosed)
		}
		<-closed
	})
}

func TestAClosedCacheHearsNothingOfTheBus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newStopFleet(t, memoryTier[int64](), memoryTier[int64](), false)
		closeNow(t, f.here, 0)
		if err := f.there.Delete(t.Context(), "k"); err != nil {
			t.Fatal(err)
		}
		if n := f.here.Stats().Invalidated; n != 0 {
			t.Errorf("Invalidated = %d after Close, want 0", n)
		}
	})
}

func TestAHookThatIsToldInTheBackgroundMayCloseTheCache(t *testing.T) {
	for _, hook := range []string{"Problem", "Invalidated", "Dropped"} {
		t.Run(hook, func(t *testing.T) {
			flightEngine(t, func(t *testing.T, near tier.Tier[int64]) {
				var c *tiercache.Cache[int64]
				built, closed := make(chan struct{}), make(chan struct{})
				var once sync.Once
				end := func(name string) {
					<-built
					if name == hook {
						once.Do(func() {
							if err := c.Close(); err != nil {
								t.Errorf("Close() = %v, want nil", err)
							}
							close(closed)
						})
					}
				}
				bus := invalidate.NewMemory()
				c = newCache(t, tiercache.Config[int64]{
					Tiers: []tier.Tier[int64]{&statsTier{stopNear: stopNear{near}, kind: tier.Evicted}},
					Bus:   bus,
					Observer: tiercache.Observer{
						Problem:     func(tier.Problem) { end("Problem") },
						Invalidated: func(invalidate.Event) { end("Invalidated") },
						Dropped:     func(int) { end("Dropped") },
					},
				})
				close(built)
				synctest.Wait()
				_ = c.Set(t.Context(), "k", 1)
				if err := bus.Publish(t.Context(), invalidate.Event{Op: invalidate.Clear, Cache: "test"}); err != nil {
					t.Fatal(err)
				}
				<-closed
				if err := c.Set(t.Context(), "k", 1); !errors.Is(err, tiercache.ErrClosed) {
					t.Errorf("Set(k) = %v, want %v", err, tiercache.ErrClosed)
				}
			})
		})
	}
}
