package tiercache_test

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiercache/tiercache"
	"github.com/tiercache/tiercache/backend"
	"github.com/tiercache/tiercache/codec"
	"github.com/tiercache/tiercache/invalidate"
	"github.com/tiercache/tiercache/tier"
)

func explain(t *testing.T, c *tiercache.Cache[int64]) tiercache.Explanation {
	t.Helper()
	x, err := c.Explain(t.Context(), "k")
	if err != nil {
		t.Fatalf("Explain(k) = %v, want nil", err)
	}
	return x
}

// explainWants checks the outcome of a read, and where it is from, and that the reason and the text have some words in them.
func explainWants(t *testing.T, c *tiercache.Cache[int64], outcome tiercache.Outcome, from string, words ...string) tiercache.Explanation {
	t.Helper()
	x := explain(t, c)
	if x.Outcome != outcome || x.From != from {
		t.Errorf("a read is a %s from %q, want a %s from %q:\n%v", x.Outcome, x.From, outcome, from, x)
	}
	for _, w := range words {
		if !strings.Contains(x.String(), w) {
			t.Errorf("the explanation does not say %q:\n%v", w, x)
		}
	}
	return x
}

// explainOutage is for tests of trust.
func explainOutage(t *testing.T, policy tiercache.OutagePolicy) *outageCache {
	return newOutageCache(t, policy, tiercache.Profile{TTL: time.Minute, StaleFor: time.Hour})
}

func TestExplainTellsOfAnEntryInEachTier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := explainOutage(t, tiercache.Bypass)
		time.Sleep(time.Second)
		x := explainWants(t, c.Cache, tiercache.OutcomeHit, "memory", "memory has a value that is fresh")
		near := tiercache.TierExplanation{
			Tier: "memory", State: tiercache.EntryFresh, Age: time.Second, FreshFor: 59 * time.Second, ExpiresIn: time.Hour + 59*time.Second,
			Size: 9, Trusted: true, TrustedFor: outageBound - time.Second,
		}
		far := near
		far.Tier, far.Size, far.TrustedFor = "remote", x.Tiers[1].Size, outageBound // read now
		if want := []tiercache.TierExplanation{near, far}; !reflect.DeepEqual(x.Tiers, want) || far.Size < 50 {
			t.Errorf("Tiers = %+v, want %+v", x.Tiers, want)
		}
		x.Tiers = nil
		if want := (tiercache.Explanation{
			Cache: "test", Key: "k", Partition: c.part, LeaseAge: time.Second, Outcome: x.Outcome, From: "memory", Why: x.Why,
		}); !reflect.DeepEqual(x, want) {
			t.Errorf("Explain(k) = %+v, want %+v", x, want)
		}
	})
}

func TestExplainTellsOfTheFreshnessLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := explainOutage(t, tiercache.Bypass)
		time.Sleep(10 * time.Second)
		x := explainWants(t, c.Cache, tiercache.OutcomeHit, "remote", "not confirmed for 10s", "not trusted for 7s")
		if x.Tiers[0].Trusted || x.Tiers[0].TrustedFor != -7*time.Second {
			t.Errorf("memory: %+v, want not trusted for 7s", x.Tiers[0])
		}
		c.confirm(outageBound)
		time.Sleep(time.Second)
		x = explainWants(t, c.Cache, tiercache.OutcomeHit, "memory", "confirmed 1s ago, which holds for 2s")
		if x.LeaseAge != time.Second || x.LeaseLeft != 2*time.Second {
			t.Errorf("LeaseAge, LeaseLeft = %v, %v, want 1s, 2s", x.LeaseAge, x.LeaseLeft)
		}
		c.handler.Confirm((c.part+1)%invalidate.Partitions, time.Now().Add(time.Hour))
		time.Sleep(outageBound)
		if x = explain(t, c.Cache); x.LeaseLeft != 0 || x.LeaseAge != 4*time.Second {
			t.Errorf("LeaseAge, LeaseLeft = %v, %v, want 4s, 0: another partition was confirmed", x.LeaseAge, x.LeaseLeft)
		}
	})
}

