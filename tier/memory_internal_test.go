package tier

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/dgraph-io/ristretto/v2/z"
)

// newMemory opens a tier for a test, and returns a function that closes it and returns what it has reported.
func newMemory(t *testing.T, cfg MemoryConfig) (m *memory[string], end func() []Problem) {
	t.Helper()
	m = Memory[string](cfg).(*memory[string])
	var mu sync.Mutex
	var problems []Problem
	err := m.Open(Scope{Report: func(p Problem) {
		mu.Lock()
		defer mu.Unlock()
		problems = append(problems, p)
	}})
	if err != nil {
		t.Fatal(err)
	}
	return m, func() []Problem {
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
		return problems
	}
}

func set(t *testing.T, m *memory[string], key, value string) {
	t.Helper()
	if err := m.Set(context.Background(), &Entry[string]{Key: key, Value: value}); err != nil {
		t.Fatalf("Set(%q) = %v, want nil", key, err)
	}
}

func wantValue(t *testing.T, m *memory[string], key, want string) {
	t.Helper()
	e, ok, err := m.Get(context.Background(), key)
	if err != nil || !ok || e.Value != want {
		t.Fatalf("Get(%q) = %v, %v, %v, want %q", key, e, ok, err, want)
	}
}

func wantMiss(t *testing.T, m *memory[string], key string) {
	t.Helper()
	if e, ok, err := m.Get(context.Background(), key); ok || err != nil {
		t.Fatalf("Get(%q) = %v, %v, %v, want a miss", key, e, ok, err)
	}
}

// busy makes the tier unable to settle anything, as if somebody were at it, and returns the function that ends this.
func busy(m *memory[string]) (free func()) {
	m.settling.Lock()
	return sync.OnceFunc(func() {
		m.settling.Unlock()
		m.wakeSettler()
	})
}

// fill fills the overlay of a busy tier.
func fill(t *testing.T, m *memory[string]) {
	for i := range maxPending {
		set(t, m, fmt.Sprintf("fill:%d", i), "v")
	}
}

func TestWhatIsPendingHidesTheEngine(t *testing.T) {
	m, end := newMemory(t, MemoryConfig{MaxEntries: 1000})
	defer end()
	set(t, m, "k", "old")
	set(t, m, "gone", "old")
	free := busy(m)
	defer free()
	set(t, m, "k", "new")
	if err := m.Delete(context.Background(), "gone"); err != nil {
		t.Fatal(err)
	}
	if e, _ := m.engine.Get(z.MemHashString("k")); e == nil || e.Value != "old" {
		t.Fatalf("the engine has %v, want the old entry: nothing has been settled", e)
	}
	wantValue(t, m, "k", "new")
	wantMiss(t, m, "gone")
	free()
}

// A key may be put again while the previous round still applies it.
func TestNextHidesWhatIsBeingSettled(t *testing.T) {
	m, end := newMemory(t, MemoryConfig{MaxEntries: 1000})
	defer end()
	free := busy(m)
	defer free()
	set(t, m, "k", "1")
	set(t, m, "l", "1")
	batch := m.overlay.take()
	wantValue(t, m, "k", "1")
	set(t, m, "k", "2")
	m.apply(batch)
	wantValue(t, m, "k", "2")
	m.overlay.settled()
	wantValue(t, m, "k", "2")
	wantValue(t, m, "l", "1")
	free()
}

func TestEverythingIsSettledInTheEnd(t *testing.T) {
	for name, write := range map[string]func(t *testing.T, m *memory[string]){
		"full": func(t *testing.T, m *memory[string]) {
			free := busy(m)
			defer free()
			fill(t, m)
			free()
		},
		"many writers": func(t *testing.T, m *memory[string]) {
			for range 100 {
				var wg sync.WaitGroup
				for w := range 4 {
					wg.Go(func() {
						for i := range 20 {
							set(t, m, fmt.Sprint(w, i), "v")
						}
					})
				}
				wg.Wait()
				synctest.Wait()
				if m.overlay.waiting() {
					t.Fatal("the overlay still has something to settle")
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m, end := newMemory(t, MemoryConfig{MaxEntries: 10_000})
				defer end()
				write(t, m)
				synctest.Wait()
				if m.overlay.waiting() {
					t.Error("the overlay still has something to settle")
				}
				for i := range m.overlay.held {
					if n := m.overlay.held[i].Load(); n != 0 {
						t.Errorf("held[%d] = %d, want 0", i, n)
					}
				}
				if n := len(m.overlay.slots); n != 0 {
					t.Errorf("%d slots are taken, want 0", n)
				}
			})
		})
	}
}

