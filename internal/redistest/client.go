package redistest

import (
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// newClient returns a client that is closed with the test. It has the defaults of go-redis but for one: it does
// not ask for maintenance notifications, which the servers of a test know nothing about.
func newClient(t testing.TB, addr string, opts []func(*redis.Options)) *redis.Client {
	o := &redis.Options{Addr: addr, MaintNotificationsConfig: quiet()}
	for _, opt := range opts {
		opt(o)
	}
	rdb := redis.NewClient(o)
	closeWithTest(t, rdb)
	return rdb
}

func quiet() *maintnotifications.Config {
	return &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
}

// WithContextTimeout is an option of Server.Client: the deadline of a context cuts the socket.
func WithContextTimeout(o *redis.Options) { o.ContextTimeoutEnabled = true }

// closeWithTest closes rdb at the end of the test. The test may have closed it before.
func closeWithTest(t testing.TB, rdb redis.UniversalClient) {
	t.Cleanup(func() { _ = rdb.Close() })
}
