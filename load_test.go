package tiercache_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiercache/tiercache"
	"github.com/tiercache/tiercache/tier"
)

func TestALoadHasTheValuesOfTheFirstCaller(t *testing.T) {
	type name struct{}
	flightTiers(t, func(t *testing.T, tiers []tier.Tier[int64]) {
		c := newCache(t, tiercache.Config[int64]{Tiers: tiers})
		got := make(chan any, 2)
		load := func(ctx context.Context, key string) (int64, error) {
			got <- ctx.Value(name{})
			time.Sleep(time.Second)
			return 7, nil
		}
		ask := func(caller string) *flightCall {
			ctx, cancel := context.WithTimeout(context.WithValue(t.Context(), name{}, caller), time.Minute)
			t.Cleanup(cancel)
			call := flightGo(func() (int64, error) { return c.GetOrLoad(ctx, "k", load) })
			synctest.Wait()
			return call
		}
		first, second := ask("first"), ask("second")
		first.wants(t, 7, nil)
		second.wants(t, 7, nil)
		if v := <-got; v != "first" || len(got) > 0 {
			t.Errorf("the Loader got the values of %v, and %d more calls, want first, 0", v, len(got))
		}
	})
}

func TestALoadHasADeadlineOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, tiercache.Config[int64]{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		for _, test := range []struct {
			opts []tiercache.CallOption
			want time.Duration
		}{
			{nil, 30 * time.Second},
			{[]tiercache.CallOption{tiercache.WithLoadTimeout(time.Hour)}, time.Hour},
		} {
			_, err := c.GetOrLoad(ctx, test.want.String(), func(ctx context.Context, _ string) (int64, error) {
				if at, ok := ctx.Deadline(); !ok || time.Until(at) != test.want {
					t.Errorf("Deadline() = in %v, %v, want in %v", time.Until(at), ok, test.want)
				}
				return 7, nil
			}, test.opts...)
			if err != nil {
				t.Error(err)
			}
		}
	})
}

func TestALoadThatTakesTooLongIsCancelled(t *testing.T) {
	flightTiers(t, func(t *testing.T, tiers []tier.Tier[int64]) {
		c := newCache(t, tiercache.Config[int64]{Tiers: tiers})
		l := newFlightLoad(7)
		began := time.Now()
		for _, call := range []*flightCall{
			flightGo(func() (int64, error) { return c.GetOrLoad(t.Context(), "k", l.load) }),
			flightGo(func() (int64, error) { return c.GetOrLoad(t.Context(), "k", l.load) }),
		} {
			call.wants(t, 0, tiercache.ErrLoadTimeout)
		}
		if took := time.Since(began); took != 30*time.Second {
			t.Errorf("the callers waited for %v, want 30s", took)
		}
		if err := <-l.left; err != tiercache.ErrLoadTimeout {
			t.Errorf("the load ended by %v, want %v", err, tiercache.ErrLoadTimeout)
		}
		synctest.Wait()
		if s := c.Stats(); s.LoadsAbandoned != 1 || s.LoadErrors != 1 {
			t.Errorf("LoadsAbandoned = %d, LoadErrors = %d, want 1, 1", s.LoadsAbandoned, s.LoadErrors)
		}
		close(l.release)
		if v, err := c.GetOrLoad(t.Context(), "k", l.load); v != 7 || err != nil {
			t.Errorf("GetOrLoad() after the timeout = %v, %v, want 7, nil", v, err)
		}
	})
}

func TestALoaderThatHangsDoesNotOwnTheKey(t *testing.T) {
	flightEngine(t, func(t *testing.T, near tier.Tier[int64]) {
		c := newCache(t, tiercache.Config[int64]{Tiers: []tier.Tier[int64]{near}})
		hung := make(chan struct{})
		defer close(hung)
		hang := func(context.Context, string) (int64, error) { <-hung; return 0, errors.New("late") }
		for range 2 {
			if _, err := c.GetOrLoad(t.Context(), "k", hang, tiercache.WithLoadTimeout(time.Second)); !errors.Is(err, tiercache.ErrLoadTimeout) {
				t.Errorf("GetOrLoad() = %v, want %v", err, tiercache.ErrLoadTimeout)
			}
		}
		var s source
		s.value.Store(7)
		if v, err := c.GetOrLoad(t.Context(), "k", s.load); v != 7 || err != nil {
			t.Errorf("GetOrLoad() while two Loaders hang = %v, %v, want 7, nil", v, err)
		}
		synctest.Wait() // for the counter
		if s := c.Stats(); s.LoadsAbandoned != 2 || s.Loads != 1 {
			t.Errorf("LoadsAbandoned = %d, Loads = %d, want 2, 1", s.LoadsAbandoned, s.Loads)
		}
	})
}

func TestAnErrorOfTheLoaderGoesToAllCallersAndIsNotRemembered(t *testing.T) {
	broken := errors.New("broken")
	flightTiers(t, func(t *testing.T, tiers []tier.Tier[int64]) {
		c := newCache(t, tiercache.Config[int64]{Tiers: tiers})
		calls := loadTogether(t, c, func(context.Context, string) (int64, error) { return 5, broken })
		for _, call := range calls {
			call.wants(t, 0, broken)
			if call.err != broken {
				t.Errorf("GetOrLoad() = %v, want %v itself", call.err, broken)
			}
		}
		if v, ok, err := c.Get(t.Context(), "k"); ok || err != nil {
			t.Errorf("Get(k) after the error = %v, %v, %v, want nothing", v, ok, err)
		}
		loadWorks(t, c)
	})
}

