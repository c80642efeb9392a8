package tiercache_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiercache/tiercache"
	"github.com/tiercache/tiercache/tier"
)

func TestStaleCallerIsReleasedAtLoadTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := staleCache(t, nil, tiercache.Profile{TTL: time.Minute, StaleFor: time.Hour, StaleAfter: time.Minute, LoadTimeout: time.Second})
		time.Sleep(time.Minute)
		hung := make(chan struct{})
		defer close(hung)
		began := time.Now()
		v, err := c.GetOrLoad(t.Context(), "k", func(context.Context, string) (int64, error) { <-hung; return 0, nil })
		if took := time.Since(began); took != time.Second {
			t.Errorf("GetOrLoad(k) = %v, %v after %v, want it after 1s", v, err, took)
		}
	})
}

func TestStaleCallerIsReleasedByClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := staleCache(t, nil, tiercache.Profile{TTL: time.Minute, StaleFor: time.Hour, StaleAfter: time.Minute})
		time.Sleep(time.Minute)
		hung := make(chan struct{})
		defer close(hung)
		began := time.Now()
		call := flightGo(func() (int64, error) {
			return c.GetOrLoad(t.Context(), "k", func(context.Context, string) (int64, error) { <-hung; return 0, nil })
		})
		synctest.Wait()
		_ = c.Close()
		<-call.done
		if took := time.Since(began); took > time.Second {
			t.Errorf("GetOrLoad(k) = %v, %v after %v, want it with Close", call.v, call.err, took)
		}
	})
}

func TestHungLoaderDoesNotOwnTheKeyByItsLease(t *testing.T) {
	flightTiers(t, func(t *testing.T, tiers []tier.Tier[int64]) {
		c := newCache(t, tiercache.Config[int64]{Tiers: tiers, Profile: tiercache.Profile{TTL: time.Minute, LoadTimeout: time.Second}})
		hung := make(chan struct{})
		defer close(hung)
		hang := func(context.Context, string) (int64, error) { <-hung; return 0, nil }
		if _, err := c.GetOrLoad(t.Context(), "k", hang); !errors.Is(err, tiercache.ErrLoadTimeout) {
			t.Errorf("GetOrLoad(k) = %v with a loader that hangs, want ErrLoadTimeout", err)
		}
		began := time.Now()
		if _, err := c.GetOrLoad(t.Context(), "k", new(source).load); err != nil || time.Since(began) > 100*time.Millisecond {
			t.Errorf("GetOrLoad(k) = %v after %v, want nil at once", err, time.Since(began))
		}
	})
}

func TestLateLoadDoesNotDisplaceANewerOne(t *testing.T) {
	flightTiers(t, func(t *testing.T, tiers []tier.Tier[int64]) {
		c := newCache(t, tiercache.Config[int64]{Tiers: tiers, Profile: tiercache.Profile{TTL: time.Hour, LoadTimeout: 20 * time.Second}})
		hung := make(chan struct{})
		var s source
		s.value.Store(1)
		_, _ = c.GetOrLoad(t.Context(), "k", func(ctx context.Context, key string) (int64, error) {
			v, err := s.load(ctx, key)
			<-hung
			return v, err
		})
		s.value.Store(2)
		if v, err := c.GetOrLoad(t.Context(), "k", s.load); v != 2 {
			t.Errorf("GetOrLoad(k) = %v, %v, want 2, nil", v, err)
		}
		close(hung)
		synctest.Wait()
		if n := c.Stats().FillsRefused; n != 1 {
			t.Errorf("FillsRefused = %d after the late load, want 1", n)
		}
		if v, ok, _ := c.Get(t.Context(), "k"); v != 2 {
			t.Errorf("Get = %v, %v after the late load, want 2", v, ok)
		}
	})
}

func TestLoadThatEverybodyLeftGivesItsLeaseBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newStopFleet(t, memoryTier[int64](), memoryTier[int64](), true)
		s := newStop(stopInLoad, 1)
		ctx, cancel := context.WithCancel(t.Context())
		slow := flightGo(func() (int64, error) { return f.read(s.in(ctx)) })
		synctest.Wait()
		cancel()
		<-slow.done
		began := time.Now()
		v, err := f.read(t.Context())
		if time.Since(began) > time.Second {
			t.Errorf("GetOrLoad(k) = %v, %v after %v, want it at once", v, err, time.Since(began))
		}
		close(s.release)
	})
}

func TestLeaseOfADeadProcessLeavesTimeForTheLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newStopFleet(t, memoryTier[int64](), memoryTier[int64](), true)
		s := newStop(stopInLoad, 1)
		slow := flightGo(func() (int64, error) { return f.read(s.in(t.Context())) }) // as if the process were dead
		synctest.Wait()
		if _, err := f.there.GetOrLoad(t.Context(), "k", f.load, tiercache.WithLoadTimeout(2*time.Second)); err != nil {
			t.Errorf("GetOrLoad(k) = %v while a process that does not answer has the lease, want nil", err)
		}
		close(s.release)
		<-slow.done
	})
}
