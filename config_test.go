package tiercache_test

import (
	"context"
	"errors"
	"slices"
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

// configTier is a tier with nothing but a name.
type configTier struct {
	tier.Tier[int64]
	name string
}

func (c configTier) Name() string { return c.name }

// configCodec is JSON under another name.
type configCodec struct {
	codec.JSON
	name string
}

func (c configCodec) Name() string { return c.name }

// configGood returns a configuration without a mistake, to make one in.
func configGood() tiercache.Config[int64] {
	return tiercache.Config[int64]{
		Name: "test",
		Tiers: []tier.Tier[int64]{
			memoryTier[int64](),
			tier.Remote[int64](backend.NewMemory(), codec.JSON{}),
		},
		Bus:     invalidate.NewMemory(),
		Profile: tiercache.Standard(),
	}
}

// configMistakes are changes of a good configuration, by what the error has to say.
var configMistakes = []struct {
	say     string
	mistake func(cfg *tiercache.Config[int64])
}{
	{"Name: empty", func(cfg *tiercache.Config[int64]) { cfg.Name = "" }},
	{"Name: name \"aaa", func(cfg *tiercache.Config[int64]) { cfg.Name = strings.Repeat("a", 65) }},
	{"has \":\" in it", func(cfg *tiercache.Config[int64]) { cfg.Name = "users:eu" }},
	{"has \"{\" in it", func(cfg *tiercache.Config[int64]) { cfg.Name = "{users}" }},
	{"has \"!\" in it", func(cfg *tiercache.Config[int64]) { cfg.Name = "users!" }},
	{"Name: name \"caf", func(cfg *tiercache.Config[int64]) { cfg.Name = "café" }},

	{`tier "memory" comes after tier "remote"`, func(cfg *tiercache.Config[int64]) { slices.Reverse(cfg.Tiers) }},
	{"MaxKeyBytes is 65537", func(cfg *tiercache.Config[int64]) { cfg.MaxKeyBytes = 1<<16 + 1 }},
	{"lease_for (1µs) must be at least 1ms", func(cfg *tiercache.Config[int64]) { cfg.Profile.LeaseFor = time.Microsecond }},

	{"ttl must be positive", func(cfg *tiercache.Config[int64]) { cfg.Profile = tiercache.Profile{} }},
	{"ttl is negative (-1s)", func(cfg *tiercache.Config[int64]) { cfg.Profile.TTL = -time.Second }},
	{"jitter (1s) must be less than ttl (1s)", func(cfg *tiercache.Config[int64]) {
		cfg.Profile = tiercache.Profile{TTL: time.Second, Jitter: time.Second}
	}},
	{"jitter is negative", func(cfg *tiercache.Config[int64]) { cfg.Profile.Jitter = -1 }},
	{"stale_for is negative", func(cfg *tiercache.Config[int64]) { cfg.Profile.StaleFor = -1 }},
	{"stale_after is negative", func(cfg *tiercache.Config[int64]) { cfg.Profile.StaleAfter = -1 }},
	{"absent_for is negative", func(cfg *tiercache.Config[int64]) { cfg.Profile.AbsentFor = -1 }},
	{"load_timeout is negative", func(cfg *tiercache.Config[int64]) { cfg.Profile.LoadTimeout = -1 }},
	{"lease_for is negative", func(cfg *tiercache.Config[int64]) { cfg.Profile.LeaseFor = -1 }},
	{"lease_for (1µs) must be at least 1ms", func(cfg *tiercache.Config[int64]) { cfg.Profile.LeaseFor = time.Microsecond }},

	{"Tiers is empty", func(cfg *tiercache.Config[int64]) { cfg.Tiers = nil }},
	{"Tiers[1] is nil", func(cfg *tiercache.Config[int64]) { cfg.Tiers[1] = nil }},
	{"Tiers[2] has no name", func(cfg *tiercache.Config[int64]) { cfg.Tiers = append(cfg.Tiers, configTier{}) }},
	{"two tiers are named \"memory\"", func(cfg *tiercache.Config[int64]) {
		cfg.Tiers = append(cfg.Tiers, configTier{name: "memory"})
	}},
	{"MaxKeyBytes", func(cfg *tiercache.Config[int64]) { cfg.MaxKeyBytes = -1 }},
	{"MaxKeyBytes is 65537", func(cfg *tiercache.Config[int64]) { cfg.MaxKeyBytes = invalidate.MaxName + 1 }},
	{"MaxValueBytes", func(cfg *tiercache.Config[int64]) { cfg.MaxValueBytes = -1 }},

	{"tier small: tier: memory \"small\": one of MaxBytes and MaxEntries", func(cfg *tiercache.Config[int64]) {
		cfg.Tiers[0] = tier.Memory[int64](tier.MemoryConfig{Name: "small"})
	}},
	{"only one of MaxBytes and MaxEntries", func(cfg *tiercache.Config[int64]) {
		cfg.Tiers[0] = tier.Memory[int64](tier.MemoryConfig{MaxBytes: 1, MaxEntries: 1})
	}},
	{"MaxBytes is -1", func(cfg *tiercache.Config[int64]) {
		cfg.Tiers[0] = tier.Memory[int64](tier.MemoryConfig{MaxBytes: -1})
	}},
	{"tier remote: nil Backend", func(cfg *tiercache.Config[int64]) { cfg.Tiers[1] = tier.Remote[int64](nil, codec.JSON{}) }},
	{"tier remote: nil Codec", func(cfg *tiercache.Config[int64]) {
		cfg.Tiers[1] = tier.Remote[int64](backend.NewMemory(), nil)
	}},
	{"tier remote: codec name \"\"", func(cfg *tiercache.Config[int64]) {
		cfg.Tiers[1] = tier.Remote[int64](backend.NewMemory(), configCodec{})
	}},
	{"is not 1 to 32 bytes long", func(cfg *tiercache.Config[int64]) {
		cfg.Tiers[1] = tier.Remote[int64](backend.NewMemory(), configCodec{name: strings.Repeat("c", 33)})
	}},
}

// The bubble fails the test if a goroutine is left when it ends.
func TestNewNamesTheMistakeAndLeavesNothingRunning(t *testing.T) {
	for _, m := range configMistakes {
		t.Run(m.say, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := configGood()
				cfg.Observer.Dropped = func(int) {} // has a goroutine of its own
				m.mistake(&cfg)
				c, err := tiercache.New(cfg)
				if err == nil {
					_ = c.Close()
					t.Fatal("New() = nil, want an error")
				}
				if got := err.Error(); c != nil || !strings.HasPrefix(got, "tiercache: ") || !strings.Contains(got, m.say) {
					t.Errorf("New() = %v, %q, want no cache and an error with %q", c, got, m.say)
				}
			})
		})
	}
}