func TestAPanicOfTheLoaderGoesToAllCallers(t *testing.T) {
	broken := errors.New("broken")
	for _, test := range []struct {
		value any
		text  string
	}{
		{broken, "broken"},
		{"word", "word"},
		{nil, "nil"},
	} {
		t.Run(fmt.Sprint(test.value), func(t *testing.T) {
			flightTiers(t, func(t *testing.T, tiers []tier.Tier[int64]) {
				c := newCache(t, tiercache.Config[int64]{Tiers: tiers})
				for _, call := range loadTogether(t, c, func(context.Context, string) (int64, error) { loadPanic(test.value); return 0, nil }) {
					<-call.done
					var p *tiercache.PanicError
					if !errors.As(call.err, &p) {
						t.Fatalf("GetOrLoad() = %v, want a PanicError", call.err)
					}
					if !strings.Contains(string(p.Stack), "loadPanic") || !strings.Contains(p.Error(), test.text) || !strings.Contains(p.Error(), "loadPanic") {
						t.Errorf("Error() = %v, want %s and the stack", p, test.text)
					}
					if test.value == broken && (p.Value != broken || !errors.Is(call.err, broken)) {
						t.Errorf("Value = %v, want %v", p.Value, broken)
					}
				}
				if s := c.Stats(); s.LoadErrors != 1 {
					t.Errorf("LoadErrors = %d, want 1", s.LoadErrors)
				}
				loadWorks(t, c)
			})
		})
	}
}

// loadPanic is what to look for in a stack.
//
//go:noinline
func loadPanic(v any) { panic(v) }

// A Loader that calls t.FailNow is one that calls Goexit.
func TestALoaderThatEndsItsGoroutineIsAnError(t *testing.T) {
	flightTiers(t, func(t *testing.T, tiers []tier.Tier[int64]) {
		c := newCache(t, tiercache.Config[int64]{Tiers: tiers})
		for _, call := range loadTogether(t, c, func(context.Context, string) (int64, error) { runtime.Goexit(); return 0, nil }) {
			call.wants(t, 0, tiercache.ErrGoexit)
		}
		if s := c.Stats(); s.Loads != 1 || s.LoadErrors != 1 {
			t.Errorf("Loads = %d, LoadErrors = %d, want 1, 1", s.Loads, s.LoadErrors)
		}
		loadWorks(t, c)
	})
}

func TestWithoutALoaderOnlyAHitIsAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, tiercache.Config[int64]{})
		if _, err := c.GetOrLoad(t.Context(), "k", nil); err == nil || !strings.Contains(err.Error(), "nil Loader") {
			t.Errorf("GetOrLoad(k, nil) = %v, want that the Loader is nil", err)
		}
		if s := c.Stats(); s.Loads != 0 {
			t.Errorf("Loads = %d, want 0", s.Loads)
		}
		if err := c.Set(t.Context(), "k", 7); err != nil {
			t.Fatal(err)
		}
		if v, err := c.GetOrLoad(t.Context(), "k", nil); v != 7 || err != nil {
			t.Errorf("GetOrLoad(k, nil) for a hit = %v, %v, want 7, nil", v, err)
		}
	})
}

// The right to load is given back, so that the next one need not wait for it: neither here nor in another process.
func TestAFailedLoadHoldsUpNobody(t *testing.T) {
	for name, fail := range map[string]tiercache.Loader[int64]{
		"error":     func(context.Context, string) (int64, error) { return 0, errors.New("broken") },
		"panic":     func(context.Context, string) (int64, error) { panic("broken") },
		"Goexit":    func(context.Context, string) (int64, error) { runtime.Goexit(); return 0, nil },
		"not found": func(context.Context, string) (int64, error) { return 0, tiercache.ErrNotFound },
	} {
		t.Run(name, func(t *testing.T) {
			flightEngine(t, func(t *testing.T, near tier.Tier[int64]) {
				f := newStopFleet(t, near, memoryTier[int64](), true)
				if _, err := f.here.GetOrLoad(t.Context(), "k", fail, tiercache.WithAbsentFor(0)); err == nil {
					t.Fatal("GetOrLoad() = nil, want an error")
				}
				began := time.Now()
				if v, err := f.there.GetOrLoad(t.Context(), "k", f.load); v != 1 || err != nil {
					t.Errorf("GetOrLoad() in another process = %v, %v, want 1, nil", v, err)
				}
				if took := time.Since(began); took > 0 {
					t.Errorf("the other process waited for %v", took)
				}
			})
		})
	}
}

// loadTogether returns calls that share a load.
func loadTogether(t *testing.T, c *tiercache.Cache[int64], load tiercache.Loader[int64]) []*flightCall {
	t.Helper()
	all := make(chan struct{})
	together := func(ctx context.Context, key string) (int64, error) {
		<-all
		return load(ctx, key)
	}
	var calls []*flightCall
	for range 3 {
		calls = append(calls, flightGo(func() (int64, error) { return c.GetOrLoad(t.Context(), "k", together) }))
	}
	synctest.Wait()
	if n := c.Stats().Joined; n != 2 {
		t.Fatalf("Joined = %d, want 2", n)
	}
	close(all)
	return calls
}

// loadWorks checks that the next load is an ordinary one.
func loadWorks(t *testing.T, c *tiercache.Cache[int64]) {
	t.Helper()
	var s source
	s.value.Store(7)
	if v, err := c.GetOrLoad(t.Context(), "k", s.load); v != 7 || err != nil || s.calls.Load() != 1 {
		t.Errorf("GetOrLoad() afterwards = %v, %v after %d loads, want 7, nil, 1", v, err, s.calls.Load())
	}
}
