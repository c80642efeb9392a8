package tier_test

import (
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiercache/tiercache/backend"
	"github.com/tiercache/tiercache/internal/envelope"
	"github.com/tiercache/tiercache/tier"
)

// wantLife checks how long an entry is still fresh and served, to the millisecond.
func wantLife(t *testing.T, e *tier.Entry[string], freshFor, servedFor time.Duration) {
	t.Helper()
	if e == nil {
		t.Fatal("no entry")
	}
	if got := e.FreshUntil.Sub(tier.Now()); got.Round(time.Millisecond) != freshFor {
		t.Errorf("fresh for %v, want %v", got, freshFor)
	}
	if got := e.ExpiresAt.Sub(tier.Now()); got.Round(time.Millisecond) != servedFor {
		t.Errorf("served for %v, want %v", got, servedFor)
	}
}

func TestEntriesAgeInTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := texts(t, backend.NewMemory())
		r.set(fresh("k", "v"))
		wantLife(t, r.get("k"), time.Minute, time.Hour)
		time.Sleep(40 * time.Second)
		wantLife(t, r.get("k"), 20*time.Second, time.Hour-40*time.Second)
		time.Sleep(40 * time.Second)
		wantLife(t, r.get("k"), -20*time.Second, time.Hour-80*time.Second)
		time.Sleep(time.Hour - 80*time.Second - time.Millisecond)
		wantLife(t, r.get("k"), time.Minute-time.Hour+time.Millisecond, time.Millisecond)
		time.Sleep(time.Millisecond)
		r.wantMiss("k")
		r.wantProblems()
	})
}

func TestEntriesFromTheStoreKnowWhenTheyWereStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := texts(t, backend.NewMemory())
		r.set(fresh("k", "v"))
		stored := tier.Now()
		time.Sleep(20 * time.Second)
		if e := r.get("k"); e.StoredAt != stored {
			t.Errorf("stored %v ago, want 20s", tier.Now().Sub(e.StoredAt))
		}
	})
}

func TestExpiredEntriesLeaveTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := backend.NewMemory()
		texts(t, b).set(fresh("k", "v"))
		time.Sleep(time.Hour)
		if raw(t, b, "k") != nil {
			t.Error("the record is still there when its entry has expired")
		}
	})
}

// The store may round the time up, or keep a record by mistake.
func TestExpiredEntriesAreNotServedFromTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := backend.NewMemory()
		r := texts(t, b)
		r.set(fresh("k", "v"))
		plant(t, b, "k", raw(t, b, "k"))
		time.Sleep(time.Hour - 1)
		plant(t, b, "k", raw(t, b, "k"))
		time.Sleep(1 + time.Millisecond)
		r.wantMiss("k")
		r.wantProblems() // it is nobody's fault
	})
}

func TestStaleEntriesStayAsStaleAsTheyAre(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := texts(t, backend.NewMemory())
		r.set(stale("k", "v"))
		wantLife(t, r.get("k"), -time.Minute, time.Hour)
		time.Sleep(time.Minute)
		e := r.get("k")
		wantLife(t, e, -2*time.Minute, time.Hour-time.Minute)
		r.set(e) // a copy of a copy
		wantLife(t, r.get("k"), -2*time.Minute, time.Hour-time.Minute)
	})
}

func TestExpiredEntryRemovesTheOlderOne(t *testing.T) {
	for _, expired := range []time.Duration{-time.Hour, 0, time.Millisecond / 2} {
		synctest.Test(t, func(t *testing.T) {
			b := backend.NewMemory()
			r := texts(t, b)
			r.set(fresh("k", "older"))
			e := fresh("k", "expired")
			e.ExpiresAt = tier.Now().Add(expired)
			e.FreshUntil = e.ExpiresAt
			r.set(e)
			if raw(t, b, "k") != nil {
				t.Errorf("there is a record after an entry was set that lives for %v", expired)
			}
		})
	}
}

