package redisbus_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tiercache/tiercache/internal/redistest"
	"github.com/tiercache/tiercache/invalidate/redisbus"
)

// An interruption alone costs nothing: whether something was missed is for the next poll to say.
func TestKilledConnectionIsReplaced(t *testing.T) {
	s := redistest.Single(t)
	b := newBus(t, s.Client())
	l := listen(t, b)
	l.inPlace(t, 1)
	for n := 1; n <= 3; n++ {
		if err := s.Client().ClientKillByFilter(t.Context(), "type", "pubsub").Err(); err != nil {
			t.Fatalf("CLIENT KILL: %v", err)
		}
		subscribedAgain(t, b, uint64(1+n))
		l.hears(t, b, strings.Repeat("k", n))
	}
	if got := b.Stats(); got.Interrupted < 3 || got.Silent != 0 || got.Gaps+got.Behind+got.Diverged != 0 {
		t.Errorf("Stats() = %+v, want 3 interruptions, none of them silent, and nothing missed", got)
	}
	if got := l.dropped(); got > 2 {
		t.Errorf("dropped %d times, want once for the subscription and once for the first look at the logs", got)
	}
}

// subscribedAgain waits until the subscription has been put in place n times.
func subscribedAgain(t *testing.T, b *redisbus.Bus, n uint64) {
	t.Helper()
	eventually(t, "the subscription is in place again", func() bool { return b.Stats().Subscribed >= n && b.Stats().Connected })
}

func TestKilledConnectionToAClusterIsReplaced(t *testing.T) {
	c := redistest.Cluster(t)
	b := newBus(t, c.Client())
	l := listen(t, b)
	l.inPlace(t, 1)
	for _, n := range c.Nodes() {
		if err := n.Client().ClientKillByFilter(t.Context(), "type", "pubsub").Err(); err != nil {
			t.Fatalf("CLIENT KILL on %s: %v", n.Addr(), err)
		}
	}
	subscribedAgain(t, b, 2)
	l.hears(t, b, "k")
}

// No error shows that such a connection is dead: it was not closed, and what is written to it is buffered.
func TestSilentConnectionIsNoticed(t *testing.T) {
	s := redistest.Single(t)
	b := newBus(t, s.Client(), impatient)
	l := listen(t, b)
	l.inPlace(t, 1)
	s.Pause()
	eventually(t, "the watchdog notices the silence", func() bool { return b.Stats().Silent == 1 })
	if b.Stats().Connected {
		t.Error("Stats().Connected is true though the server is silent")
	}
	s.Resume()
	subscribedAgain(t, b, 2)
	l.hears(t, b, "k")
}

func TestQuietConnectionIsNotTakenForDead(t *testing.T) {
	s := redistest.Single(t)
	b := newBus(t, s.Client(), func(c *redisbus.Config) { c.PingInterval, c.PingTimeout = 20*time.Millisecond, time.Second })
	l := listen(t, b)
	l.inPlace(t, 1)
	admin := s.Client()
	eventually(t, "pings go on for longer than PingTimeout", func() bool {
		stats, err := admin.Info(t.Context(), "commandstats").Result()
		if err != nil {
			t.Fatalf("INFO: %v", err)
		}
		var calls int
		_, after, _ := strings.Cut(stats, "cmdstat_ping:calls=")
		_, _ = fmt.Sscan(strings.ReplaceAll(after, ",", " "), &calls)
		return calls > 75
	})
	if got := b.Stats(); got.Interrupted != 0 || got.Subscribed != 1 {
		t.Errorf("Stats() = %+v, want no interruption", got)
	}
}

func TestRestartedServerDropsEverything(t *testing.T) {
	s := redistest.Single(t)
	b := newBus(t, s.Client())
	l := listen(t, b)
	l.inPlace(t, 1)
	s.Stop()
	eventually(t, "the bus notices", func() bool { return !b.Stats().Connected })
	s.Restart()
	l.inPlace(t, 2)
	l.hears(t, b, "k")
}

func TestSubscribeWaitsForRedisToStart(t *testing.T) {
	s := redistest.Single(t)
	s.Stop()
	b := newBus(t, s.Client())
	l := listen(t, b)
	eventually(t, "some attempts fail", func() bool { return b.Stats().FailedAttempts >= 3 })
	if l.touched() {
		t.Error("Drop was called before the subscription is in place")
	}
	s.Restart()
	l.inPlace(t, 1)
	l.hears(t, b, "k")
}

func TestFailoverIsFollowed(t *testing.T) {
	s := redistest.Sentinel(t)
	b := newBus(t, s.Client())
	l := listen(t, b)
	l.inPlace(t, 1)
	s.Master().Stop()
	eventually(t, "the bus notices", func() bool { return b.Stats().Interrupted > 0 })
	subscribedAgain(t, b, 2)
	l.hears(t, b, "k")
	// The replica had everything, but that is not to be seen from here: the logs of one that lacks the last events may look the same.
	eventually(t, "the change is taken for a possible rollback", func() bool { return l.rolledBack() > 0 })
	if s := b.Stats(); s.Takeovers == 0 {
		t.Errorf("after a failover: %+v, want Takeovers", s)
	}
}

