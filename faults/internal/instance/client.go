package instance

import (
	"context"
	"net"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/tiercache/tiercache/faults/internal/proxies"
	"github.com/tiercache/tiercache/faults/internal/servers"
)

// Timeouts of the sockets, as a careful program would set them.
const (
	dialTimeout = 500 * time.Millisecond
	readTimeout = 500 * time.Millisecond
)

// newClient returns the client of an instance, whose connections go through the proxies.
func newClient(cfg Config, ports func(n int) int) redis.UniversalClient {
	dial := dialer(cfg.Routes, ports)
	quiet := &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	switch cfg.Topology {
	case servers.Sentinel:
		return redis.NewFailoverClient(&redis.FailoverOptions{
			MasterName: servers.MasterName, SentinelAddrs: cfg.Sentinels, Dialer: dial, ContextTimeoutEnabled: true,
			DialTimeout: dialTimeout, ReadTimeout: readTimeout, WriteTimeout: readTimeout,
		})
	case servers.Cluster:
		return redis.NewClusterClient(&redis.ClusterOptions{
			Addrs: cfg.Addrs, Dialer: dial, ContextTimeoutEnabled: true,
			DialTimeout: dialTimeout, ReadTimeout: readTimeout, WriteTimeout: readTimeout, MaintNotificationsConfig: quiet,
		})
	}
	return redis.NewClient(&redis.Options{
		Addr: cfg.Addrs[0], Dialer: dial, ContextTimeoutEnabled: true,
		DialTimeout: dialTimeout, ReadTimeout: readTimeout, WriteTimeout: readTimeout, MaintNotificationsConfig: quiet,
	})
}

// dialer returns a function that dials the proxy in front of a server. Sentinels have none.
func dialer(routes map[string]proxies.Route, port func(n int) int) func(ctx context.Context, network, addr string) (net.Conn, error) {
	d := &net.Dialer{Timeout: dialTimeout}
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		if route, ok := routes[addr]; ok {
			addr = net.JoinHostPort("127.0.0.1", strconv.Itoa(port(route[role()])))
		}
		return d.DialContext(ctx, network, addr)
	}
}

// role returns what the connection that is being dialed is for. The client uses one function to dial all its connections and does not
// tell it more than the address, but those of subscriptions have a pool of their own, which shows in the stack.
func role() proxies.Role {
	var pcs [64]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs[:])])
	for {
		frame, more := frames.Next()
		if strings.Contains(frame.Function, "PubSubPool") {
			return proxies.Subscription
		}
		if !more {
			return proxies.Data
		}
	}
}
