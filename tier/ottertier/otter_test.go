package ottertier_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/tiercache/tiercache/tier"
	"github.com/tiercache/tiercache/tier/ottertier"
	"github.com/tiercache/tiercache/tier/tiertest"
)

func TestOtterConforms(t *testing.T) {
	for name, cfg := range map[string]ottertier.Config{
		"MaxEntries": {MaxEntries: 1 << 20},
		"MaxBytes":   {MaxBytes: 1 << 30},
		"huge":       {MaxBytes: 1 << 40},
	} {
		t.Run(name, func(t *testing.T) {
			tiertest.Test(t, func(*testing.T) tier.Tier[string] { return ottertier.New[string](cfg) })
		})
	}
}

// open opens a tier for the time of a test.
func open[V any](t *testing.T, under tier.Tier[V], report func(tier.Problem)) {
	t.Helper()
	if err := under.(tier.Opener).Open(tier.Scope{Cache: "c", Report: report}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := under.(tier.Closer).Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestOpenReportsABadConfiguration(t *testing.T) {
	cost := func(string, any) int64 { return 1 }
	for name, test := range map[string]struct {
		cfg  ottertier.Config
		want string
	}{
		"no limit":            {ottertier.Config{}, "one of MaxBytes and MaxEntries"},
		"two limits":          {ottertier.Config{MaxBytes: 1, MaxEntries: 1}, "only one of MaxBytes and MaxEntries"},
		"negative MaxBytes":   {ottertier.Config{MaxBytes: -1}, "MaxBytes is -1"},
		"negative MaxEntries": {ottertier.Config{MaxEntries: -2}, "MaxEntries is -2"},
		"cost of an entry":    {ottertier.Config{MaxEntries: 1, Cost: cost}, "Cost needs MaxBytes"},
	} {
		t.Run(name, func(t *testing.T) {
			test.cfg.Name = "mine"
			under := ottertier.New[int](test.cfg)
			err := under.(tier.Opener).Open(tier.Scope{Report: func(tier.Problem) {}})
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), `"mine"`) {
				t.Errorf("Open() = %v, want an error with %q and the name of the tier", err, test.want)
			}
			if err := under.(tier.Closer).Close(); err != nil {
				t.Errorf("Close() = %v after Open has failed, want nil", err)
			}
		})
	}
}

func TestOtterFailsBeforeOpen(t *testing.T) {
	ctx := context.Background()
	under := ottertier.New[int](ottertier.Config{MaxEntries: 10})
	if _, ok, err := under.Get(ctx, "k"); ok || err == nil {
		t.Errorf("Get() = %v, %v, want an error", ok, err)
	}
	if err := under.Set(ctx, &tier.Entry[int]{Key: "k"}); err == nil {
		t.Error("Set() = nil, want an error")
	}
	if err := under.Delete(ctx, "k"); err == nil {
		t.Error("Delete() = nil, want an error")
	}
}

// The bubble has to be idle for the reports to have arrived, so this also shows that a tier works in one.
func TestFullTierReportsWhatItDoesNotKeep(t *testing.T) {
	for name, cfg := range map[string]ottertier.Config{
		"MaxEntries": {MaxEntries: 100},
		"MaxBytes":   {MaxBytes: 40_000},
		"Cost":       {MaxBytes: 1000, Cost: func(string, any) int64 { return 10 }},
		"units":      {MaxBytes: 1 << 40, Cost: func(string, any) int64 { return 1 << 34 }},
		"too large":  {MaxBytes: 1 << 40, Cost: func(string, any) int64 { return 1 << 50 }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx := context.Background()
				under := ottertier.New[string](cfg)
				var mu sync.Mutex
				lost := make(map[string]bool)
				open(t, under, func(p tier.Problem) {
					mu.Lock()
					defer mu.Unlock()
					lost[p.Key] = true
				})
				const entries = 10_000
				var wg sync.WaitGroup
				for w := range 4 {
					wg.Go(func() {
						for i := w; i < entries; i += 4 {
							if err := under.Set(ctx, &tier.Entry[string]{Key: fmt.Sprint(i), Value: "v"}); err != nil {
								t.Error(err)
							}
						}
					})
				}
				wg.Wait()
				synctest.Wait()
				kept := 0
				for i := range entries {
					_, ok, _ := under.Get(ctx, fmt.Sprint(i))
					if ok {
						kept++
					}
					if reported := lost[fmt.Sprint(i)]; ok == reported {
						t.Fatalf("entry %d: found is %v and reported is %v, want one of them", i, ok, reported)
					}
				}
				if want := name != "too large"; (kept > 0) != want || kept > 200 {
					t.Errorf("%d entries are kept, want some: %v, and no more than there is room for", kept, want)
				}
			})
		})
	}
}

func TestCostIsTheMemoryTaken(t *testing.T) {
	if testing.Short() {
		t.Skip("fills 100 MB")
	}
	const entries = 100_000
	ctx := context.Background()
	text := strings.Repeat("x", 200)
	cost := tier.Cost[[]string]()
	under := ottertier.New[[]string](ottertier.Config{MaxBytes: 1 << 30})
	open(t, under, func(tier.Problem) {})
	var sum int64
	before := heap()
	for i := range entries {
		e := &tier.Entry[[]string]{
			Key:   fmt.Sprintf("user:%08d", i),
			Value: []string{strings.Clone(text), strings.Clone(text)},
		}
		sum += cost(e) + ottertier.EngineBytes
		if err := under.Set(ctx, e); err != nil {
			t.Fatal(err)
		}
	}
	taken := int64(heap() - before)
	t.Logf("taken per entry %d, cost %d", taken/entries, sum/entries)
	if ratio := float64(taken) / float64(sum); ratio < 0.85 || ratio > 1.15 {
		t.Errorf("%d entries take %d bytes, their cost is %d: %.2f of it", entries, taken, sum, ratio)
	}
	runtime.KeepAlive(under)
}

// heap returns the bytes in use after collections: what is in a pool survives the first.
func heap() uint64 {
	for range 3 {
		runtime.GC()
	}
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return s.HeapAlloc
}