// The handshake with such a server ends when the client gives it up, seconds later.
func TestSubscribeReturnsThoughTheServerIsSilent(t *testing.T) {
	s := redistest.Single(t)
	var dialed atomic.Int32
	rdb := s.Client(func(o *redis.Options) {
		o.Dialer = func(ctx context.Context, network, addr string) (net.Conn, error) {
			defer dialed.Add(1)
			return new(net.Dialer).DialContext(ctx, network, addr)
		}
	})
	b := newBus(t, rdb, impatient, func(c *redisbus.Config) { c.Timeout = 100 * time.Millisecond })
	l := listen(t, b)
	l.inPlace(t, 1)
	before := dialed.Load()
	s.Pause()
	eventually(t, "the bus connects again", func() bool { return dialed.Load() > before })
	began := time.Now()
	l.end(t)
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("Subscribe returned after %v, want about 100ms", took)
	}
	s.Resume()
	next := listen(t, b)
	next.inPlace(t, 1)
	next.hears(t, b, "k")
}

// The client may reconnect without an error, for example when a server moves: the confirmation of another
// subscription is all that shows of it. A poll follows.
func TestSubscriptionConfirmedAgainIsCounted(t *testing.T) {
	m, _ := redistest.Mini(t)
	rdb := redis.NewClient(&redis.Options{
		Addr:     m.Addr(),
		Protocol: 2,
		Dialer: func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, network, addr)
			return &repeater{Conn: conn}, err
		},
	})
	defer rdb.Close()
	b := newBus(t, rdb)
	l := listen(t, b)
	l.inPlace(t, 1)
	l.hears(t, b, "k")
	if got := b.Stats(); got.Subscribed != 2 || got.Interrupted != 0 {
		t.Errorf("Stats() = %+v, want Subscribed 2 and no interruption", got)
	}
}

// A repeater is a connection that reads the confirmation of a subscription twice.
type repeater struct{ net.Conn }

func (r *repeater) Read(p []byte) (int, error) {
	n, err := r.Conn.Read(p)
	if frame := p[:n]; bytes.Contains(frame, []byte("subscribe\r\n")) && 2*n <= len(p) {
		n += copy(p[n:], frame)
	}
	return n, err
}

func TestPublishGivesUpAtItsDeadline(t *testing.T) {
	for _, c := range []struct {
		name string
		opts []func(*redis.Options)
	}{
		{"client that ignores deadlines", nil},
		{"client that honors deadlines", []func(*redis.Options){redistest.WithContextTimeout}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := redistest.Single(t)
			b := newBus(t, s.Client(c.opts...), func(c *redisbus.Config) { c.Timeout = 100 * time.Millisecond })
			if err := b.Publish(t.Context(), deletion("k")); err != nil {
				t.Fatalf("Publish: %v", err)
			}
			s.Pause()
			began := time.Now()
			err := b.Publish(t.Context(), deletion("k"))
			took := time.Since(began)
			var timeout net.Error
			if !errors.Is(err, context.DeadlineExceeded) && (!errors.As(err, &timeout) || !timeout.Timeout()) {
				t.Errorf("Publish: %v, want a timeout", err)
			}
			if err != nil && !strings.Contains(err.Error(), `"tiercache:events"`) {
				t.Errorf("Publish: %v, want the channel in it", err)
			}
			if took > 2*time.Second {
				t.Errorf("Publish took %v, want about 100ms", took)
			}
			if got := b.Stats(); got.Published != 1 || got.PublishErrors != 1 {
				t.Errorf("Stats() = %+v, want 1 published and 1 error", got)
			}
		})
	}
}

func TestAttemptsBecomeRareAndNeverEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refused := errors.New("refused")
		rdb := redis.NewClient(&redis.Options{
			Addr:   "127.0.0.1:6379", // a name would be looked up, by goroutines outside the bubble
			Dialer: func(context.Context, string, string) (net.Conn, error) { return nil, refused },
		})
		t.Cleanup(func() { // when the subscription has ended
			_ = rdb.Close()
			time.Sleep(2 * time.Second) // the client's own attempts end
		})
		b := newBus(t, rdb, func(c *redisbus.Config) {
			c.Timeout = time.Nanosecond // the first poll is given up at once
			c.OnError = func(err error) {
				if !errors.Is(err, refused) && !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("OnError was told %v, want %v", err, refused)
				}
			}
		})
		listen(t, b)
		for _, c := range []struct {
			until    time.Duration
			min, max int
		}{
			{100 * time.Millisecond, 4, 6}, // pauses of 10, 20, 40, 80 ms, and half of that with luck
			{10 * time.Second, 15, 26},     // of 1 s in the end
			{100 * time.Second, 100, 215},
		} {
			time.Sleep(c.until)
			synctest.Wait()
			if got := int(b.Stats().FailedAttempts); got < c.min || got > c.max {
				t.Errorf("%d attempts after another %v, want %d to %d", got, c.until, c.min, c.max)
			}
		}
	})
}
