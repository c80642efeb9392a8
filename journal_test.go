package tiercache_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiercache/tiercache"
	"github.com/tiercache/tiercache/backend"
	"github.com/tiercache/tiercache/tier"
)

// A journalFleet is two instances over a bus with a bound and a store that a replica can take over.
type journalFleet struct {
	store       *stepStore
	bus         *stepBus
	here, there *tiercache.Cache[int64]
	errors      atomic.Int64 // told to the hook here, which takes its time
	hookTakes   time.Duration
	told        atomic.Int64 // number of keys that the hook here was last told of

	replica map[string][]byte // what it has of the store
}

func newJournalFleet(t *testing.T) *journalFleet {
	j := &journalFleet{store: newStepStore(), bus: newStepBus(3 * time.Second)}
	tiers := func() []tier.Tier[int64] { return []tier.Tier[int64]{memoryTier[int64](), flightFar(j.store)} }
	profile := tiercache.Profile{TTL: time.Hour, StaleFor: time.Hour}
	j.here = newCache(t, tiercache.Config[int64]{Tiers: tiers(), Bus: j.bus, Profile: profile, Observer: tiercache.Observer{
		Error:    func(error) { time.Sleep(j.hookTakes); j.errors.Add(1) },
		Repeated: func(keys int) { j.told.Store(int64(keys)) },
	}})
	j.there = newCache(t, tiercache.Config[int64]{Tiers: tiers(), Bus: j.bus, Profile: profile})
	synctest.Wait()
	j.bus.confirm(time.Now())
	return j
}

// journalStored are the names in the store of what the tests store.
var journalStored = []string{"test:k", "test!generation"}

// replicate copies the store to the replica.
func (j *journalFleet) replicate(t *testing.T) {
	t.Helper()
	values, err := j.store.GetMany(t.Context(), journalStored)
	if err != nil {
		t.Fatal(err)
	}
	j.replica = make(map[string][]byte)
	for i, name := range journalStored {
		j.replica[name] = values[i]
	}
}

// failOver has the replica take the place of the store.
func (j *journalFleet) failOver(t *testing.T) {
	t.Helper()
	for _, name := range journalStored {
		var err error
		if value := j.replica[name]; value != nil {
			err = j.store.Memory.Set(t.Context(), name, value, 0)
		} else {
			err = j.store.Memory.Delete(t.Context(), name)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// repeated tells of the loss, waits until what follows has been done, and checks how many keys were repeated.
func (j *journalFleet) repeated(t *testing.T, want uint64) {
	t.Helper()
	before := j.here.Stats().JournalKeys
	j.bus.rollBack()
	time.Sleep(time.Second)
	synctest.Wait()
	if n := j.here.Stats().JournalKeys - before; n != want {
		t.Errorf("%d keys were repeated, want %d", n, want)
	}
}

func journalDelete(t *testing.T, c *tiercache.Cache[int64], n int) {
	t.Helper()
	keys := make([]string, n)
	for i := range keys {
		keys[i] = fmt.Sprint("key", i)
	}
	if err := c.Delete(t.Context(), keys...); err != nil {
		t.Fatalf("Delete() of %d keys = %v, want nil", n, err)
	}
}

// The replica that takes over has not yet had the last write. Readers store the old value again, before it is known.
func TestWritesThatTheStoreHasLostAreRepeated(t *testing.T) {
	for name, write := range map[string]func(ctx context.Context, c *tiercache.Cache[int64]) error{
		"Set":    func(ctx context.Context, c *tiercache.Cache[int64]) error { return c.Set(ctx, "k", 2) },
		"Delete": func(ctx context.Context, c *tiercache.Cache[int64]) error { return c.Delete(ctx, "k") },
		"Expire": func(ctx context.Context, c *tiercache.Cache[int64]) error { return c.Expire(ctx, "k") },
		"Clear":  func(ctx context.Context, c *tiercache.Cache[int64]) error { return c.Clear(ctx) },
		"Add": func(ctx context.Context, c *tiercache.Cache[int64]) error {
			time.Sleep(61 * time.Minute) // it is stale
			_, err := c.Add(ctx, "k", 2)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				j := newJournalFleet(t)
				writeSet(t, j.there, "k", 1)
				time.Sleep(time.Minute)
				j.bus.confirm(time.Now()) // it is too old to be repeated there
				j.replicate(t)
				if err := write(t.Context(), j.here); err != nil {
					t.Fatalf("%s = %v, want nil", name, err)
				}
				j.failOver(t)
				j.bus.confirm(time.Now())
				for _, c := range []*tiercache.Cache[int64]{j.here, j.there} {
					if err := c.Set(t.Context(), "other", 1); err != nil { // what was known of the generation is from before
						t.Fatal(err)
					}
				}
				time.Sleep(2 * time.Second)
				if v, ok, err := j.there.Get(t.Context(), "k"); v != 1 || !ok || err != nil {
					t.Fatalf("Get(k) = %v, %v, %v after the loss, want the old value", v, ok, err)
				}
				_, _, _ = j.here.Get(t.Context(), "k")
				j.bus.rollBack()
				time.Sleep(time.Second)
				writeGet(t, j.there, "k", 0)
				writeGet(t, j.here, "k", 0)
				if n := j.here.Stats().JournalReplays; n != 1 {
					t.Errorf("JournalReplays = %d, want 1", n)
				}
			})
		})
	}
}

