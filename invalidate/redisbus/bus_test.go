package redisbus_test

import (
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tiercache/tiercache/internal/redistest"
	"github.com/tiercache/tiercache/invalidate"
	"github.com/tiercache/tiercache/invalidate/invalidatetest"
	"github.com/tiercache/tiercache/invalidate/redisbus"
)

type client = redis.UniversalClient

// conform runs the conformance suite with two clients of one Redis and a channel for each part.
func conform(t *testing.T, a, b client) {
	part := 0
	invalidatetest.Test(t, func(t *testing.T) (invalidate.Bus, invalidate.Bus) {
		part++
		own := func(c *redisbus.Config) { c.Channel = "part" + strconv.Itoa(part) }
		return newBus(t, a, own), newBus(t, b, own)
	})
}

func TestConformanceOverMiniredis(t *testing.T) {
	m, rdb := redistest.Mini(t)
	other := redis.NewClient(&redis.Options{Addr: m.Addr(), ContextTimeoutEnabled: true})
	defer other.Close()
	conform(t, rdb, other)
}

func TestConformanceOverRedis(t *testing.T) {
	s := redistest.Single(t)
	conform(t, s.Client(), s.Client(redistest.WithContextTimeout))
}

func TestConformanceOverSentinel(t *testing.T) {
	s := redistest.Sentinel(t)
	conform(t, s.Client(), s.Client())
}

func TestConformanceOverCluster(t *testing.T) {
	c := redistest.Cluster(t)
	conform(t, c.Client(), c.Client(func(o *redis.ClusterOptions) { o.ContextTimeoutEnabled = true }))
}

// subscribers returns how many connections of s are in subscriber mode.
func subscribers(t *testing.T, admin *redis.Client) int {
	t.Helper()
	list, err := admin.Do(t.Context(), "client", "list", "type", "pubsub").Text()
	if err != nil {
		t.Fatalf("CLIENT LIST: %v", err)
	}
	return strings.Count(list, "id=")
}

func TestSubscriptionsShareOneConnection(t *testing.T) {
	s := redistest.Single(t)
	admin := s.Client()
	b := newBus(t, s.Client())
	var all []*listener
	for range 5 {
		l := listen(t, b)
		l.inPlace(t, 1)
		all = append(all, l)
		if got := subscribers(t, admin); got != 1 {
			t.Errorf("%d subscriptions have %d connections, want 1", len(all), got)
		}
	}
	if got := b.Stats(); got.Subscribed != 1 || !got.Connected {
		t.Errorf("Stats() = %+v, want Subscribed 1 and Connected", got)
	}
	for _, l := range all[1:] {
		l.end(t)
	}
	all[0].hears(t, b, "k")
	if got := b.Stats().Received; got != 1 {
		t.Errorf("Received = %d, want 1: the bus receives once, however many listen", got)
	}
	all[0].end(t)
	eventually(t, "the connection is closed", func() bool { return subscribers(t, admin) == 0 })
	if b.Stats().Connected {
		t.Errorf("Stats().Connected is true after the last subscription")
	}
}

func TestLateSubscriberIsDroppedAlone(t *testing.T) {
	_, rdb := redistest.Mini(t)
	b := newBus(t, rdb)
	early := listen(t, b)
	early.inPlace(t, 1)
	late := listen(t, b)
	late.inPlace(t, 1)
	if got := early.dropped(); got != 1 {
		t.Errorf("the early subscriber was dropped %d times, want 1", got)
	}
}

func TestNoGoroutineOutlivesTheLastSubscription(t *testing.T) {
	_, rdb := redistest.Mini(t)
	b := newBus(t, rdb)
	for range 20 {
		l := listen(t, b)
		l.inPlace(t, 1)
		l.end(t)
		// Other tests are over by now, so a goroutine of the package is ours.
		buf := make([]byte, 1<<20)
		stacks := string(buf[:runtime.Stack(buf, true)])
		if i := strings.Index(stacks, "redisbus.(*"); i >= 0 {
			t.Fatalf("a goroutine runs after Subscribe has returned:\n%s", stacks[i:min(len(stacks), i+1000)])
		}
	}
}

