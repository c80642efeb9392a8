package tiercache_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiercache/tiercache"
	"github.com/tiercache/tiercache/backend"
	"github.com/tiercache/tiercache/codec"
	"github.com/tiercache/tiercache/invalidate"
	"github.com/tiercache/tiercache/tier"
)

// A lostReply is a store that does what it is asked for, and then its first answer to Add is lost.
type lostReply struct {
	*backend.Memory
	lost atomic.Bool
}

func (l *lostReply) Add(ctx context.Context, key string, value []byte, ttl time.Duration) ([]byte, bool, error) {
	existing, added, err := l.Memory.Add(ctx, key, value, ttl)
	if strings.HasSuffix(key, ":k") && !l.lost.Swap(true) {
		return nil, false, errors.New("connection lost")
	}
	return existing, added, err
}

func TestAddWhoseLeaseIsInDoubtGivesItBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, tiercache.Config[int64]{Tiers: []tier.Tier[int64]{
			tier.Remote[int64](&lostReply{Memory: backend.NewMemory()}, codec.JSON{}),
		}})
		if added, err := c.Add(t.Context(), "k", 1); added || err == nil {
			t.Fatalf("Add(k, 1) = %v, %v, want false and an error", added, err)
		}
		began := time.Now()
		var src source
		if _, err := c.GetOrLoad(t.Context(), "k", src.load); err != nil || time.Since(began) > 0 {
			t.Errorf("GetOrLoad(k) = %v after %v, want nil at once", err, time.Since(began))
		}
	})
}

func TestKeyThatIsExpiredTwiceInOneCallStaysToBeServedStale(t *testing.T) {
	c := newCache(t, tiercache.Config[int64]{Profile: tiercache.Profile{TTL: time.Hour, StaleFor: time.Hour}})
	if err := c.Set(t.Context(), "k", 1); err != nil {
		t.Fatalf("Set(k, 1) = %v, want nil", err)
	}
	if err := c.Expire(t.Context(), "k", "k"); err != nil {
		t.Fatalf("Expire(k, k) = %v, want nil", err)
	}
	if v, ok, err := c.Get(t.Context(), "k"); v != 1 || !ok || err != nil {
		t.Errorf("Get(k) = %v, %v, %v, want the stale 1", v, ok, err)
	}
}

// A quitter is a bus that ends its subscriptions without a reason.
type quitter struct{ *invalidate.Memory }

func (quitter) Subscribe(context.Context, invalidate.Handler) error { return nil }

func TestSubscriptionThatEndsWithoutAReasonIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told atomic.Pointer[string]
		c := newCache(t, tiercache.Config[int64]{Bus: quitter{invalidate.NewMemory()}, Observer: tiercache.Observer{Error: func(err error) {
			text := err.Error()
			told.Store(&text)
		}}})
		synctest.Wait()
		if n := c.Stats().BusErrors; n != 1 {
			t.Errorf("BusErrors = %d, want 1", n)
		}
		if text := told.Load(); text == nil || !strings.Contains(*text, "has ended the subscription") {
			t.Errorf("Observer.Error was told %v, want that the subscription has ended", text)
		}
	})
}
