package tier_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/tiercache/tiercache/tier"
	"github.com/tiercache/tiercache/tier/tiertest"
)

func TestMemoryConforms(t *testing.T) {
	for name, cfg := range map[string]tier.MemoryConfig{
		"MaxEntries": {MaxEntries: 1 << 20},
		"MaxBytes":   {MaxBytes: 1 << 30},
	} {
		t.Run(name, func(t *testing.T) {
			tiertest.Test(t, func(*testing.T) tier.Tier[string] { return tier.Memory[string](cfg) })
		})
	}
}

func TestOpenReportsABadConfiguration(t *testing.T) {
	cost := func(string, any) int64 { return 1 }
	for name, test := range map[string]struct {
		cfg  tier.MemoryConfig
		want string
	}{
		"no limit":            {tier.MemoryConfig{}, "one of MaxBytes and MaxEntries"},
		"two limits":          {tier.MemoryConfig{MaxBytes: 1, MaxEntries: 1}, "only one of MaxBytes and MaxEntries"},
		"negative MaxBytes":   {tier.MemoryConfig{MaxBytes: -1}, "MaxBytes is -1"},
		"negative MaxEntries": {tier.MemoryConfig{MaxEntries: -2}, "MaxEntries is -2"},
		"both negative":       {tier.MemoryConfig{MaxBytes: -1, MaxEntries: -2}, "MaxBytes is -1"},
		"cost of an entry":    {tier.MemoryConfig{MaxEntries: 1, Cost: cost}, "Cost needs MaxBytes"},
	} {
		t.Run(name, func(t *testing.T) {
			test.cfg.Name = "mine"
			m := tier.Memory[int](test.cfg)
			err := m.(tier.Opener).Open(tier.Scope{Report: func(tier.Problem) {}})
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), `"mine"`) {
				t.Errorf("Open() = %v, want an error with %q and the name of the tier", err, test.want)
			}
			if err := m.(tier.Closer).Close(); err != nil {
				t.Errorf("Close() = %v after Open has failed, want nil", err)
			}
		})
	}
}

func TestMemoryFailsBeforeOpen(t *testing.T) {
	ctx := context.Background()
	m := tier.Memory[int](tier.MemoryConfig{MaxEntries: 10})
	if _, ok, err := m.Get(ctx, "k"); ok || err == nil {
		t.Errorf("Get() = %v, %v, want an error", ok, err)
	}
	if err := m.Set(ctx, &tier.Entry[int]{Key: "k"}); err == nil {
		t.Error("Set() = nil, want an error")
	}
	if err := m.Delete(ctx, "k"); err == nil {
		t.Error("Delete() = nil, want an error")
	}
}

func TestMemoryOpensOnce(t *testing.T) {
	scope := tier.Scope{Report: func(tier.Problem) {}}
	m := tier.Memory[int](tier.MemoryConfig{MaxEntries: 10})
	open(t, m, scope.Report)
	if err := m.(tier.Opener).Open(scope); err == nil {
		t.Error("second Open() = nil, want an error")
	}
	m = tier.Memory[int](tier.MemoryConfig{MaxEntries: 10})
	if err := m.(tier.Closer).Close(); err != nil {
		t.Errorf("Close() before Open = %v, want nil", err)
	}
	if err := m.(tier.Opener).Open(scope); err == nil {
		t.Error("Open() after Close = nil, want an error")
	}
}

func TestMemoryHasAName(t *testing.T) {
	if got := tier.Memory[int](tier.MemoryConfig{}).Name(); got != "memory" {
		t.Errorf("Name() = %q, want memory", got)
	}
	if got := tier.Memory[int](tier.MemoryConfig{Name: "near"}).Name(); got != "near" {
		t.Errorf("Name() = %q, want near", got)
	}
}

// A lossLog collects the keys that a tier reports.
type lossLog struct {
	mu   sync.Mutex
	keys map[string]tier.Kind
}

func (l *lossLog) report(p tier.Problem) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.keys == nil {
		l.keys = make(map[string]tier.Kind)
	}
	l.keys[p.Key] = p.Kind
}

