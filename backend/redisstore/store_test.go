package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tiercache/tiercache/backend"
	"github.com/tiercache/tiercache/backend/redisstore"
	"github.com/tiercache/tiercache/internal/redistest"
)

const (
	patience = 10 * time.Second
	poll     = 5 * time.Millisecond
)

func TestNewRefusesWhatCannotWork(t *testing.T) {
	cluster := func(o *redis.ClusterOptions) redis.UniversalClient {
		o.Addrs = []string{"127.0.0.1:1"}
		return closing(t, redis.NewClusterClient(o))
	}
	failover := func(o *redis.FailoverOptions) redis.UniversalClient {
		o.MasterName, o.SentinelAddrs = "m", []string{"127.0.0.1:1"}
		return closing(t, redis.NewFailoverClusterClient(o))
	}
	single := closing(t, redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"}))
	for _, c := range []struct {
		name string
		rdb  redis.UniversalClient
		cfg  redisstore.Config
		want string // in the error; "" = none
	}{
		{"nil", nil, redisstore.Config{}, "nil client"},
		{"nil client", (*redis.Client)(nil), redisstore.Config{}, "nil client"},
		{"nil cluster client", (*redis.ClusterClient)(nil), redisstore.Config{}, "nil client"},
		{"nil ring", (*redis.Ring)(nil), redisstore.Config{}, "nil client"},
		{"unknown client", struct{ *redis.Client }{}, redisstore.Config{}, "client is a struct"},
		{"negative timeout", single, redisstore.Config{Timeout: -1}, "negative Timeout -1ns"},
		{"zero config", single, redisstore.Config{}, ""},
		{"cluster", cluster(&redis.ClusterOptions{}), redisstore.Config{}, ""},
		{"cluster, read only", cluster(&redis.ClusterOptions{ReadOnly: true}), redisstore.Config{}, "replicas"},
		{"cluster, by latency", cluster(&redis.ClusterOptions{RouteByLatency: true}), redisstore.Config{}, "replicas"},
		{"cluster, at random", cluster(&redis.ClusterOptions{RouteRandomly: true}), redisstore.Config{}, "replicas"},
		{"cluster, at random, allowed", cluster(&redis.ClusterOptions{RouteRandomly: true}), redisstore.Config{AllowReplicaReads: true}, ""},
		{"failover", failover(&redis.FailoverOptions{}), redisstore.Config{}, ""},
		{"failover, replicas only", failover(&redis.FailoverOptions{ReplicaOnly: true}), redisstore.Config{}, "replicas"},
		{"failover, by latency", failover(&redis.FailoverOptions{RouteByLatency: true}), redisstore.Config{}, "replicas"},
	} {
		s, err := redisstore.New(c.rdb, c.cfg)
		switch {
		case c.want == "" && (err != nil || s == nil):
			t.Errorf("%s: New() = %v, %v, want a store", c.name, s, err)
		case c.want != "" && (err == nil || !strings.HasPrefix(err.Error(), "redisstore: ") || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: New() = %v, want an error of redisstore that says %q", c.name, err, c.want)
		}
	}
}

func TestTTLIsRoundedUp(t *testing.T) {
	m, rdb := redistest.Mini(t)
	s := open(t, rdb, patient)
	for ttl, want := range map[time.Duration]time.Duration{
		0:                       0,
		1:                       time.Millisecond,
		1500 * time.Microsecond: 2 * time.Millisecond,
		time.Second:             time.Second,
		time.Second + 1:         1001 * time.Millisecond,
		1<<63 - 1:               (1<<63 - 1) / time.Millisecond * time.Millisecond,
	} {
		calls := map[string]func(key string) error{
			"Set": func(key string) error { return s.Set(t.Context(), key, nil, ttl) },
			"SetMany": func(key string) error {
				return s.SetMany(t.Context(), []backend.Item{{Key: key, TTL: ttl}})
			},
			"Add": func(key string) error {
				_, _, err := s.Add(t.Context(), key, nil, ttl)
				return err
			},
			"Replace": func(key string) error {
				if err := m.Set(key, "h"); err != nil {
					return err
				}
				_, err := s.Replace(t.Context(), key, []byte("h"), nil, ttl)
				return err
			},
		}
		for name, call := range calls {
			key := name + ttl.String()
			if err := call(key); err != nil {
				t.Errorf("%s with ttl %v = %v, want nil", name, ttl, err)
			}
			if got := m.TTL(key); got != want {
				t.Errorf("%s with ttl %v set a ttl of %v, want %v", name, ttl, got, want)
			}
		}
	}
}

func TestErrorsNameTheOperationAndTheKey(t *testing.T) {
	m, rdb := redistest.Mini(t)
	if _, err := m.Push("a list", "v"); err != nil {
		t.Fatal(err)
	}
	s := open(t, rdb, patient)
	_, _, err := s.Get(t.Context(), "a list")
	wantPrefix(t, err, `redisstore: get "a list": WRONGTYPE`)
	_, _, err = s.Add(t.Context(), "a list", nil, 0)
	wantPrefix(t, err, `redisstore: add "a list": `)
	wantPrefix(t, s.Set(t.Context(), "k", nil, -1), `redisstore: set "k": negative ttl -1ns`)
	wantPrefix(t, s.Delete(cancelled(t), "k", "l"), `redisstore: delete "k": context canceled`)
	if values, err := s.GetMany(t.Context(), []string{"a list", "absent"}); err != nil || values[0] != nil {
		t.Errorf("GetMany of a list on one server = %q, %v, want it absent", values, err)
	}
	m.SetError("broken")
	_, err = s.GetMany(t.Context(), []string{"k", "l"})
	wantPrefix(t, err, `redisstore: get (2 of 2 keys failed) "k": broken`)
	wantPrefix(t, s.SetMany(t.Context(), []backend.Item{{Key: "k"}, {Key: "l"}}), `redisstore: set (2 of 2 keys failed) "k": broken`)
	wantPrefix(t, s.Delete(t.Context(), "k"), `redisstore: delete "k": broken`)
}

func TestAClusterReadsWhatItCan(t *testing.T) {
	c := redistest.Cluster(t)
	s := open(t, c.Client(), redisstore.Config{Timeout: patience})
	var items []backend.Item
	var keys []string
	for i := range 60 {
		keys = append(keys, fmt.Sprint(i))
		items = append(items, backend.Item{Key: keys[i], Value: []byte("v")})
	}
	if err := s.SetMany(t.Context(), items); err != nil {
		t.Fatalf("SetMany() = %v, want nil", err)
	}
	// One key has another type, which is an error of that key alone.
	if err := c.Client().Del(t.Context(), "7").Err(); err != nil {
		t.Fatal(err)
	}
	if err := c.Client().LPush(t.Context(), "7", "v").Err(); err != nil {
		t.Fatal(err)
	}
	values, err := s.GetMany(t.Context(), keys)
	wantPrefix(t, err, `redisstore: get (1 of 60 keys failed) "7": WRONGTYPE`)
	for i, v := range values {
		if want := keys[i] != "7"; (string(v) == "v") != want {
			t.Errorf("GetMany()[%d] = %q, want it read: %t", i, v, want)
		}
	}
	if err := s.Delete(t.Context(), keys...); err != nil {
		t.Errorf("Delete of %d keys in a cluster = %v, want nil", len(keys), err)
	}
	if values, err := s.GetMany(t.Context(), keys); err != nil || slices.ContainsFunc(values, func(v []byte) bool { return v != nil }) {
		t.Errorf("GetMany after Delete = %q, %v, want all absent", values, err)
	}
}

// calls has a call of every method.
var calls = map[string]func(ctx context.Context, s *redisstore.Store) error{
	"Get": func(ctx context.Context, s *redisstore.Store) error {
		_, _, err := s.Get(ctx, "k")
		return err
	},
	"Set":    func(ctx context.Context, s *redisstore.Store) error { return s.Set(ctx, "k", []byte("v"), time.Hour) },
	"Delete": func(ctx context.Context, s *redisstore.Store) error { return s.Delete(ctx, "k", "{k}") },
	"GetMany": func(ctx context.Context, s *redisstore.Store) error {
		_, err := s.GetMany(ctx, []string{"k", "{k}"})
		return err
	},
	"SetMany": func(ctx context.Context, s *redisstore.Store) error {
		return s.SetMany(ctx, []backend.Item{{Key: "k"}, {Key: "{k}"}})
	},
	"Add": func(ctx context.Context, s *redisstore.Store) error {
		_, _, err := s.Add(ctx, "k", []byte("v"), time.Hour)
		return err
	},
	"Replace": func(ctx context.Context, s *redisstore.Store) error {
		_, err := s.Replace(ctx, "k", []byte("v"), []byte("w"), time.Hour)
		return err
	},
	"Patch": func(ctx context.Context, s *redisstore.Store) error {
		_, err := s.Patch(ctx, "k", []byte("v"), []byte("w"))
		return err
	},
	"DeleteIf": func(ctx context.Context, s *redisstore.Store) error {
		_, err := s.DeleteIf(ctx, "k", []byte("v"))
		return err
	},
}

func wantPrefix(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("error = %v, want %s...", err, want)
	}
}

func closing(t *testing.T, rdb redis.UniversalClient) redis.UniversalClient {
	t.Cleanup(func() { _ = rdb.Close() })
	return rdb
}

func cancelled(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

// eventually polls f until it returns nil.
func eventually(t *testing.T, f func() error) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; {
		err := f()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("after %v: %v", patience, err)
		}
		<-time.After(poll)
	}
}

var errNothing = errors.New("nothing yet")

func TestLocateNamesTheClientAndTheKey(t *testing.T) {
	rdb := closing(t, redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"}))
	s, err := redisstore.New(rdb, redisstore.Config{})
	if err != nil {
		t.Fatalf("New() = %v, want nil", err)
	}
	if store, name, ok := backend.Locate(backend.Prefix(s, "p:"), "k"); store != rdb || name != "p:k" || !ok {
		t.Errorf("Locate(k) = %v, %q, %t, want the client, p:k, true", store, name, ok)
	}
}