func TestFullOverlayMakesWritersWait(t *testing.T) {
	m, end := newMemory(t, MemoryConfig{MaxEntries: 10_000})
	free := busy(m)
	defer free()
	fill(t, m)
	set(t, m, "fill:0", "again") // needs no room
	wantValue(t, m, "fill:0", "again")
	var freed atomic.Bool
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			set(t, m, fmt.Sprint(i), "v")
			if !freed.Load() {
				t.Error("Set returned although the overlay was full")
			}
		})
	}
	runtime.Gosched()
	freed.Store(true)
	free()
	wg.Wait()
	for i := range 4 {
		wantValue(t, m, fmt.Sprint(i), "v")
	}
	if problems := end(); len(problems) > 0 {
		t.Errorf("problems = %v, want none", problems)
	}
}

func TestSetThatCannotWaitDropsTheOlderEntryToo(t *testing.T) {
	m, end := newMemory(t, MemoryConfig{MaxEntries: 10_000})
	set(t, m, "k", "old")
	free := busy(m)
	defer free()
	fill(t, m)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, key := range []string{"k", "new"} {
		if err := m.Set(ctx, &Entry[string]{Key: key, Value: "new"}); err != nil {
			t.Errorf("Set(%q) = %v, want nil", key, err)
		}
		wantMiss(t, m, key)
	}
	free()
	wantMiss(t, m, "k")
	problems := end()
	want := []Problem{{Kind: Dropped, Tier: "memory", Key: "k"}, {Kind: Dropped, Tier: "memory", Key: "new"}}
	if fmt.Sprint(problems) != fmt.Sprint(want) {
		t.Errorf("problems = %v, want %v", problems, want)
	}
}

func TestDeleteThatCannotWaitDeletes(t *testing.T) {
	m, end := newMemory(t, MemoryConfig{MaxEntries: 10_000})
	defer end()
	set(t, m, "k", "old")
	free := busy(m)
	defer free()
	fill(t, m)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := m.Delete(ctx, "k", "fill:1"); err != nil {
		t.Errorf("Delete() = %v, want nil", err)
	}
	wantMiss(t, m, "k")
	wantMiss(t, m, "fill:1")
	free()
	wantMiss(t, m, "k")
}

func TestEntryOfAnotherKeyWithTheSameHashIsAMiss(t *testing.T) {
	m, end := newMemory(t, MemoryConfig{MaxEntries: 1000})
	stranger := &Entry[string]{Key: "stranger", Value: "v"}
	hash := z.MemHashString("k")
	m.engine.Set(hash, stranger, 1)
	m.engine.Wait()
	wantMiss(t, m, "k")
	// The one that came first stays, and the other is reported.
	set(t, m, "k", "v")
	wantMiss(t, m, "k")
	if e, _ := m.engine.Get(hash); e != stranger {
		t.Errorf("the engine has %v, want %v", e, stranger)
	}
	problems := end()
	want := []Problem{{Kind: Rejected, Tier: "memory", Key: "k"}}
	if fmt.Sprint(problems) != fmt.Sprint(want) {
		t.Errorf("problems = %v, want %v", problems, want)
	}
}

func TestUpdatesDoNotOutgrowTheLimit(t *testing.T) {
	const limit = 1000
	m, end := newMemory(t, MemoryConfig{
		MaxBytes: limit,
		Cost:     func(_ string, value any) int64 { return int64(len(value.(string))) },
	})
	sizes := []int{10, 100, 300, 20, 300}
	for _, size := range sizes {
		for i := range 100 {
			set(t, m, fmt.Sprint(i), fmt.Sprintf("%*d", size, i))
			if over := -m.engine.RemainingCost(); over > 0 {
				t.Fatalf("the entries take %d bytes more than MaxBytes", over)
			}
		}
	}
	lost := make(map[string]bool)
	missing := make(map[string]bool)
	for i := range 100 {
		if _, ok, _ := m.Get(context.Background(), fmt.Sprint(i)); !ok {
			missing[fmt.Sprint(i)] = true
		}
	}
	for _, p := range end() {
		lost[p.Key] = true
	}
	for key := range missing {
		if !lost[key] {
			t.Errorf("key %q is missing and was not reported", key)
		}
	}
}
