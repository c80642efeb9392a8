package tiercache_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiercache/tiercache"
	"github.com/tiercache/tiercache/backend"
	"github.com/tiercache/tiercache/tier"
)

func TestAbsenceRemovesAStaleEntryThatMayNotBeServed(t *testing.T) {
	flightTiers(t, func(t *testing.T, tiers []tier.Tier[int64]) {
		c := staleCache(t, tiers, statsStale)
		time.Sleep(time.Minute)
		_, err := c.GetOrLoad(t.Context(), "k", new(absentSource).load, tiercache.WithStaleFor(0))
		if !errors.Is(err, tiercache.ErrNotFound) {
			t.Fatalf("GetOrLoad(k) = %v, want ErrNotFound", err)
		}
		if v, err := c.GetOrLoad(t.Context(), "k", staleFails); err == nil {
			t.Errorf("GetOrLoad = %v, nil after the source said it has none", v)
		}
	})
}

func TestExpireStartsStaleForOnce(t *testing.T) {
	flightTiers(t, func(t *testing.T, tiers []tier.Tier[int64]) {
		c := staleCache(t, tiers, tiercache.Profile{TTL: 24 * time.Hour, StaleFor: time.Minute})
		if err := c.Expire(t.Context(), "k"); err != nil {
			t.Fatalf("Expire(k) = %v, want nil", err)
		}
		time.Sleep(time.Hour)
		if v, err := c.GetOrLoad(t.Context(), "k", staleFails); err == nil {
			t.Errorf("GetOrLoad = %v, nil an hour after Expire, StaleFor is a minute", v)
		}
	})
}

func TestExpiredAbsenceIsAMiss(t *testing.T) {
	flightTiers(t, func(t *testing.T, tiers []tier.Tier[int64]) {
		c := newCache(t, tiercache.Config[int64]{Tiers: tiers, Profile: tiercache.Profile{TTL: time.Hour, StaleFor: time.Hour, AbsentFor: time.Hour}})
		_, _ = c.GetOrLoad(t.Context(), "k", new(absentSource).load)
		if err := c.Expire(t.Context(), "k"); err != nil {
			t.Fatalf("Expire(k) = %v, want nil", err)
		}
		_, ok, err := c.Get(t.Context(), "k")
		if ok || err != nil {
			t.Errorf("Get(k) = %v, %v after Expire of an absence, want a miss", ok, err)
		}
	})
}

func TestFlightThatTheBusDoesNotVouchForIsNotJoined(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s source
		s.value.Store(1)
		c := newCache(t, tiercache.Config[int64]{Bus: &statsBus{bound: time.Second}})
		slow := flightGo(func() (int64, error) {
			return c.GetOrLoad(t.Context(), "k", func(ctx context.Context, key string) (int64, error) {
				v, err := s.load(ctx, key)
				time.Sleep(10 * time.Second)
				return v, err
			})
		})
		synctest.Wait()
		s.value.Store(2) // and another process publishes its Delete, which never gets here
		time.Sleep(5 * time.Second)
		if v, err := c.GetOrLoad(t.Context(), "k", s.load); v != 2 {
			t.Errorf("GetOrLoad = %v, %v, five bounds after the invalidation was acknowledged, want 2", v, err)
		}
		<-slow.done
	})
}

func TestPanicOfAHookDoesNotHangClose(t *testing.T) {
	c, err := tiercache.New(tiercache.Config[int64]{Name: "x", Profile: statsStale, Tiers: []tier.Tier[int64]{memoryTier[int64](), flightFar(backend.NewMemory())}, Observer: tiercache.Observer{
		Hit: func(string, string, bool) { panic("hook") },
	}})
	if err != nil {
		t.Fatalf("New() = %v, want nil", err)
	}
	ctx := context.Background()
	_, _ = c.GetOrLoad(ctx, "k", new(absentSource).load, tiercache.WithAbsentFor(time.Minute))
	func() {
		defer func() { _ = recover() }()
		_, _ = c.GetOrLoad(ctx, "k", new(absentSource).load)
	}()
	if err := c.Close(); err != nil { // hangs if the call is still counted
		t.Errorf("Close() = %v, want nil", err)
	}
}

// The engine still has the entry. It is no stale hit, and it is not promoted.
func TestAnExpiredEntryCountsAsAMissOfItsTier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := staleCache(t, nil, tiercache.Profile{TTL: time.Minute})
		time.Sleep(time.Minute)
		staleGet(t, c, 0)
		if s := c.Stats().Tiers[0]; s.Misses != 1 || s.StaleHits != 0 {
			t.Errorf("Misses, StaleHits = %d, %d, want 1, 0", s.Misses, s.StaleHits)
		}
	})
}
