package redisstore_test

import (
	"bytes"
	"context"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tiercache/tiercache/backend/redisstore"
	"github.com/tiercache/tiercache/internal/redistest"
)

// A breaker is a connection that breaks with each request that has name in it, and counts these.
type breaker struct {
	net.Conn
	name   string
	broken *atomic.Int32
}

func (b breaker) Write(p []byte) (int, error) {
	if !bytes.Contains(p, []byte(b.name)) {
		return b.Conn.Write(p)
	}
	b.broken.Add(1)
	_ = b.Conn.Close()
	return len(p), nil // it is on its way, and nobody knows where it is
}

// The client repeats what it may repeat. What creates something is not sent twice: the first attempt might arrive after what comes later.
func TestWhatCreatesIsSentOnce(t *testing.T) {
	for _, c := range []struct {
		name   string
		do     func(ctx context.Context, s *redisstore.Store) error
		repeat bool
	}{
		{"set", func(ctx context.Context, s *redisstore.Store) error {
			return s.Set(ctx, "the-key", []byte("v"), time.Minute)
		}, false},
		{"add", func(ctx context.Context, s *redisstore.Store) error {
			_, _, err := s.Add(ctx, "the-key", []byte("v"), time.Minute)
			return err
		}, false},
		{"delete", func(ctx context.Context, s *redisstore.Store) error { return s.Delete(ctx, "the-key") }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, _ := redistest.Mini(t)
			var broken atomic.Int32
			rdb := redis.NewClient(&redis.Options{
				Addr:            m.Addr(),
				MinRetryBackoff: -1,
				Dialer: func(ctx context.Context, network, addr string) (net.Conn, error) {
					conn, err := new(net.Dialer).DialContext(ctx, network, addr)
					return breaker{conn, "the-key", &broken}, err
				},
			})
			defer rdb.Close()
			s, err := redisstore.New(rdb, redisstore.Config{Timeout: 10 * time.Second})
			if err != nil {
				t.Fatal(err)
			}
			if err := c.do(t.Context(), s); err == nil || !strings.Contains(err.Error(), "the-key") {
				t.Errorf("%s over connections that break: %v, want an error that names the key", c.name, err)
			}
			if got := broken.Load(); (got > 1) != c.repeat || got == 0 {
				t.Errorf("%s was sent %d times", c.name, got)
			}
		})
	}
}