func TestExplainWithoutABound(t *testing.T) {
	c := staleCache(t, nil, tiercache.Profile{TTL: tiercache.Forever})
	x := explainWants(t, c, tiercache.OutcomeHit, "memory", "without a bound", "fresh for ever")
	if x.LeaseLeft != tiercache.Forever || x.LeaseAge != 0 || x.Tiers[0].TrustedFor != tiercache.Forever || x.Tiers[0].ExpiresIn != tiercache.Forever {
		t.Errorf("Explain(k) = %+v, want nothing that ends", x)
	}
}

func TestExplainTellsWhatHasInvalidatedAnEntry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for want, do := range map[tiercache.Invalidation]func(c *outageCache){
			tiercache.NotInvalidated: func(*outageCache) {},
			tiercache.ByKey: func(c *outageCache) {
				c.handler.Apply(invalidate.Event{Op: invalidate.Delete, Cache: "test", Keys: []string{"k"}})
			},
			tiercache.ByPartition: func(c *outageCache) { c.handler.Drop(c.part) },
		} {
			c := explainOutage(t, tiercache.Bypass)
			do(c)
			if got := explain(t, c.Cache).Tiers[0]; got.Invalidated != want || got.State != tiercache.EntryFresh {
				t.Errorf("memory: %+v, want fresh and invalidated %q", got, want)
			}
			if want != tiercache.NotInvalidated {
				explainWants(t, c.Cache, tiercache.OutcomeHit, "remote", "invalidated "+string(want))
			}
		}
	})
}

func TestExplainSaysWhatTheOutagePolicyServes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := explainOutage(t, tiercache.ServeStale(time.Hour))
		time.Sleep(10 * time.Second)
		explainWants(t, c.Cache, tiercache.OutcomeStaleHit, "memory", "memory has a value that is fresh", "ServeStale allows it for 1h0m0s")
		c.handler.Apply(invalidate.Event{Op: invalidate.Delete, Cache: "test", Keys: []string{"k"}})
		if err := c.far.Delete(t.Context(), "test:k"); err != nil {
			t.Fatal(err)
		}
		explainWants(t, c.Cache, tiercache.OutcomeLoad, "", "memory: invalidated by key; remote: no entry")
	})
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, tiercache.Config[int64]{Bus: &statsBus{bound: time.Second}, Outage: tiercache.ServeStale(time.Hour), Profile: statsStale})
		statsSet(t, c)
		time.Sleep(2 * statsStale.TTL)
		explainWants(t, c, tiercache.OutcomeStaleHit, "memory", "stale for 1m0s", "past its TTL", "does not vouch for it, and ServeStale")
	})
}

func TestExplainSaysWhatAStaleEntryComesTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		far := flightFar(backend.NewMemory())
		c := staleCache(t, []tier.Tier[int64]{memoryTier[int64](), far}, tiercache.Profile{TTL: time.Minute, StaleFor: time.Minute, StaleAfter: time.Second})
		time.Sleep(time.Minute + time.Second)
		explainWants(t, c, tiercache.OutcomeStaleHit, "memory", "served while a load runs, unless that ends within 1s", "stale for 1s", "expires in 59s")
		time.Sleep(time.Minute)
		x := explainWants(t, c, tiercache.OutcomeLoad, "", "memory: expired")
		if x.Tiers[0].State != tiercache.EntryExpired || x.Tiers[0].FreshFor != -61*time.Second {
			t.Errorf("memory: %+v, want expired", x.Tiers[0])
		}
	})
}

// A fresh entry behind a stale one, and a stale one that was fresh last.
func TestExplainFindsTheBestEntry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := backend.NewMemory()
		here := staleCache(t, []tier.Tier[int64]{memoryTier[int64](), flightFar(store)}, statsStale)
		there := newCache(t, tiercache.Config[int64]{Tiers: []tier.Tier[int64]{flightFar(store)}, Profile: statsStale})
		time.Sleep(time.Second)
		statsSet(t, there)
		time.Sleep(statsStale.TTL - time.Second)
		explainWants(t, here, tiercache.OutcomeHit, "remote")
		time.Sleep(time.Minute)
		explainWants(t, here, tiercache.OutcomeStaleHit, "remote")
	})
}

