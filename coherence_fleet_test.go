package tiercache_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tiercache/tiercache/internal/redistest"
	"github.com/tiercache/tiercache/invalidate"
)

// An event that was lost is in the log, where the next poll finds it.
func TestLostEventDropsItsPartition(t *testing.T) {
	server := redistest.Single(t)
	a, b := newCoherenceNode(t, server.Addr()), newCoherenceNode(t, server.Addr())
	admin := server.Client()
	b.value.Store(1)
	for _, key := range []string{"stays", "changes"} {
		b.ask(t, key, 1)
	}
	hits := b.nearHits()
	b.ask(t, "stays", 1)
	if b.nearHits() != hits+1 {
		t.Fatal("B does not keep the value in memory")
	}
	// The key is deleted and the event entered into the log, but not sent.
	if err := admin.Del(t.Context(), "test:changes").Err(); err != nil {
		t.Fatal(err)
	}
	drops := b.Stats().PartitionDrops
	log := fmt.Sprintf("tiercache:events:{%d}", invalidate.Partition("test", "changes"))
	if err := errors.Join(admin.HIncrBy(t.Context(), log, "n", 1).Err(), admin.HSet(t.Context(), log, "x", "0123456789abcdef").Err()); err != nil {
		t.Fatal(err)
	}
	faultEventually(t, "a poll finds what is missing", func() bool { return b.Stats().PartitionDrops == drops+1 })
	b.value.Store(2)
	loads := b.calls.Load()
	b.ask(t, "changes", 2)
	b.ask(t, "stays", 1)
	if n := b.calls.Load() - loads; n != 1 {
		t.Errorf("%d loads after the event was lost, want 1: the other key is as good as before", n)
	}
	writeSet(t, a.Cache, "stays", 3) // and events come again
	faultEventually(t, "B follows a Set", func() bool {
		got, _, _ := b.Get(t.Context(), "stays")
		return got == 3
	})
}

func TestLoadsAndWritesGoOnAfterFlushAll(t *testing.T) {
	coherenceServers(t, func(t *testing.T, addr string, admin *redis.Client) {
		a, b := newCoherenceNode(t, addr), newCoherenceNode(t, addr)
		writeSet(t, a.Cache, "old", 1)
		if err := admin.FlushAll(t.Context()).Err(); err != nil {
			t.Fatalf("FLUSHALL = %v, want nil", err)
		}
		b.value.Store(2)
		b.ask(t, "old", 2)
		// What is stored under the generation that was lost counts as a miss later on, for a second at most.
		faultEventually(t, "values are shared again", func() bool {
			writeSet(t, a.Cache, "k", 3)
			got, _, err := newCoherenceNode(t, addr).Get(t.Context(), "k")
			if err != nil {
				t.Fatalf("Get(k) = %v, want nil", err)
			}
			return got == 3
		})
	})
}

func TestOwnEventsThatComeBackEvictNothing(t *testing.T) {
	coherenceServers(t, func(t *testing.T, addr string, _ *redis.Client) {
		a := newCoherenceNode(t, addr)
		for i := range int64(10) {
			writeSet(t, a.Cache, "k", i+1)
			faultEventually(t, "the event comes back", func() bool { return a.Stats().Echoes == uint64(i+1) })
			hits := a.nearHits()
			writeGet(t, a.Cache, "k", i+1)
			if n := a.nearHits() - hits; n != 1 {
				t.Errorf("%d hits of the near tier after the event of Set(k, %d) has come back, want 1", n, i+1)
			}
		}
		if s := a.Stats(); s.Published != 10 || s.Invalidated != 0 {
			t.Errorf("Stats() = %+v, want 10 events published and nothing invalidated", s)
		}
	})
}

func TestAFleetLoadsAKeyOnce(t *testing.T) {
	coherenceServers(t, func(t *testing.T, addr string, _ *redis.Client) {
		const instances, callers = 4, 50
		var nodes []*coherenceNode
		for range instances {
			nodes = append(nodes, newCoherenceNode(t, addr))
		}
		var loads atomic.Int64
		load := func(context.Context, string) (int64, error) {
			time.Sleep(20 * time.Millisecond) // it takes a while, as loads do
			return loads.Add(1), nil
		}
		for _, key := range []string{"a", "b", "c"} {
			loads.Store(0)
			var wg sync.WaitGroup
			for i := range instances * callers {
				wg.Go(func() {
					if got, err := nodes[i%instances].GetOrLoad(t.Context(), key, load); got != 1 || err != nil {
						t.Errorf("GetOrLoad(%q) = %v, %v, want 1, nil", key, got, err)
					}
				})
			}
			wg.Wait()
			if n := loads.Load(); n != 1 {
				t.Errorf("%d loads of %q in the fleet, want 1", n, key)
			}
		}
		var waits, counted uint64
		for _, n := range nodes {
			waits += n.Stats().LeaseWaits
			counted += n.Stats().Loads
		}
		if waits == 0 || waits > 3*(instances-1) || counted != 3 {
			t.Errorf("%d loads counted and %d waits for a lease, want 3, and a wait for each of the other instances", counted, waits)
		}
	})
}

// The instance that has the lease fails; another one takes over at once.
func TestALoadThatFailsPassesTheLeaseOn(t *testing.T) {
	coherenceServers(t, func(t *testing.T, addr string, _ *redis.Client) {
		a, b := newCoherenceNode(t, addr), newCoherenceNode(t, addr)
		b.value.Store(2)
		loading, release := make(chan struct{}), make(chan struct{})
		failed := errors.New("source is down")
		done := make(chan error, 1)
		go func() {
			_, err := a.GetOrLoad(t.Context(), "k", func(context.Context, string) (int64, error) {
				close(loading)
				<-release
				return 0, failed
			})
			done <- err
		}()
		<-loading
		go func() {
			for b.Stats().LeaseWaits == 0 {
				time.Sleep(time.Millisecond)
			}
			close(release)
		}()
		began := time.Now()
		b.ask(t, "k", 2)
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("GetOrLoad(k) at B took %v, want it soon after the load at A has failed", took)
		}
		if err := <-done; !errors.Is(err, failed) {
			t.Errorf("GetOrLoad(k) at A = %v, want %v", err, failed)
		}
		a.ask(t, "k", 2)
	})
}
