package instance

import (
	"context"
	"net"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tiercache/tiercache"
	"github.com/tiercache/tiercache/faults/internal/checker"
	"github.com/tiercache/tiercache/faults/internal/mono"
	"github.com/tiercache/tiercache/faults/internal/proxies"
	"github.com/tiercache/tiercache/faults/internal/source"
	"github.com/tiercache/tiercache/internal/redistest"
)

// A forgetful cache loads each key once and forgets every Delete.
type forgetful struct {
	values [source.Keys]atomic.Pointer[Value]
}

func (f *forgetful) Lookup(ctx context.Context, key string, load tiercache.Loader[Value], _ ...tiercache.CallOption) (r tiercache.Result[Value], err error) {
	v, err := load(ctx, key)
	if err != nil {
		return r, err
	}
	f.values[v.Key].CompareAndSwap(nil, &v)
	r.Value = *f.values[v.Key].Load()
	return r, nil
}

func (f *forgetful) Delete(context.Context, ...string) error { return nil }
func (f *forgetful) Close() error                            { return nil }

func newForgetful(t *testing.T) *instance {
	t.Helper()
	src, err := source.Create(filepath.Join(t.TempDir(), "source"))
	if err != nil {
		t.Fatalf("Create: %v", err)
	}
	t.Cleanup(func() { src.Close() })
	i := &instance{src: src, cache: new(forgetful), tally: checker.NewTally(time.Millisecond)}
	i.source = &loader{src: src, calm: &i.calm}
	return i
}

// write is what a writer does, a while ago.
func write(t *testing.T, i *instance, k int) {
	t.Helper()
	version, ok := i.src.Write(k)
	if !ok {
		t.Fatalf("Write(%d) is refused", k)
	}
	i.delete(source.Name(k), false)
	i.src.Ack(k, source.Ack{Version: version, At: mono.Now().Add(-time.Second), Instance: 1})
}

func TestLostInvalidationsAreFound(t *testing.T) {
	i := newForgetful(t)
	if r, err := i.verify(); err != nil || r.Checked != source.Keys || len(r.Wrong) != 0 {
		t.Fatalf("verify = %d compared, %v, %v, want all, nothing wrong, nil", r.Checked, r.Wrong, err)
	}
	write(t, i, 0)
	write(t, i, 500)
	r, err := i.verify()
	if err != nil || len(r.Wrong) != 2 {
		t.Fatalf("verify = %v, %v, want two keys", r.Wrong, err)
	}
	for _, m := range r.Wrong {
		if m.Has != 1 || m.Source != 2 || m.Key != source.Name(0) && m.Key != source.Name(500) {
			t.Errorf("mismatch %+v, want version 1 of 2 of %s or %s", m, source.Name(0), source.Name(500))
		}
	}
}

func TestStaleReadsAreFound(t *testing.T) {
	i := newForgetful(t)
	i.calm.Store(true)
	i.check(3)
	write(t, i, 3)
	i.check(3)
	i.cfg.Number = 1
	i.check(3)
	if got := i.tally.Sum().Counts; got.Reads != 3 || got.Beyond != 2 || got.Own != 1 {
		t.Errorf("counts = %+v, want 3 reads, 2 beyond, 1 own", got)
	}
}

func TestOnlyTheSourceMayFail(t *testing.T) {
	i := newForgetful(t)
	i.calm.Store(true)
	i.cache = failing{errSource}
	i.check(0)
	i.cache = failing{&tiercache.PanicError{Value: errSource}}
	i.check(0)
	if s, c := i.sourceErrors.Load(), i.callerErrors.Load(); s != 2 || c != 0 {
		t.Errorf("%d errors of the source and %d others, want 2 and 0", s, c)
	}
	i.cache = failing{context.DeadlineExceeded}
	i.check(0)
	if r := i.callerErrors.Load(); r != 1 || len(i.errorTexts) != 1 {
		t.Errorf("%d other errors, %q, want 1", r, i.errorTexts)
	}
}

// failing is a cache that returns an error.
type failing struct{ err error }

func (f failing) Lookup(context.Context, string, tiercache.Loader[Value], ...tiercache.CallOption) (tiercache.Result[Value], error) {
	return tiercache.Result[Value]{}, f.err
}
func (f failing) Delete(context.Context, ...string) error { return nil }
func (f failing) Close() error                            { return nil }

func TestSubscriptionsGoTheirOwnWay(t *testing.T) {
	single := redistest.Single(t)
	cluster := redistest.Cluster(t)
	for _, c := range []struct {
		name  string
		addrs []string
		open  func(dial func(ctx context.Context, network, addr string) (net.Conn, error)) redis.UniversalClient
	}{
		{"single", []string{single.Addr()}, func(dial func(ctx context.Context, network, addr string) (net.Conn, error)) redis.UniversalClient {
			return single.Client(func(o *redis.Options) { o.Dialer = dial })
		}},
		{"cluster", cluster.Addrs(), func(dial func(ctx context.Context, network, addr string) (net.Conn, error)) redis.UniversalClient {
			return cluster.Client(func(o *redis.ClusterOptions) { o.Dialer = dial })
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			src := newForgetful(t).src
			n, err := proxies.New(1, c.addrs, src)
			if err != nil {
				t.Fatalf("New: %v", err)
			}
			defer n.Close()
			rdb := c.open(dialer(n.Routes(0), src.Port))
			ps := rdb.Subscribe(t.Context(), "channel")
			defer ps.Close()
			if _, err := ps.Receive(t.Context()); err != nil {
				t.Fatalf("Receive: %v", err)
			}
			silence := proxies.Toxic{Type: "timeout", Stream: "downstream", Attributes: map[string]any{"timeout": 0}}
			if err := n.Poison(0, []proxies.Role{proxies.Subscription}, silence); err != nil {
				t.Fatalf("Poison: %v", err)
			}
			if got, err := rdb.Publish(t.Context(), "channel", "m").Result(); err != nil || got > 1 {
				t.Errorf("Publish = %d, %v, want it to work while subscriptions do not", got, err)
			}
			got := make(chan error, 1)
			go func() {
				_, err := ps.Receive(context.WithoutCancel(t.Context()))
				got <- err
			}()
			select {
			case err := <-got:
				t.Errorf("Receive returns %v through a silent proxy", err)
			case <-time.After(100 * time.Millisecond): // a working one needs a thousandth of that
			}
			ps.Close()
			<-got
		})
	}
}