// The bubble has to be idle for the reports to have arrived, so this also shows that a tier works in one.
func TestFullMemoryReportsWhatItDoesNotKeep(t *testing.T) {
	for name, cfg := range map[string]tier.MemoryConfig{
		"MaxEntries": {MaxEntries: 100},
		"MaxBytes":   {MaxBytes: 40_000},
		"Cost":       {MaxBytes: 1000, Cost: func(string, any) int64 { return 10 }},
		"one":        {MaxEntries: 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx := context.Background()
				m := tier.Memory[string](cfg)
				var lost lossLog
				open(t, m, lost.report)
				const entries = 20_000
				var wg sync.WaitGroup
				for w := range 4 {
					wg.Go(func() {
						for i := w; i < entries; i += 4 {
							if err := m.Set(ctx, &tier.Entry[string]{Key: fmt.Sprint(i), Value: "v"}); err != nil {
								t.Error(err)
							}
						}
					})
				}
				wg.Wait()
				synctest.Wait()
				kept := 0
				for i := range entries {
					_, ok, _ := m.Get(ctx, fmt.Sprint(i))
					_, reported := lost.keys[fmt.Sprint(i)]
					if ok {
						kept++
					}
					if ok == reported {
						t.Fatalf("entry %d: found is %v and reported is %v, want one of them", i, ok, reported)
					}
				}
				if kept == 0 || kept > 200 {
					t.Errorf("%d entries are kept, want some, and no more than there is room for", kept)
				}
			})
		})
	}
}

func TestEntryLargerThanTheTierIsRejected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := context.Background()
		m := tier.Memory[string](tier.MemoryConfig{MaxBytes: 10_000})
		var lost lossLog
		open(t, m, lost.report)
		for _, e := range []*tier.Entry[string]{
			{Key: "k", Value: "small"},
			{Key: "k", Value: strings.Repeat("large", 10_000)},
		} {
			if err := m.Set(ctx, e); err != nil {
				t.Fatalf("Set() = %v, want nil", err)
			}
		}
		if e, ok, _ := m.Get(ctx, "k"); ok {
			t.Errorf("Get() = %.10q, want a miss: neither the large entry nor the older one", e.Value)
		}
		synctest.Wait()
		if lost.keys["k"] != tier.Rejected {
			t.Errorf("reported %v, want %v", lost.keys["k"], tier.Rejected)
		}
	})
}

// What the tier holds when it is closed has not been evicted.
func TestCloseReportsNothing(t *testing.T) {
	m := tier.Memory[int](tier.MemoryConfig{MaxEntries: 1000})
	var lost lossLog
	open(t, m, lost.report)
	for i := range 500 {
		if err := m.Set(context.Background(), &tier.Entry[int]{Key: fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.(tier.Closer).Close(); err != nil {
		t.Fatal(err)
	}
	if len(lost.keys) > 0 {
		t.Errorf("%d entries were reported, want none", len(lost.keys))
	}
}

func TestMemoryHitAllocatesNothing(t *testing.T) {
	ctx := context.Background()
	m := tier.Memory[string](tier.MemoryConfig{MaxEntries: 1000})
	open(t, m, func(tier.Problem) {})
	if err := m.Set(ctx, &tier.Entry[string]{Key: "k", Value: "v"}); err != nil {
		t.Fatal(err)
	}
	// The engine makes a new buffer for every 64 reads or so, which is far from one allocation each.
	allocs := testing.AllocsPerRun(10_000, func() {
		if _, ok, _ := m.Get(ctx, "k"); !ok {
			t.Fatal("Get() is a miss")
		}
	})
	if allocs > 0 {
		t.Errorf("%v allocations in a hit, want 0", allocs)
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
	m := tier.Memory[[]string](tier.MemoryConfig{MaxBytes: 1 << 30})
	open(t, m, func(tier.Problem) {})
	var sum int64
	before := heap()
	for i := range entries {
		e := &tier.Entry[[]string]{
			Key:   fmt.Sprintf("user:%08d", i),
			Value: []string{strings.Clone(text), strings.Clone(text)},
		}
		sum += cost(e) + tier.EngineBytes
		if err := m.Set(ctx, e); err != nil {
			t.Fatal(err)
		}
	}
	taken := int64(heap() - before)
	t.Logf("taken per entry %d, cost %d", taken/entries, sum/entries)
	if ratio := float64(taken) / float64(sum); ratio < 0.85 || ratio > 1.15 {
		t.Errorf("%d entries take %d bytes, their cost is %d: %.2f of it", entries, taken, sum, ratio)
	}
	runtime.KeepAlive(m)
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