// What is too old is forgotten. But time is counted from the last moment for which the bus has vouched for everything.
func TestJournalGoesBackFromTheLastConfirmation(t *testing.T) {
	for name, c := range map[string]struct {
		after      time.Duration
		partitions []int // confirmed all the time; nil: all of them
		silent     bool  // nothing is
		want       uint64
	}{
		"young":                      {after: 28 * time.Second, want: 3},
		"old":                        {after: 32 * time.Second, want: 0},
		"old, in an outage":          {after: 10 * time.Minute, silent: true, want: 3},
		"old, in an outage of parts": {after: 10 * time.Minute, partitions: []int{0, 1, 2, 3}, want: 3},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				j := newJournalFleet(t)
				journalDelete(t, j.here, 3)
				for began := time.Now(); time.Since(began) < c.after; time.Sleep(time.Second) {
					if !c.silent {
						j.bus.confirm(time.Now(), c.partitions...)
					}
				}
				j.repeated(t, c.want)
			})
		})
	}
}

func TestJournalRemembersBeforeTheFirstConfirmation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := newStepBus(3 * time.Second)
		c := stepCache(t, newStepStore(), bus)
		journalDelete(t, c, 3)
		bus.rollBack()
		time.Sleep(time.Second)
		if n := c.Stats().JournalKeys; n != 3 {
			t.Errorf("JournalKeys = %d, want 3", n)
		}
	})
}

// The confirmation that follows an outage must not take away what is due, whatever the order in which they come.
func TestJournalForgetsNothingWhileItIsDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := newJournalFleet(t)
		journalDelete(t, j.here, 3)
		time.Sleep(10 * time.Minute)
		var mended atomic.Bool
		j.bus.step = func(_ context.Context, do func() error) error {
			if !mended.Load() {
				return errors.New("broken")
			}
			return do()
		}
		j.bus.rollBack()
		synctest.Wait()
		j.bus.confirm(time.Now())
		j.bus.rollBack() // has it begin again
		mended.Store(true)
		time.Sleep(time.Second)
		if s := j.here.Stats(); s.JournalReplays != 2 || s.JournalKeys != 6 {
			t.Errorf("JournalReplays, JournalKeys = %d, %d, want 2, 6", s.JournalReplays, s.JournalKeys)
		}
		j.bus.confirm(time.Now())
		j.repeated(t, 0) // and forgets them then
	})
}

// A repetition is no write of its own: what it repeats ages out.
func TestRepetitionsAreNotRecorded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := newJournalFleet(t)
		journalDelete(t, j.here, 3)
		for range 2 {
			time.Sleep(14 * time.Second)
			j.bus.confirm(time.Now())
			j.repeated(t, 3)
		}
		time.Sleep(3 * time.Second)
		j.bus.confirm(time.Now())
		j.repeated(t, 0)
	})
}

func TestRepetitionIsInPiecesAndNewestFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := newJournalFleet(t)
		journalDelete(t, j.here, 1100)
		for range 2 {
			writeSet(t, j.here, "last", 1)
		}
		j.bus.asked()
		j.repeated(t, 1101)
		calls, names := j.bus.asked()
		if want := []int{512, 512, 77}; !slices.Equal(calls, want) {
			t.Fatalf("steps had %v keys, want %v", calls, want)
		}
		if names[0] != "test:last" {
			t.Errorf("the first key repeated is %q, want the last one written", names[0])
		}
	})
}

// The rollback is noticed while a write is under way, of which nobody knows on which side of it it was.
func TestWriteDuringARollbackIsRepeated(t *testing.T) {
	for _, running := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			j := newJournalFleet(t)
			if running {
				journalDelete(t, j.here, 1)
			}
			var later atomic.Bool
			j.bus.step = func(_ context.Context, do func() error) error {
				err := do()
				if !later.Swap(true) {
					j.bus.rollBack()
					if !running {
						time.Sleep(time.Second) // it finds nothing to do
					}
				}
				return err
			}
			j.bus.asked()
			if err := j.here.Delete(t.Context(), "k"); err != nil {
				t.Fatalf("Delete(k) = %v, want nil", err)
			}
			time.Sleep(time.Second)
			_, names := j.bus.asked()
			if i := slices.Index(names, "test:k"); i < 0 || !slices.Contains(names[i+1:], "test:k") {
				t.Errorf("deleted %q, want test:k among them twice", names)
			}
		})
	}
}

func TestRepetitionGoesOnUntilItIsDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := newJournalFleet(t)
		journalDelete(t, j.here, 600)
		began := time.Now()
		j.bus.asked()
		j.bus.step = func(_ context.Context, do func() error) error {
			if time.Since(began) < time.Minute {
				return errors.New("broken")
			}
			return do()
		}
		j.bus.rollBack()
		time.Sleep(2 * time.Minute)
		calls, _ := j.bus.asked()
		if s := j.here.Stats(); s.JournalReplays != 1 || s.JournalKeys != 600 {
			t.Errorf("JournalReplays, JournalKeys = %d, %d, want 1, 600", s.JournalReplays, s.JournalKeys)
		}
		if n := j.told.Load(); n != 600 {
			t.Errorf("the hook was told of %d keys, want 600", n)
		}
		if tries := len(calls); tries < 20 || tries > 60 || j.errors.Load() != int64(tries-2) {
			t.Errorf("%d tries and %d errors for the hook, want 20 to 60 in a minute, and two less", tries, j.errors.Load())
		}
	})
}

func TestCloseEndsARepetition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := newJournalFleet(t)
		journalDelete(t, j.here, 3)
		j.bus.step = func(context.Context, func() error) error { return errors.New("broken") }
		j.bus.rollBack()
		time.Sleep(time.Minute)
		closeNow(t, j.here, 0)
		j.bus.asked()
		time.Sleep(time.Minute)
		if calls, _ := j.bus.asked(); len(calls) != 0 {
			t.Errorf("%d tries after Close, want 0", len(calls))
		}
	})
}

// A reader stores the old value in memory after the repetition has begun and before the server gets to it.
func TestNothingThatIsReadBeforeARepetitionSurvivesIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := newJournalFleet(t)
		writeSet(t, j.here, "k", 1)
		j.replicate(t)
		if err := j.here.Delete(t.Context(), "k"); err != nil {
			t.Fatal(err)
		}
		j.failOver(t)
		j.bus.step = func(_ context.Context, do func() error) error {
			writeGet(t, j.here, "k", 1)
			return do()
		}
		j.repeated(t, 1)
		writeGet(t, j.here, "k", 0)
	})
}

func TestNoHookOfARepetitionIsRunningAfterClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := newJournalFleet(t)
		journalDelete(t, j.here, 3)
		j.bus.step = func(context.Context, func() error) error { return errors.New("broken") }
		j.hookTakes = time.Second
		j.bus.rollBack()
		synctest.Wait() // it is in the hook
		closeNow(t, j.here, time.Second)
		if n := j.errors.Load(); n != 1 {
			t.Errorf("%d calls of the hook have ended, want 1", n)
		}
	})
}

func TestTooManyWritesAreRepeatedAsAClear(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := newJournalFleet(t)
		writeSet(t, j.there, "k", 1)
		journalDelete(t, j.here, 1<<16+1)
		j.repeated(t, 0)
		writeGet(t, j.there, "k", 0)
		writeGet(t, j.here, "k", 0)
		if s := j.here.Stats(); s.JournalReplays != 1 || s.JournalOverflows != 1 {
			t.Errorf("JournalReplays, JournalOverflows = %d, %d, want 1, 1", s.JournalReplays, s.JournalOverflows)
		}
		if n := j.told.Load(); n != -1 {
			t.Errorf("the hook was told of %d keys, want -1 for a Clear", n)
		}
		time.Sleep(31 * time.Second) // and what had no room ages out like the rest
		j.bus.confirm(time.Now())
		journalDelete(t, j.here, 3)
		j.repeated(t, 3)
	})
}

func TestOnlyWhatWasAcknowledgedIsRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := newJournalFleet(t)
		j.bus.step = func(context.Context, func() error) error { return errors.New("broken") }
		if err := j.here.Delete(t.Context(), "k"); err == nil {
			t.Fatal("Delete(k) = nil, want an error")
		}
		j.bus.step = nil
		j.repeated(t, 0)
	})
}

func TestWithoutABoundOrASharedTierNothingIsRepeated(t *testing.T) {
	for name, c := range map[string]struct {
		bound time.Duration
		far   []tier.Tier[int64]
	}{
		"without a bound":       {0, []tier.Tier[int64]{flightFar(backend.NewMemory())}},
		"without a shared tier": {time.Second, nil},
	} {
		synctest.Test(t, func(t *testing.T) {
			bus := newStepBus(c.bound)
			cache := newCache(t, tiercache.Config[int64]{Tiers: append([]tier.Tier[int64]{memoryTier[int64]()}, c.far...), Bus: bus})
			synctest.Wait()
			journalDelete(t, cache, 3)
			published := cache.Stats().Published
			bus.rollBack()
			time.Sleep(time.Second)
			if s := cache.Stats(); s.JournalReplays != 0 || s.Published != published {
				t.Errorf("%s: JournalReplays = %d and %d more events, want 0 and 0", name, s.JournalReplays, s.Published-published)
			}
		})
	}
}

// Where the bus cannot delete in the store, a repetition is two steps, like Delete.
func TestRepetitionWithoutSteps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := newJournalFleet(t)
		j.bus.step = func(context.Context, func() error) error { return errors.ErrUnsupported }
		journalDelete(t, j.here, 3)
		before := j.store.deletes
		j.repeated(t, 3)
		if n := j.store.deletes - before; n != 1 {
			t.Errorf("%d deletes of the store, want 1", n)
		}
	})
}