func TestNewNamesTheCacheInItsErrors(t *testing.T) {
	cfg := configGood()
	cfg.Name, cfg.Tiers = "users", nil
	if _, err := tiercache.New(cfg); err == nil || !strings.Contains(err.Error(), `cache "users"`) {
		t.Errorf("New() = %v, want the name of the cache in it", err)
	}
	cfg = configGood()
	cfg.Name, cfg.Tiers[1] = "users", tier.Remote[int64](nil, nil)
	if _, err := tiercache.New(cfg); err == nil || !strings.Contains(err.Error(), `cache "users"`) {
		t.Errorf("New() = %v, want the name of the cache in it", err)
	}
}

func TestLongBadNameIsQuotedInPart(t *testing.T) {
	cfg := configGood()
	cfg.Name = strings.Repeat("n", 1<<20)
	_, err := tiercache.New(cfg)
	if err == nil {
		t.Fatal("New() with a name of 1 MiB = nil, want an error")
	}
	if n := len(err.Error()); n > 200 {
		t.Errorf("New() with a name of 1 MiB = an error of %d bytes, want a short one", n)
	}
}

func TestNewAcceptsEveryNameThatItDocuments(t *testing.T) {
	for _, name := range []string{"a", "Z", "0", ".", "_", "-", "users.v2_EU-1", strings.Repeat("n", 64)} {
		cfg := configGood()
		cfg.Name = name
		c := newCache(t, cfg)
		if c.Name() != name {
			t.Errorf("Name() = %q, want %q", c.Name(), name)
		}
	}
}

func TestATierBelongsToOneCache(t *testing.T) {
	cfg := configGood()
	newCache(t, cfg)
	again := configGood()
	again.Tiers[1] = cfg.Tiers[1]
	if c, err := tiercache.New(again); err == nil || !strings.Contains(err.Error(), "opened twice") {
		if c != nil {
			_ = c.Close()
		}
		t.Errorf("New() with a tier of another cache = %v, want an error", err)
	}
}

// The caller may go on to use its slice for another cache.
func TestNewCopiesTheTiers(t *testing.T) {
	cfg := configGood()
	c := newCache(t, cfg)
	cfg.Tiers[0], cfg.Tiers[1] = nil, nil
	if err := c.Set(t.Context(), "k", 1); err != nil {
		t.Errorf("Set() = %v, want nil", err)
	}
}

// configBroken is a bus that cannot work.
type configBroken struct{ invalidate.Bus }

func (configBroken) Subscribe(context.Context, invalidate.Handler) error {
	return errors.New("no such host")
}
func (configBroken) Bound() time.Duration { return 0 }

func TestABusThatCannotSubscribeIsReportedAndTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []string
		cfg := configGood()
		cfg.Bus = configBroken{}
		cfg.Observer.Error = func(err error) { told = append(told, err.Error()) }
		c := newCache(t, cfg)
		time.Sleep(5 * time.Second) // of the bubble's clock: some attempts
		if err := c.Close(); err != nil {
			t.Fatalf("Close() = %v, want nil", err)
		}
		if len(told) < 2 || !strings.Contains(told[0], `cache "test": subscribe: no such host`) {
			t.Errorf("Observer.Error was told %q, want each attempt", told)
		}
		if got := c.Stats().BusErrors; got != uint64(len(told)) {
			t.Errorf("Stats().BusErrors = %d, want %d", got, len(told))
		}
	})
}
