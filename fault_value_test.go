package tiercache_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/tiercache/tiercache"
	"github.com/tiercache/tiercache/backend"
	"github.com/tiercache/tiercache/backend/redisstore"
	"github.com/tiercache/tiercache/codec"
	"github.com/tiercache/tiercache/internal/redistest"
	"github.com/tiercache/tiercache/tier"
)

// A faultValue can be encoded unless its part cannot.
type faultValue struct {
	ID   int
	Part any
}

func TestValueThatCannotBeEncodedIsLoadedAllTheSame(t *testing.T) {
	for _, c := range []codec.Codec{codec.MsgPack{}, codec.MsgPack{Array: true}, codec.JSON{}} {
		t.Run(c.Name(), func(t *testing.T) {
			faultEncode(t, c, faultValue{ID: 1, Part: make(chan int)})
			faultEncode(t, c, faultValue{ID: 1, Part: func() {}})
		})
	}
}

// faultEncode has bad loaded into a cache, and then set where an older value is.
func faultEncode(t *testing.T, enc codec.Codec, bad faultValue) {
	t.Helper()
	store := backend.NewMemory()
	var told []error
	c := newCache(t, tiercache.Config[faultValue]{
		Tiers:    []tier.Tier[faultValue]{memoryTier[faultValue](), tier.Remote[faultValue](store, enc)},
		Observer: tiercache.Observer{Error: func(err error) { told = append(told, err) }},
	})
	load := func(context.Context, string) (faultValue, error) { return bad, nil }
	for range 2 { // the second time from the near tier
		if got, err := c.GetOrLoad(t.Context(), "k", load); got.ID != 1 || err != nil {
			t.Errorf("GetOrLoad(k) = %v, %v, want the loaded value, nil", got, err)
		}
	}
	s := c.Stats()
	if s.Loads != 1 || s.Tiers[0].Fills != 1 || s.Tiers[1].Fills != 0 || s.Tiers[1].Errors != 1 {
		t.Errorf("Stats() = %+v, want one load, a fill of the near tier and an error of the far one", s)
	}
	if len(told) != 1 || !strings.Contains(told[0].Error(), `tier remote: fill: key "k": codec `+enc.Name()) {
		t.Errorf("Observer.Error was told %v, want the tier, the key and the codec", told)
	}

	if err := c.Set(t.Context(), "k", faultValue{ID: 2}); err != nil {
		t.Fatalf("Set(k) of a good value = %v, want nil", err)
	}
	err := c.Set(t.Context(), "k", bad)
	if err == nil || !strings.Contains(err.Error(), `tier remote: set: key "k": codec `+enc.Name()) {
		t.Errorf("Set(k) = %v, want an error that names tier, operation, key and codec", err)
	}
	if got, ok, err := c.Get(t.Context(), "k"); ok || err != nil {
		t.Errorf("Get(k) after a Set that failed = %v, %v, %v, want nothing, old or new", got, ok, err)
	}
	if added, err := c.Add(t.Context(), "k", bad); added || err == nil || !strings.Contains(err.Error(), `tier remote: add: key "k"`) {
		t.Errorf("Add(k) = %v, %v, want an error that names tier, operation and key", added, err)
	}
	// Nothing is left behind that others would have to wait for.
	if got, err := c.GetOrLoad(t.Context(), "k", load); got.ID != 1 || err != nil || c.Stats().LeaseWaits != 0 {
		t.Errorf("GetOrLoad(k) = %v, %v after %d waits for a lease, want the loaded value at once", got, err, c.Stats().LeaseWaits)
	}
}

func TestValueThatIsTooLargeIsKeptOutOfTheFarTier(t *testing.T) {
	var told atomic.Int64
	problems := make(chan tier.Problem, 10)
	c := newCache(t, tiercache.Config[string]{
		Tiers:         []tier.Tier[string]{memoryTier[string](), tier.Remote[string](backend.NewMemory(), codec.Raw{})},
		MaxValueBytes: 100,
		Observer: tiercache.Observer{
			Error:   func(error) { told.Add(1) },
			Problem: func(p tier.Problem) { problems <- p },
		},
	})
	fits, large := strings.Repeat("v", 100), strings.Repeat("v", 101)
	load := func(context.Context, string) (string, error) { return large, nil }
	if got, err := c.GetOrLoad(t.Context(), "loaded", load); got != large || err != nil {
		t.Errorf("GetOrLoad(loaded) = %d bytes, %v, want the loaded value, nil", len(got), err)
	}
	if s := c.Stats(); s.Tiers[1].TooLarge != 1 || s.Tiers[1].Errors != 1 || told.Load() != 1 {
		t.Errorf("Stats() = %+v and %d errors told, want one value too large and one error", s, told.Load())
	}
	if p := <-problems; p.Kind != tier.TooLarge || p.Tier != "remote" || p.Key != "loaded" || !errors.Is(p.Err, tier.ErrTooLarge) {
		t.Errorf("Observer.Problem was told %+v, want a value under the key loaded that is too large", p)
	}
	if err := c.Set(t.Context(), "k", fits); err != nil {
		t.Fatalf("Set(k) of 100 bytes = %v, want nil", err)
	}
	err := c.Set(t.Context(), "k", large)
	if !errors.Is(err, tier.ErrTooLarge) || !strings.Contains(err.Error(), `tier remote: set: key "k"`) {
		t.Errorf("Set(k) of 101 bytes = %v, want ErrTooLarge that names tier, operation and key", err)
	}
	if got, ok, err := c.Get(t.Context(), "k"); ok || err != nil {
		t.Errorf("Get(k) after a Set that failed = %d bytes, %v, %v, want nothing", len(got), ok, err)
	}
}