func TestSubscriptionEndsBeforeItHasBegun(t *testing.T) {
	_, rdb := redistest.Mini(t)
	b := newBus(t, rdb)
	for range 50 {
		l := listen(t, b)
		l.end(t)
	}
	l := listen(t, b)
	l.inPlace(t, 1)
	l.hears(t, b, "k")
}

func TestUndecodableMessageDropsEverything(t *testing.T) {
	_, rdb := redistest.Mini(t)
	errs := make(chan error, 10)
	b := newBus(t, rdb, func(c *redisbus.Config) { c.OnError = func(err error) { errs <- err } })
	l := listen(t, b)
	l.inPlace(t, 1)
	for i, garbage := range []string{"", "garbage", "\x02\x03\x01c\x00\x00", "\x01\x03\x01c\x00\x00trailing"} {
		if err := rdb.Publish(t.Context(), "tiercache:events", garbage).Err(); err != nil {
			t.Fatalf("PUBLISH: %v", err)
		}
		l.inPlace(t, 2+i)
		if err := <-errs; !strings.Contains(err.Error(), `"tiercache:events"`) {
			t.Errorf("OnError was told %q, want the channel in it", err)
		}
		if got := b.Stats().Undecodable; got != uint64(i+1) {
			t.Errorf("Undecodable = %d, want %d", got, i+1)
		}
	}
	l.hears(t, b, "k")
	if got := b.Stats(); got.Received != 1 || got.Published != 1 || got.Interrupted != 0 {
		t.Errorf("Stats() = %+v, want 1 published, 1 received and no interruption", got)
	}
}

func TestChannelsAreSeparate(t *testing.T) {
	_, rdb := redistest.Mini(t)
	mine := newBus(t, rdb, func(c *redisbus.Config) { c.Channel = "mine" })
	other := newBus(t, rdb, func(c *redisbus.Config) { c.Channel = "other" })
	l := listen(t, mine)
	l.inPlace(t, 1)
	if err := other.Publish(t.Context(), deletion("theirs")); err != nil {
		t.Fatalf("Publish: %v", err)
	}
	l.hears(t, mine, "mine")
	if l.heard("theirs") {
		t.Error("an event of another channel arrived")
	}
}

// A handler may not block, but the time it takes must not look like the silence of the server.
func TestBusyHandlerIsNoSilence(t *testing.T) {
	_, rdb := redistest.Mini(t)
	b := newBus(t, rdb, impatient)
	var calls atomic.Int32
	l := &listener{busy: func() {
		if calls.Add(1) == 1 {
			<-time.After(1500 * time.Millisecond) // far more than PingTimeout
		}
	}}
	l.start(t, b)
	l.inPlace(t, 1)
	l.hears(t, b, "one")
	l.hears(t, b, "two")
	if got := b.Stats(); got.Interrupted != 0 || got.Subscribed != 1 {
		t.Errorf("Stats() = %+v, want no interruption", got)
	}
}

func TestConfigurationIsChecked(t *testing.T) {
	_, rdb := redistest.Mini(t)
	ring := redis.NewRing(&redis.RingOptions{})
	defer ring.Close()
	for _, c := range []struct {
		name string
		rdb  client
		cfg  redisbus.Config
		want string
	}{
		{"no client", nil, redisbus.Config{}, "no Redis client"},
		{"ring", ring, redisbus.Config{}, "Ring"},
		{"timeout", rdb, redisbus.Config{Timeout: -1}, "Timeout"},
		{"interval", rdb, redisbus.Config{PingInterval: -1}, "PingInterval"},
		{"ping timeout", rdb, redisbus.Config{PingTimeout: -1}, "PingTimeout"},
		{"short ping timeout", rdb, redisbus.Config{PingInterval: time.Second, PingTimeout: time.Second}, "PingTimeout"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := redisbus.New(c.rdb, c.cfg); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("New: %v, want an error with %q", err, c.want)
			}
		})
	}
	b, err := redisbus.New(rdb, redisbus.Config{PingInterval: time.Minute})
	if err != nil {
		t.Fatalf("New with a long PingInterval: %v", err)
	}
	if err := b.Subscribe(t.Context(), nil); err == nil {
		t.Error("Subscribe(nil) = nil, want an error")
	}
}
