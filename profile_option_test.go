package tiercache_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiercache/tiercache"
)

func TestEachOptionSetsItsField(t *testing.T) {
	q := tiercache.Profile{TTL: time.Hour}
	for name, test := range map[string]struct {
		opt  tiercache.CallOption
		want func(p *tiercache.Profile)
	}{
		"WithTTL":         {tiercache.WithTTL(time.Hour), func(p *tiercache.Profile) { p.TTL = time.Hour }},
		"WithStaleFor":    {tiercache.WithStaleFor(1), func(p *tiercache.Profile) { p.StaleFor = 1 }},
		"WithStaleAfter":  {tiercache.WithStaleAfter(1), func(p *tiercache.Profile) { p.StaleAfter = 1 }},
		"WithAbsentFor":   {tiercache.WithAbsentFor(1), func(p *tiercache.Profile) { p.AbsentFor = 1 }},
		"WithLoadTimeout": {tiercache.WithLoadTimeout(1), func(p *tiercache.Profile) { p.LoadTimeout = 1 }},
		"WithProfile":     {tiercache.WithProfile(q), func(p *tiercache.Profile) { *p = q }},
	} {
		want := profileFull()
		test.want(&want)
		if got := test.opt(profileFull()); got != want {
			t.Errorf("%s made %+v, want %+v", name, got, want)
		}
	}
}

func TestWithTTLKeepsTheJitterBelowIt(t *testing.T) {
	p := tiercache.Profile{TTL: time.Minute, Jitter: 10 * time.Second}
	for ttl, want := range map[time.Duration]time.Duration{
		time.Hour:           10 * time.Second,
		11 * time.Second:    10 * time.Second,
		10 * time.Second:    time.Second,
		time.Second:         100 * time.Millisecond,
		time.Nanosecond:     0,
		tiercache.Forever:   10 * time.Second,
		2 * time.Nanosecond: 0,
	} {
		got := tiercache.WithTTL(ttl)(p)
		if got.TTL != ttl || got.Jitter != want {
			t.Errorf("WithTTL(%v) made ttl %v and jitter %v, want jitter %v", ttl, got.TTL, got.Jitter, want)
		}
		if err := got.Validate(); err != nil {
			t.Errorf("WithTTL(%v) made %v", ttl, err)
		}
	}
}

func TestABadOptionFailsTheCallAndDoesNothing(t *testing.T) {
	c := newCache(t, tiercache.Config[int64]{})
	for say, opt := range map[string]tiercache.CallOption{
		"nil call option":          nil,
		"ttl must be positive":     tiercache.WithTTL(0),
		"ttl is negative":          tiercache.WithTTL(-time.Second),
		"stale_for is negative":    tiercache.WithStaleFor(-1),
		"load_timeout is negative": tiercache.WithLoadTimeout(-1),
		"jitter (1s) must be less": tiercache.WithProfile(tiercache.Profile{TTL: time.Second, Jitter: time.Second}),
	} {
		var s source
		_, loadErr := c.GetOrLoad(t.Context(), "k", s.load, opt)
		setErr := c.Set(t.Context(), "k", 1, opt)
		_, addErr := c.Add(t.Context(), "k", 1, opt)
		for name, err := range map[string]error{"GetOrLoad": loadErr, "Set": setErr, "Add": addErr} {
			if err == nil || !strings.Contains(err.Error(), say) {
				t.Errorf("%s() = %v, want an error with %q", name, err, say)
			}
		}
		if n := s.calls.Load(); n != 0 {
			t.Errorf("%d loads, want 0", n)
		}
		if v, ok, err := c.Get(t.Context(), "k"); ok || err != nil {
			t.Errorf("Get(k) = %v, %v, %v, want nothing", v, ok, err)
		}
	}
}

// The options of a call are applied one after the other, so the last one has the last word.
func TestOptionsDecideHowAnEntryLives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, tiercache.Config[int64]{Profile: tiercache.Profile{TTL: time.Minute, StaleFor: time.Hour}})
		wantGet := func(key string, want bool) {
			t.Helper()
			if v, ok, err := c.Get(t.Context(), key); ok != want || err != nil {
				t.Errorf("Get(%q) = %v, %v, %v, want %v", key, v, ok, err, want)
			}
		}
		for key, opts := range map[string][]tiercache.CallOption{
			"as the cache says": nil,
			"short":             {tiercache.WithStaleFor(0)},
			"shorter":           {tiercache.WithTTL(time.Hour), tiercache.WithTTL(time.Second), tiercache.WithStaleFor(0)},
			"another profile":   {tiercache.WithTTL(1), tiercache.WithProfile(tiercache.Profile{TTL: 2 * time.Hour})},
		} {
			if err := c.Set(t.Context(), key, 1, opts...); err != nil {
				t.Fatalf("Set(%q) = %v, want nil", key, err)
			}
		}
		time.Sleep(time.Second) // on the clock of the bubble, here and below
		wantGet("shorter", false)
		wantGet("short", true)
		time.Sleep(time.Minute)
		wantGet("short", false)
		wantGet("as the cache says", true) // stale
		time.Sleep(time.Hour)
		wantGet("as the cache says", false)
		wantGet("another profile", true)
		time.Sleep(time.Hour)
		wantGet("another profile", false)
	})
}

func TestJitterShortensTheTTLAndNeverMoreThanItMay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const keys = 200
		c := newCache(t, tiercache.Config[int64]{Profile: tiercache.Profile{TTL: 100 * time.Second, Jitter: 50 * time.Second}})
		for i := range keys {
			if err := c.Set(t.Context(), string(rune('a'+i)), 1); err != nil {
				t.Fatalf("Set() = %v, want nil", err)
			}
		}
		alive := func() (n int) {
			for i := range keys {
				if _, ok, _ := c.Get(t.Context(), string(rune('a'+i))); ok {
					n++
				}
			}
			return n
		}
		n := alive() // of two keys that share a slot of the fence the later one is left
		if n < keys-10 {
			t.Fatalf("%d of %d entries are fresh at once", n, keys)
		}
		time.Sleep(50*time.Second - 1)
		if got := alive(); got != n {
			t.Errorf("%d of %d entries are fresh before the shortest TTL is over, want all", got, n)
		}
		time.Sleep(25 * time.Second)
		if got := alive(); got < n/4 || got > 3*n/4 {
			t.Errorf("%d of %d entries are fresh in the middle of the jitter, want about half", got, n)
		}
		time.Sleep(25*time.Second + 1)
		if got := alive(); got != 0 {
			t.Errorf("%d of %d entries are fresh after the TTL, want none", got, n)
		}
	})
}

func TestForeverDoesNotOverflow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, tiercache.Config[int64]{
			Profile: tiercache.Profile{TTL: tiercache.Forever, Jitter: time.Hour, StaleFor: tiercache.Forever},
		})
		if err := c.Set(t.Context(), "k", 1); err != nil {
			t.Fatalf("Set() = %v, want nil", err)
		}
		time.Sleep(365 * 24 * time.Hour)
		if v, ok, err := c.Get(t.Context(), "k"); v != 1 || !ok || err != nil {
			t.Errorf("Get(k) after a year = %v, %v, %v, want 1, true, nil", v, ok, err)
		}
	})
}
