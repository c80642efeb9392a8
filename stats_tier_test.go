package tiercache_test

import (
	"context"
	"testing"
	"time"

	"github.com/tiercache/tiercache"
	"github.com/tiercache/tiercache/tier"
)

// A statsTier is a near tier that reports a problem whenever it stores something.
type statsTier struct {
	stopNear
	kind  tier.Kind
	scope tier.Scope // written by Open
}

func (t *statsTier) Open(s tier.Scope) error {
	t.scope = s
	return t.stopNear.Open(s)
}

func (t *statsTier) Set(ctx context.Context, e *tier.Entry[int64]) error {
	t.scope.Report(tier.Problem{Kind: t.kind, Tier: t.Name(), Key: e.Key})
	return t.stopNear.Set(ctx, e)
}

// A statsBroken is a tier whose reads fail.
type statsBroken struct{ stopNear }

func (statsBroken) Get(context.Context, string) (*tier.Entry[int64], bool, error) {
	return nil, false, errStatsBroken
}

// statsTierCases are for the counters of the nearest tier.
var statsTierCases = map[string]statsCase{
	"Hits": {3, func(t *testing.T) *tiercache.Cache[int64] {
		c := staleCache(t, nil, statsStale)
		staleGet(t, c, 1)
		statsLoad(t, c, staleFails)
		// An absence is a hit as well.
		for range 2 {
			_, _ = c.GetOrLoad(t.Context(), "none", new(absentSource).load, tiercache.WithAbsentFor(time.Minute))
		}
		return c
	}},
	"StaleHits": {1, func(t *testing.T) *tiercache.Cache[int64] {
		c := staleCache(t, nil, statsStale)
		time.Sleep(time.Minute)
		staleGet(t, c, 1)
		return c
	}},
	"Misses": {2, func(t *testing.T) *tiercache.Cache[int64] {
		c := newCache(t, tiercache.Config[int64]{})
		staleGet(t, c, 0)
		statsLoad(t, c, new(source).load)
		return c
	}},
	"Fenced": {1, func(t *testing.T) *tiercache.Cache[int64] {
		f := statsFleet(t)
		statsSet(t, f.here)
		if err := f.there.Delete(t.Context(), "k"); err != nil {
			t.Fatal(err)
		}
		staleGet(t, f.here, 0)
		return f.here
	}},
	"Untrusted": {1, func(t *testing.T) *tiercache.Cache[int64] {
		c := newCache(t, tiercache.Config[int64]{Bus: &statsBus{bound: time.Second}})
		statsSet(t, c)
		time.Sleep(time.Second)
		staleGet(t, c, 1)
		time.Sleep(time.Nanosecond)
		staleGet(t, c, 0)
		return c
	}},
	"Promotes": {1, func(t *testing.T) *tiercache.Cache[int64] {
		f := statsFleet(t)
		statsSet(t, f.there)
		staleGet(t, f.here, 1)
		return f.here
	}},
	"Fills": {1, func(t *testing.T) *tiercache.Cache[int64] {
		c := newCache(t, tiercache.Config[int64]{})
		statsLoad(t, c, new(source).load)
		return c
	}},
	"Errors": {1, func(t *testing.T) *tiercache.Cache[int64] {
		c := newCache(t, tiercache.Config[int64]{Tiers: []tier.Tier[int64]{statsBroken{stopNear{memoryTier[int64]()}}}})
		staleGet(t, c, 0)
		return c
	}},
	"Unreadable": statsProblem(tier.Unreadable),
	"Foreign":    statsProblem(tier.Foreign),
	"TooLarge":   statsProblem(tier.TooLarge),
	"Dropped":    statsProblem(tier.Dropped),
	"Evicted":    statsProblem(tier.Evicted),
	"Rejected":   statsProblem(tier.Rejected),
}

// statsProblem is the case of a problem that a tier reports.
func statsProblem(kind tier.Kind) statsCase {
	return statsCase{1, func(t *testing.T) *tiercache.Cache[int64] {
		c := newCache(t, tiercache.Config[int64]{Tiers: []tier.Tier[int64]{&statsTier{stopNear: stopNear{memoryTier[int64]()}, kind: kind}}})
		statsSet(t, c)
		return c
	}}
}