// A faultWide is what another version of a program makes of a source.
type faultWide struct {
	Value int64
	Note  string
}

// faultTier returns a far tier over a Redis with a client of its own.
func faultTier[V any](t *testing.T, addr string, c codec.Codec) tier.Tier[V] {
	t.Helper()
	store, err := redisstore.New(faultClient(t, addr), redisstore.Config{})
	if err != nil {
		t.Fatalf("redisstore.New() = %v, want nil", err)
	}
	return tier.Remote[V](store, c)
}

// Two instances that cannot read each other's values go to the source for them.
func TestInstancesThatDisagreeAboutTheEncodingDoNotMisreadEachOther(t *testing.T) {
	redis, _ := redistest.Mini(t)
	addr := redis.Addr()
	a := newCache(t, tiercache.Config[int64]{Tiers: []tier.Tier[int64]{faultTier[int64](t, addr, codec.MsgPack{})}})
	loadInt := func(context.Context, string) (int64, error) { return 7, nil }
	askA := func() {
		t.Helper()
		if got, err := a.GetOrLoad(t.Context(), "k", loadInt); got != 7 || err != nil {
			t.Errorf("GetOrLoad(k) by msgpack = %v, %v, want 7, nil", got, err)
		}
	}
	t.Run("AnotherCodec", func(t *testing.T) {
		b := newCache(t, tiercache.Config[int64]{Tiers: []tier.Tier[int64]{faultTier[int64](t, addr, codec.JSON{})}})
		faultTurns(t, a, askA, b, func() {
			if got, err := b.GetOrLoad(t.Context(), "k", loadInt); got != 7 || err != nil {
				t.Errorf("GetOrLoad(k) by json = %v, %v, want 7, nil", got, err)
			}
		})
	})
	t.Run("AnotherShape", func(t *testing.T) {
		b := newCache(t, tiercache.Config[faultWide]{Tiers: []tier.Tier[faultWide]{faultTier[faultWide](t, addr, codec.MsgPack{})}})
		want := faultWide{7, "seven"}
		load := func(context.Context, string) (faultWide, error) { return want, nil }
		faultTurns(t, a, askA, b, func() {
			if got, err := b.GetOrLoad(t.Context(), "k", load); got != want || err != nil {
				t.Errorf("GetOrLoad(k) of another shape = %v, %v, want %v, nil", got, err, want)
			}
		})
	})
}

// faultTurns has two instances ask in turn for a key that the other one has filled last.
func faultTurns[A, B any](t *testing.T, a *tiercache.Cache[A], askA func(), b *tiercache.Cache[B], askB func()) {
	t.Helper()
	askA()
	before := a.Stats()
	for range 3 {
		askB()
		askA()
	}
	after := a.Stats()
	if n := after.Tiers[0].Foreign - before.Tiers[0].Foreign; n == 0 || after.Tiers[0].Errors != 0 || after.Tiers[0].Unreadable != 0 {
		t.Errorf("Stats() of A = %+v, want foreign values, and no errors", after)
	}
	if n := after.Loads - before.Loads; n != 3 {
		t.Errorf("A has loaded %d times in 3 turns, want 3", n)
	}
	s := b.Stats()
	if s.Loads != 3 || s.Tiers[0].Foreign == 0 || s.Tiers[0].Errors != 0 || s.Tiers[0].Unreadable != 0 {
		t.Errorf("Stats() of B = %+v, want 3 loads, foreign values, and no errors", s)
	}
	if s.LeaseWaits != 0 {
		t.Errorf("B waited %d times for a lease, want no wait", s.LeaseWaits)
	}
}
