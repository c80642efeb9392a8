package tiercache_test

import (
	"context"
	"errors"
	"reflect"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiercache/tiercache"
	"github.com/tiercache/tiercache/backend"
	"github.com/tiercache/tiercache/invalidate"
	"github.com/tiercache/tiercache/tier"
)

var errStatsBroken = errors.New("broken")

// A statsBus is a bus that fails, or that promises a bound and confirms nothing.
type statsBus struct {
	bound              time.Duration
	publish, subscribe error
}

func (b *statsBus) Publish(context.Context, invalidate.Event) error { return b.publish }
func (b *statsBus) Bound() time.Duration                            { return b.bound }

func (b *statsBus) Subscribe(ctx context.Context, _ invalidate.Handler) error {
	if b.subscribe != nil {
		return b.subscribe
	}
	<-ctx.Done()
	return ctx.Err()
}

// statsFleet returns two processes with a store and a bus, and their source.
func statsFleet(t *testing.T) *stopFleet {
	return newStopFleet(t, memoryTier[int64](), memoryTier[int64](), true)
}

// statsLoad loads "k" and does not mind an error.
func statsLoad(t *testing.T, c *tiercache.Cache[int64], load tiercache.Loader[int64], opts ...tiercache.CallOption) {
	t.Helper()
	_, _ = c.GetOrLoad(t.Context(), "k", load, opts...)
}

func statsSet(t *testing.T, c *tiercache.Cache[int64]) {
	t.Helper()
	if err := c.Set(t.Context(), "k", 1); err != nil {
		t.Fatal(err)
	}
}

// statsStale is a profile under which entries are stale after a minute.
var statsStale = tiercache.Profile{TTL: time.Minute, StaleFor: time.Hour}

// A statsCase says how a counter comes to a count.
type statsCase struct {
	want int64
	do   func(t *testing.T) *tiercache.Cache[int64]
}

var statsCases = map[string]statsCase{
	"Misses": {2, func(t *testing.T) *tiercache.Cache[int64] {
		c := newCache(t, tiercache.Config[int64]{})
		staleGet(t, c, 0)
		statsLoad(t, c, new(source).load)
		return c
	}},
	"Loads": {2, func(t *testing.T) *tiercache.Cache[int64] {
		c := newCache(t, tiercache.Config[int64]{})
		statsLoad(t, c, staleFails)
		statsLoad(t, c, new(source).load)
		statsLoad(t, c, new(source).load)
		return c
	}},
	"LoadErrors": {1, func(t *testing.T) *tiercache.Cache[int64] {
		c := newCache(t, tiercache.Config[int64]{})
		statsLoad(t, c, staleFails)
		statsLoad(t, c, new(absentSource).load)
		return c
	}},
	"LoadTime": {int64(3 * time.Second), func(t *testing.T) *tiercache.Cache[int64] {
		c := newCache(t, tiercache.Config[int64]{})
		for _, err := range []error{errStatsBroken, nil} {
			statsLoad(t, c, func(context.Context, string) (int64, error) { time.Sleep(1500 * time.Millisecond); return 0, err })
		}
		return c
	}},
	"LoadsAbandoned": {1, func(t *testing.T) *tiercache.Cache[int64] {
		c := newCache(t, tiercache.Config[int64]{})
		statsLoad(t, c, newFlightLoad(1).load)
		return c
	}},
	"Joined": {2, func(t *testing.T) *tiercache.Cache[int64] {
		c := newCache(t, tiercache.Config[int64]{})
		loadTogether(t, c, new(source).load)
		return c
	}},
	"StaleServed": {2, func(t *testing.T) *tiercache.Cache[int64] {
		c := staleCache(t, nil, statsStale)
		time.Sleep(time.Minute)
		staleGet(t, c, 1)
		statsLoad(t, c, staleFails)
		return c
	}},
	"Unconfirmed": {2, func(t *testing.T) *tiercache.Cache[int64] {
		c := newCache(t, tiercache.Config[int64]{Bus: &statsBus{bound: time.Second}, Outage: tiercache.ServeStale(time.Minute)})
		statsSet(t, c)
		time.Sleep(2 * time.Second)
		staleGet(t, c, 1)
		statsLoad(t, c, staleFails)
		return c
	}},
	"LeaseAge": {int64(7 * time.Second), func(t *testing.T) *tiercache.Cache[int64] {
		c := newCache(t, tiercache.Config[int64]{Bus: &statsBus{bound: time.Second}})
		time.Sleep(7 * time.Second)
		return c
	}},
	"LeaseWaits": {1, func(t *testing.T) *tiercache.Cache[int64] {
		f := statsFleet(t)
		l := newFlightLoad(1)
		there := flightGo(func() (int64, error) { return f.there.GetOrLoad(t.Context(), "k", l.load) })
		synctest.Wait()
		time.AfterFunc(time.Second, func() { close(l.release) })
		statsLoad(t, f.here, l.load)
		there.wants(t, 1, nil)
		if n := l.calls.Load(); n != 1 {
			t.Errorf("two processes loaded %d times, want 1", n)
		}
		return f.here
	}},
	"FillsRefused": {1, func(t *testing.T) *tiercache.Cache[int64] {
		c := newCache(t, tiercache.Config[int64]{})
		statsLoad(t, c, func(ctx context.Context, key string) (int64, error) { return 1, c.Delete(ctx, key) })
		return c
	}},
	"Published": {2, func(t *testing.T) *tiercache.Cache[int64] {
		f := statsFleet(t)
		statsSet(t, f.here)
		return statsCleared(t, f.here, nil)
	}},
	"PublishErrors": {1, func(t *testing.T) *tiercache.Cache[int64] {
		c := newCache(t, tiercache.Config[int64]{Bus: &statsBus{publish: errStatsBroken}})
		return statsCleared(t, c, errStatsBroken)
	}},
	"Invalidated": {3, func(t *testing.T) *tiercache.Cache[int64] {
		f := statsFleet(t)
		if err := f.there.Delete(t.Context(), "k", "l"); err != nil {
			t.Fatal(err)
		}
		statsCleared(t, f.there, nil)
		return f.here
	}},
	"Echoes": {1, func(t *testing.T) *tiercache.Cache[int64] {
		f := statsFleet(t)
		statsSet(t, f.here)
		return f.here
	}},
	"PartitionDrops": {invalidate.Partitions, func(t *testing.T) *tiercache.Cache[int64] { return statsFleet(t).here }},
	"BusErrors": {1, func(t *testing.T) *tiercache.Cache[int64] {
		bus := &statsBus{subscribe: errStatsBroken}
		c := newCache(t, tiercache.Config[int64]{Bus: bus})
		synctest.Wait() // it waits half a second at least before it tries again
		return c
	}},
	"JournalReplays":   {1, func(t *testing.T) *tiercache.Cache[int64] { return statsRolledBack(t, 3) }},
	"JournalKeys":      {3, func(t *testing.T) *tiercache.Cache[int64] { return statsRolledBack(t, 3) }},
	"JournalOverflows": {1, func(t *testing.T) *tiercache.Cache[int64] { return statsRolledBack(t, 1<<16+1) }},
	"NoticesDropped": {10, func(t *testing.T) *tiercache.Cache[int64] {
		c, release := observerBehind(t, 10)
		close(release)
		return c
	}},
}