func TestExplainTellsOfAbsence(t *testing.T) {
	c := newCache(t, tiercache.Config[int64]{})
	statsLoad(t, c, new(absentSource).load)
	x := explainWants(t, c, tiercache.OutcomeHit, "memory", "memory has an absence that is fresh", "an absence")
	if !x.Tiers[0].Absent {
		t.Errorf("memory: %+v, want Absent", x.Tiers[0])
	}
}

func TestExplainTellsOfLoads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := statsFleet(t)
		l := newFlightLoad(1)
		here := flightGo(func() (int64, error) { return f.here.GetOrLoad(t.Context(), "k", l.load) })
		synctest.Wait()
		time.Sleep(time.Second)
		x := explainWants(t, f.here, tiercache.OutcomeLoad, "", "memory: no entry", "joins the load", "load: running for 1s, waiters: 1\n", "leased for 9s by ")
		if want := (tiercache.FlightExplanation{Running: time.Second, Waiters: 1, Joinable: true}); x.Flight == nil || *x.Flight != want {
			t.Errorf("Flight = %+v, want %+v", x.Flight, want)
		}
		explainWants(t, f.there, tiercache.OutcomeLoad, "", "waits for the process that has the lease")
		if err := f.there.Delete(t.Context(), "k"); err != nil {
			t.Fatal(err)
		}
		x = explainWants(t, f.here, tiercache.OutcomeLoad, "", "waiters: 1, overtaken")
		if x.Flight == nil || x.Flight.Joinable || strings.Contains(x.Why, "join") {
			t.Errorf("Flight = %+v, %q, want it not to be joinable after an invalidation", x.Flight, x.Why)
		}
		close(l.release)
		here.wants(t, 1, nil)
		synctest.Wait()
		if x := explain(t, f.here); x.Flight != nil {
			t.Errorf("Flight = %+v when it has ended, want nil", x.Flight)
		}
	})
}

func TestExplainTellsWhatCannotBeRead(t *testing.T) {
	store := backend.NewMemory()
	c := newCache(t, tiercache.Config[int64]{Tiers: []tier.Tier[int64]{flightFar(store)}})
	there := newCache(t, tiercache.Config[int64]{Tiers: []tier.Tier[int64]{tier.Remote[int64](store, codec.JSON{})}})
	statsSet(t, there)
	x := explainWants(t, c, tiercache.OutcomeLoad, "", `stored by codec "json", not "msgpack"`, "remote: unreadable")
	if x.Tiers[0].State != tiercache.EntryUnreadable || x.Tiers[0].Err == nil {
		t.Errorf("remote: %+v, want unreadable with an error", x.Tiers[0])
	}
}

func TestExplainTellsOfTiersThatFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := explainBroken{backend.NewMemory()}
		c := newCache(t, tiercache.Config[int64]{Tiers: []tier.Tier[int64]{memoryTier[int64](), flightFar(broken)}})
		x := explainWants(t, c, tiercache.OutcomeLoad, "", "memory: no entry; remote: it has failed", "remote: unknown", errStatsBroken.Error())
		if x.Tiers[1].State != tiercache.EntryUnknown || !errors.Is(x.Tiers[1].Err, errStatsBroken) {
			t.Errorf("remote: %+v, want unknown and the error", x.Tiers[1])
		}
		if n := c.Stats().Tiers[1].Errors; n != 0 {
			t.Errorf("Errors = %d, want 0", n)
		}
	})
}

// explainBroken fails to read.
type explainBroken struct{ backend.Backend }

func (explainBroken) Get(context.Context, string) ([]byte, bool, error) {
	return nil, false, errStatsBroken
}

func TestExplainChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := backend.NewMemory()
		hook := func(what string) { t.Errorf("the observer is told of a %s", what) }
		c := newCache(t, tiercache.Config[int64]{
			Tiers:   []tier.Tier[int64]{memoryTier[int64](), flightFar(store)},
			Profile: statsStale,
			Observer: tiercache.Observer{
				Hit:   func(string, string, bool) { hook("hit") },
				Miss:  func(string) { hook("miss") },
				Error: func(error) { hook("error") },
			},
		})
		there := newCache(t, tiercache.Config[int64]{Tiers: []tier.Tier[int64]{flightFar(store)}, Profile: statsStale})
		statsSet(t, there)
		before := c.Stats()
		for range 2 { // a promotion would make the second one a hit in memory
			explainWants(t, c, tiercache.OutcomeHit, "remote")
		}
		if after := c.Stats(); !reflect.DeepEqual(after, before) {
			t.Errorf("Stats() = %+v after Explain, before that %+v", after, before)
		}
	})
}

// A near tier that learns from requests is not asked for what it does not have.
func TestExplainIsNoRequestForWhatIsNotThere(t *testing.T) {
	near := &explainCounted{Tier: memoryTier[int64]()}
	c := newCache(t, tiercache.Config[int64]{Tiers: []tier.Tier[int64]{near}})
	explain(t, c)
	if near.gets != 0 {
		t.Errorf("%d requests for a key that is not there, want 0", near.gets)
	}
	statsSet(t, c)
	explainWants(t, c, tiercache.OutcomeHit, "memory")
	if near.gets != 1 {
		t.Errorf("%d requests for a key that is there, want 1", near.gets)
	}
}

// An explainCounted counts the requests of a near tier.
type explainCounted struct {
	tier.Tier[int64]
	gets int
}

func (n *explainCounted) Get(ctx context.Context, key string) (*tier.Entry[int64], bool, error) {
	n.gets++
	return n.Tier.Get(ctx, key)
}
func (n *explainCounted) Has(key string) bool     { return n.Tier.(tier.Peeker).Has(key) }
func (n *explainCounted) Open(s tier.Scope) error { return n.Tier.(tier.Opener).Open(s) }
func (n *explainCounted) Close() error            { return n.Tier.(tier.Closer).Close() }

// Tiers without powers are asked as a read asks them.
func TestExplainOfTiersThatCannotTellMore(t *testing.T) {
	c := newCache(t, tiercache.Config[int64]{Tiers: []tier.Tier[int64]{stopNear{memoryTier[int64]()}, explainPlain{flightFar(backend.NewMemory())}}})
	statsSet(t, c)
	x := explain(t, c)
	for _, tr := range x.Tiers {
		if tr.State != tiercache.EntryFresh || !tr.Trusted {
			t.Errorf("%s: %+v, want fresh and trusted", tr.Tier, tr)
		}
	}
}

// An explainPlain is a shared tier without optional powers.
type explainPlain struct{ far *tier.RemoteTier[int64] }

func (p explainPlain) Name() string                    { return p.far.Name() }
func (p explainPlain) Open(s tier.Scope) error         { return p.far.Open(s) }
func (p explainPlain) Clear(ctx context.Context) error { return p.far.Clear(ctx) }
func (p explainPlain) Get(ctx context.Context, key string) (*tier.Entry[int64], bool, error) {
	return p.far.Get(ctx, key)
}
func (p explainPlain) Set(ctx context.Context, e *tier.Entry[int64]) error { return p.far.Set(ctx, e) }
func (p explainPlain) Delete(ctx context.Context, keys ...string) error {
	return p.far.Delete(ctx, keys...)
}

func TestExplainErrors(t *testing.T) {
	c := newCache(t, tiercache.Config[int64]{})
	if x, err := c.Explain(t.Context(), strings.Repeat("k", 2000)); err == nil {
		t.Errorf("Explain of a long key = %v, want an error", x)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if x, err := c.Explain(t.Context(), "k"); !errors.Is(err, tiercache.ErrClosed) {
		t.Errorf("Explain after Close = %v, %v, want ErrClosed", x, err)
	}
}
