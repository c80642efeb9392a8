package redisbus

import (
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tiercache/tiercache/internal/redistest"
	"github.com/tiercache/tiercache/invalidate"
)

// BenchmarkPublish says what an event costs its publisher, and Redis for a number of subscribers. It needs a redis-server.
func BenchmarkPublish(b *testing.B) {
	e := invalidate.Event{Op: invalidate.Delete, Cache: "users", Origin: "0123456789abcdef", Keys: []string{"user:1000000"}}
	for _, subscribers := range []int{0, 1, 16, 64} {
		b.Run(fmt.Sprintf("subscribers=%d", subscribers), func(b *testing.B) {
			b.Run("raw", func(b *testing.B) {
				m := newMeter(b, Config{}, subscribers)
				payload, _ := e.AppendBinary(nil)
				message := strings.Repeat("x", 59) + string(payload) // about as long as a message of the bus
				m.measure(func() error { return m.rdb.Publish(b.Context(), m.bus.channels[0], message).Err() })
			})
			b.Run("publish", func(b *testing.B) {
				m := newMeter(b, Config{}, subscribers)
				m.measure(func() error { return m.bus.Publish(b.Context(), e) })
			})
			b.Run("delete", func(b *testing.B) {
				m := newMeter(b, Config{}, subscribers)
				names := []string{"users:user:1000000"}
				m.measure(func() error { return m.bus.PublishDelete(b.Context(), e, m.rdb, names) })
			})
			b.Run("replaylog", func(b *testing.B) {
				m := newMeter(b, Config{ReplayLog: 1000}, subscribers)
				m.measure(func() error { return m.bus.Publish(b.Context(), e) })
			})
		})
	}
}

// BenchmarkPoll says what it costs to read the heads of all logs.
func BenchmarkPoll(b *testing.B) {
	for _, strict := range []bool{false, true} {
		b.Run(fmt.Sprintf("strict=%t", strict), func(b *testing.B) {
			m := newMeter(b, Config{StrictPoll: strict}, 0)
			if err := m.bus.Publish(b.Context(), invalidate.Event{Op: invalidate.Clear, Cache: "c"}); err != nil {
				b.Fatal(err)
			}
			m.measure(func() error {
				_, errs := m.bus.heads(b.Context(), allPartitions)
				return errs[0]
			})
		})
	}
}

// A meter measures what a client does to a server of its own.
type meter struct {
	b     *testing.B
	rdb   *redis.Client
	admin *redis.Client
	bus   *Bus
	trips atomic.Int64 // writes to the connections of rdb
	read  atomic.Int64 // bytes read by all subscribers
	subs  int
}

func newMeter(b *testing.B, cfg Config, subscribers int) *meter {
	s := redistest.Single(b)
	m := &meter{b: b, admin: s.Client(), subs: subscribers}
	m.rdb = s.Client(redistest.WithContextTimeout, func(o *redis.Options) {
		o.Dialer = func(_ context.Context, network, addr string) (net.Conn, error) {
			conn, err := net.DialTimeout(network, addr, time.Second)
			return countedConn{conn, &m.trips}, err
		}
	})
	cfg.Timeout = 5 * time.Second
	bus, err := New(m.rdb, cfg)
	if err != nil {
		b.Fatal(err)
	}
	m.bus = bus
	for range subscribers {
		conn, err := net.Dial("tcp", s.Addr())
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { conn.Close() })
		fmt.Fprintf(conn, "SUBSCRIBE %s\r\n", bus.channels[0])
		ack := make([]byte, 64)
		if _, err := conn.Read(ack); err != nil {
			b.Fatal(err)
		}
		go func() { _, _ = io.Copy(countingWriter{&m.read}, conn) }()
	}
	return m
}

// measure reports what a call costs, when it has been made once.
func (m *meter) measure(do func() error) {
	if err := do(); err != nil {
		m.b.Fatal(err)
	}
	m.b.ReportAllocs()
	m.trips.Store(0)
	m.read.Store(0)
	busy := m.busy()
	m.b.ResetTimer()
	for range m.b.N {
		if err := do(); err != nil {
			m.b.Fatal(err)
		}
	}
	m.b.StopTimer()
	n := float64(m.b.N)
	m.b.ReportMetric(float64(m.trips.Load())/n, "trips/op")
	m.b.ReportMetric((m.busy()-busy)*1e6/n, "server-us/op")
	if m.subs > 0 {
		for last := int64(-1); last != m.read.Load(); time.Sleep(20 * time.Millisecond) { // until nothing comes any more
			last = m.read.Load()
		}
		m.b.ReportMetric(float64(m.read.Load())/n/float64(m.subs), "bytes/msg")
	}
}

// busy returns the seconds of processor time that the server has used.
func (m *meter) busy() (seconds float64) {
	info, err := m.admin.Info(m.b.Context(), "cpu").Result()
	if err != nil {
		m.b.Fatal(err)
	}
	for _, name := range []string{"used_cpu_user:", "used_cpu_sys:"} {
		_, after, _ := strings.Cut(info, "\n"+name)
		value, _, _ := strings.Cut(after, "\r")
		s, err := strconv.ParseFloat(value, 64)
		if err != nil {
			m.b.Fatal(err)
		}
		seconds += s
	}
	return seconds
}

type countedConn struct {
	net.Conn
	writes *atomic.Int64
}

func (c countedConn) Write(p []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(p)
}

type countingWriter struct{ n *atomic.Int64 }

func (w countingWriter) Write(p []byte) (int, error) {
	w.n.Add(int64(len(p)))
	return len(p), nil
}