// statsRolledBack deletes n keys before the store is rolled back.
func statsRolledBack(t *testing.T, n int) *tiercache.Cache[int64] {
	j := newJournalFleet(t)
	journalDelete(t, j.here, n)
	j.bus.rollBack()
	time.Sleep(time.Second)
	return j.here
}

// statsCleared clears c and returns it.
func statsCleared(t *testing.T, c *tiercache.Cache[int64], want error) *tiercache.Cache[int64] {
	t.Helper()
	if err := c.Clear(t.Context()); !errors.Is(err, want) {
		t.Errorf("Clear() = %v, want %v", err, want)
	}
	return c
}

func TestEveryCounterCounts(t *testing.T) {
	statsEach(t, statsCases, func(s tiercache.Stats) any { return s })
}

func TestEveryCounterOfATierCounts(t *testing.T) {
	statsEach(t, statsTierCases, func(s tiercache.Stats) any { return s.Tiers[0] })
}

// statsEach runs the case of each counter that there is in what counters returns.
func statsEach(t *testing.T, cases map[string]statsCase, counters func(tiercache.Stats) any) {
	t.Helper()
	none := tiercache.Stats{Tiers: make([]tiercache.TierStats, 1)}
	for field := range reflect.ValueOf(counters(none)).Fields() {
		if field.Name == "Name" || field.Name == "Tiers" {
			continue
		}
		t.Run(field.Name, func(t *testing.T) {
			test, ok := cases[field.Name]
			if !ok {
				t.Fatal("no case for this counter")
			}
			synctest.Test(t, func(t *testing.T) {
				c := test.do(t)
				synctest.Wait() // for what is counted in the background
				if got := statsNumber(reflect.ValueOf(counters(c.Stats())).FieldByIndex(field.Index)); got != test.want {
					t.Errorf("%s = %d, want %d", field.Name, got, test.want)
				}
			})
		})
	}
}

func statsNumber(v reflect.Value) int64 {
	if v.CanInt() {
		return v.Int()
	}
	return int64(v.Uint())
}

func TestStatsBeginAtZeroAndNameTheTiers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, tiercache.Config[int64]{Tiers: []tier.Tier[int64]{memoryTier[int64](), flightFar(backend.NewMemory())}})
		want := tiercache.Stats{Tiers: []tiercache.TierStats{{Name: "memory"}, {Name: "remote"}}}
		if got := c.Stats(); !reflect.DeepEqual(got, want) {
			t.Errorf("Stats() = %+v, want %+v", got, want)
		}
	})
}

func TestHitsOfManyGoroutinesAreAllCounted(t *testing.T) {
	flightEngine(t, func(t *testing.T, near tier.Tier[int64]) {
		c := staleCache(t, []tier.Tier[int64]{near}, tiercache.Static())
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for range 1000 {
					_, _, _ = c.Get(t.Context(), "k")
				}
			})
		}
		wg.Wait()
		if n := c.Stats().Tiers[0].Hits; n != 8000 {
			t.Errorf("Hits = %d, want 8000", n)
		}
	})
}