func TestTimesAreCutToWhatStoresCanKeep(t *testing.T) {
	const century = 100 * 365 * 24 * time.Hour
	never, now := tier.Instant(math.MaxInt64), tier.Now()
	onEveryStore(t, func(t *testing.T, b backend.Backend) {
		r := texts(t, b)
		for name, c := range map[string]struct {
			freshUntil, expiresAt tier.Instant
			freshFor, servedFor   time.Duration
		}{
			"for ever":                   {never, never, century, century},
			"fresh for an hour":          {now.Add(time.Hour), never, time.Hour, century},
			"fresh beyond its end":       {never, now.Add(time.Hour), time.Hour, time.Hour},
			"stale since the beginning":  {math.MinInt64, now.Add(time.Hour), math.MinInt64, time.Hour},
			"stale since zero, for ever": {0, never, math.MinInt64, century},
		} {
			r.set(&tier.Entry[string]{Key: "k", Value: "v", FreshUntil: c.freshUntil, ExpiresAt: c.expiresAt})
			e := wantText(r, "k", "v")
			const tolerance = 30 * time.Second
			freshFor, servedFor := e.FreshUntil.Sub(tier.Now()), e.ExpiresAt.Sub(tier.Now())
			if c.freshFor == math.MinInt64 && freshFor > -20*365*24*time.Hour || c.freshFor > 0 && (freshFor-c.freshFor).Abs() > tolerance {
				t.Errorf("%s: fresh for %v, want %v", name, freshFor, c.freshFor)
			}
			if (servedFor - c.servedFor).Abs() > tolerance {
				t.Errorf("%s: served for %v, want %v", name, servedFor, c.servedFor)
			}
		}
	})
}

// shifted returns the record of a key as a process would have written it whose clock is off by d.
func shifted(t *testing.T, b backend.Backend, key string, d time.Duration) []byte {
	t.Helper()
	h, payload, err := envelope.Parse(raw(t, b, key))
	if err != nil {
		t.Fatalf("Parse() = %v, want nil", err)
	}
	h.Created += d.Milliseconds()
	data, err := envelope.Append(nil, &h)
	if err != nil {
		t.Fatalf("Append() = %v, want nil", err)
	}
	data = append(data, payload...)
	envelope.Seal(data)
	return data
}

func TestClocksThatDifferShiftTheAge(t *testing.T) {
	for off, want := range map[time.Duration]struct{ freshFor, servedFor time.Duration }{
		-30 * time.Second: {30 * time.Second, time.Hour - 30*time.Second},
		time.Hour:         {time.Minute, time.Hour}, // from the future: as if stored now
	} {
		synctest.Test(t, func(t *testing.T) {
			b := basic{backend.NewMemory()} // no Clock
			r := texts(t, b)
			r.set(fresh("k", "v"))
			plant(t, b, "k", shifted(t, b, "k", off))
			wantLife(t, r.get("k"), want.freshFor, want.servedFor)
		})
	}
}

func TestLongestTimesInARecordDoNotOverflow(t *testing.T) {
	b := backend.NewMemory()
	r := texts(t, b)
	r.set(fresh("k", "v"))
	h, payload, err := envelope.Parse(raw(t, b, "k"))
	if err != nil {
		t.Fatalf("Parse() = %v, want nil", err)
	}
	longest := time.Duration(math.MaxInt64).Truncate(time.Millisecond)
	for _, c := range []struct {
		created      int64
		fresh, total time.Duration
		miss         bool
	}{
		{created: math.MaxInt64, fresh: longest, total: longest},
		{created: 0, fresh: longest, total: longest},
		{created: 0, fresh: 0, total: longest},
		{created: 0, fresh: 0, total: time.Hour, miss: true},
	} {
		h.Created, h.Fresh, h.Total = c.created, c.fresh, c.total
		data, err := envelope.Append(nil, &h)
		if err != nil {
			t.Fatalf("Append() = %v, want nil", err)
		}
		data = append(data, payload...)
		envelope.Seal(data)
		plant(t, b, "k", data)
		e := r.get("k")
		if (e == nil) != c.miss {
			t.Errorf("Get() of created %d, fresh %v, total %v = %v, want a miss: %t", c.created, c.fresh, c.total, e, c.miss)
		}
		if e != nil && (e.ExpiresAt < tier.Now() || e.FreshUntil > e.ExpiresAt) {
			t.Errorf("created %d, fresh %v, total %v: fresh until %d, served until %d", c.created, c.fresh, c.total, e.FreshUntil, e.ExpiresAt)
		}
	}
}
