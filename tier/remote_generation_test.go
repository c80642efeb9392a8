package tier_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiercache/tiercache/backend"
	"github.com/tiercache/tiercache/codec"
	"github.com/tiercache/tiercache/internal/keys"
	"github.com/tiercache/tiercache/tier"
)

// markTrust is how long a tier believes in the generation that it has read.
const markTrust = time.Second

// mark is the key of the generation of cache "c".
var mark = keys.Meta("c", "generation")

func (r *remote[V]) clear() {
	r.t.Helper()
	if err := r.Clear(context.Background()); err != nil {
		r.t.Fatalf("Clear() = %v, want nil", err)
	}
}

func TestClearForgetsEverythingAtOnce(t *testing.T) {
	onEveryStore(t, func(t *testing.T, b backend.Backend) {
		r := texts(t, b)
		for i := range 10 {
			r.set(fresh(fmt.Sprint(i), "v"))
		}
		r.clear()
		for i := range 10 {
			r.wantMiss(fmt.Sprint(i))
		}
		r.wantProblems(slices.Repeat([]tier.Kind{tier.Foreign}, 10)...)
		r.set(fresh("0", "w"))
		wantText(r, "0", "w")
		r.wantMiss("1")
	})
}

func TestClearIsOneWrite(t *testing.T) {
	var ops []string
	r := texts(t, watched{backend.NewMemory(), func(op string) error {
		ops = append(ops, op)
		return nil
	}})
	for i := range 100 {
		r.set(fresh(fmt.Sprint(i), "v"))
	}
	ops = nil
	r.clear()
	if !slices.Equal(ops, []string{"Set"}) {
		t.Errorf("Clear() of 100 entries took %v, want one Set", ops)
	}
}

func TestClearIsSeenByOthersWithinTheTimeOfTrust(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := backend.NewMemory()
		mine, other := texts(t, b), texts(t, b)
		mine.set(fresh("k", "v"))
		wantText(other, "k", "v")
		mine.clear()
		time.Sleep(markTrust)
		other.wantMiss("k")
		other.wantProblems(tier.Foreign)
	})
}

func TestClearIsSeenByOthersAtOnceAfterAChangeOfTheEpoch(t *testing.T) {
	onEveryStore(t, func(t *testing.T, b backend.Backend) {
		mine, other := texts(t, b), texts(t, b)
		mine.set(fresh("k", "v"))
		wantText(other, "k", "v")
		mine.clear()
		other.epoch.Add(1)
		other.wantMiss("k")
		other.wantProblems(tier.Foreign)
	})
}

// What a process that has not heard of a Clear stores is from before, as far as others can tell.
func TestEntriesStoredUnderAnOldGenerationAreMisses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := backend.NewMemory()
		mine, other := texts(t, b), texts(t, b)
		other.set(fresh("k", "v"))
		mine.clear()
		other.set(fresh("k", "late"))
		mine.wantMiss("k")
		mine.wantProblems(tier.Foreign)
		time.Sleep(markTrust)
		other.set(fresh("k", "later"))
		wantText(mine, "k", "later")
	})
}

func TestGenerationIsReadOnceInAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ops []string
		r := texts(t, watched{backend.NewMemory(), func(op string) error {
			ops = append(ops, op)
			return nil
		}})
		r.set(fresh("k", "v"))
		want := func(when string, want ...string) {
			t.Helper()
			ops = nil
			wantText(r, "k", "v")
			if !slices.Equal(ops, want) {
				t.Errorf("Get() %s took %v, want %v", when, ops, want)
			}
		}
		want("at once", "Get")
		time.Sleep(markTrust - 1)
		want("before the end of trust", "Get")
		time.Sleep(time.Nanosecond)
		want("after the end of trust", "GetMany") // one round trip for both
		want("after that", "Get")
		r.epoch.Add(1)
		want("after a change of the epoch", "GetMany")
		want("after that", "Get")
	})
}

func TestEntriesDoNotComeBackWhenTheGenerationIsLost(t *testing.T) {
	for name, lose := range map[string]func(b backend.Backend) error{
		"deleted":   func(b backend.Backend) error { return b.Delete(context.Background(), mark) },
		"too short": func(b backend.Backend) error { return b.Set(context.Background(), mark, []byte("short"), 0) },
		"too long":  func(b backend.Backend) error { return b.Set(context.Background(), mark, []byte("too long."), 0) },
		"empty":     func(b backend.Backend) error { return b.Set(context.Background(), mark, nil, 0) },
		"all zeros": func(b backend.Backend) error { return b.Set(context.Background(), mark, make([]byte, 8), 0) },
	} {
		t.Run(name, func(t *testing.T) {
			onEveryStore(t, func(t *testing.T, b backend.Backend) {
				r := texts(t, b)
				r.set(fresh("k", "v"))
				if err := lose(b); err != nil {
					t.Fatal(err)
				}
				r.epoch.Add(1)
				r.wantMiss("k")
				r.wantProblems(tier.Foreign)
				r.set(fresh("other", "v")) // makes a generation
				if got, ok, err := b.Get(t.Context(), mark); len(got) != 8 || err != nil {
					t.Errorf("Get() of the generation = %q, %t, %v, want eight bytes", got, ok, err)
				}
				r.wantMiss("k")
				r.wantProblems(tier.Foreign)
				r.set(fresh("k", "w"))
				r.epoch.Add(1)
				wantText(r, "k", "w")
				wantText(r, "other", "v")
			})
		})
	}
}

// Many processes start on an empty store. All that they set stays, since they agree on one generation.
func TestProcessesAgreeOnTheFirstGeneration(t *testing.T) {
	onEveryStore(t, func(t *testing.T, b backend.Backend) {
		for round := range 20 {
			if err := b.Delete(t.Context(), mark); err != nil {
				t.Fatal(err)
			}
			tiers := make([]*remote[string], 8)
			for i := range tiers {
				tiers[i] = texts(t, b)
			}
			start := make(chan struct{})
			var wg sync.WaitGroup
			for i, r := range tiers {
				wg.Go(func() {
					<-start
					if err := r.Set(t.Context(), fresh(fmt.Sprint(i), fmt.Sprint(round))); err != nil {
						t.Errorf("Set() = %v, want nil", err)
					}
				})
			}
			close(start)
			wg.Wait()
			for i, r := range tiers {
				wantText(r, fmt.Sprint((i+1)%len(tiers)), fmt.Sprint(round))
			}
		}
	})
}

// Between the look that finds no generation and the attempt to add one, another process has added its own.
func TestGenerationOfAFasterProcessIsUsed(t *testing.T) {
	memory := backend.NewMemory()
	faster := texts(t, memory)
	slower := texts(t, watched{memory, func(op string) error {
		if op == "Add" {
			faster.set(fresh("theirs", "v"))
		}
		return nil
	}})
	slower.set(fresh("mine", "v"))
	wantText(slower, "theirs", "v")
	wantText(faster, "mine", "v")
}

func TestStoresThatCannotAddHaveAGenerationToo(t *testing.T) {
	b := basic{backend.NewMemory()}
	r := texts(t, b)
	r.set(fresh("k", "v"))
	wantText(texts(t, b), "k", "v")
	r.clear()
	r.wantMiss("k")
	texts(t, b).wantMiss("k")
}

// The store fails for a moment in which the new generation may have arrived. So it is read again.
func TestFailedClearIsDoubted(t *testing.T) {
	memory := backend.NewMemory()
	broken := false
	r := texts(t, watched{memory, func(op string) error {
		if broken && op == "Set" {
			_ = memory.Set(context.Background(), mark, []byte("it came."), 0)
			return errStore
		}
		return nil
	}})
	r.set(fresh("k", "v"))
	broken = true
	if err := r.Clear(t.Context()); err == nil {
		t.Error("Clear() = nil, want the error of the store")
	}
	r.wantMiss("k")
}

func TestReadsOfAnEmptyStoreWriteNothing(t *testing.T) {
	b := backend.NewMemory()
	r := openRemote[string](t, b, codec.MsgPack{})
	r.wantMiss("k")
	if b.Len() != 0 {
		t.Errorf("%d values are stored after a Get, want 0", b.Len())
	}
}
