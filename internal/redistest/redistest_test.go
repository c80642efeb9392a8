package redistest_test

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tiercache/tiercache/internal/redistest"
)

func TestServerStartsEmptyAndAnswers(t *testing.T) {
	rdb := redistest.Single(t).Client()
	if n, err := rdb.DBSize(t.Context()).Result(); n != 0 || err != nil {
		t.Errorf("DBSize() = %d, %v, want 0, nil", n, err)
	}
	if err := rdb.Set(t.Context(), "k", "v", 0).Err(); err != nil {
		t.Errorf("Set(k): %v", err)
	}
}

func TestRestartKeepsTheAddressAndLosesTheData(t *testing.T) {
	s := redistest.Single(t)
	addr := s.Addr()
	if err := s.Client().Set(t.Context(), "k", "v", 0).Err(); err != nil {
		t.Fatalf("Set(k): %v", err)
	}
	s.Stop()
	if conn, err := net.Dial("tcp", addr); err == nil {
		conn.Close()
		t.Errorf("Dial(%s) succeeds after Stop", addr)
	}
	s.Stop() // does nothing
	s.Restart()
	if s.Addr() != addr {
		t.Errorf("Addr() = %s after Restart, want %s", s.Addr(), addr)
	}
	if err := s.Client().Get(t.Context(), "k").Err(); err != redis.Nil {
		t.Errorf("Get(k) after Restart: %v, want redis.Nil", err)
	}
	s.Restart() // of a running server
	if err := s.Client().Ping(t.Context()).Err(); err != nil {
		t.Errorf("Ping after the second Restart: %v", err)
	}
}

func TestPausedServerIsSilentUntilResumed(t *testing.T) {
	s := redistest.Single(t)
	rdb := s.Client(redistest.WithContextTimeout)
	if err := rdb.Ping(t.Context()).Err(); err != nil {
		t.Fatalf("Ping: %v", err)
	}
	s.Pause()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	var timeout net.Error
	if err := rdb.Ping(ctx).Err(); !errors.Is(err, context.DeadlineExceeded) && (!errors.As(err, &timeout) || !timeout.Timeout()) {
		t.Errorf("Ping of a paused server: %v, want a timeout", err)
	}
	s.Resume()
	if err := rdb.Ping(t.Context()).Err(); err != nil {
		t.Errorf("Ping after Resume: %v", err)
	}
}

func TestPausedServerEndsWithItsTest(t *testing.T) {
	var addr string
	t.Run("pause", func(t *testing.T) {
		s := redistest.Single(t)
		addr = s.Addr()
		s.Pause()
	})
	if addr == "" {
		t.Skip("the subtest was skipped")
	}
	if conn, err := net.Dial("tcp", addr); err == nil {
		conn.Close()
		t.Errorf("Dial(%s) succeeds after the end of the test", addr)
	}
}

func TestClusterServesEverySlotFromThreeMasters(t *testing.T) {
	c := redistest.Cluster(t)
	if got := len(c.Addrs()); got != 3 || len(c.Nodes()) != 3 {
		t.Fatalf("%d addresses and %d nodes, want 3 and 3", got, len(c.Nodes()))
	}
	rdb := c.Client()
	// These three keys belong to the first, the second and the third of the slots.
	for _, key := range []string{"b", "c", "a"} {
		if err := rdb.Set(t.Context(), key, key, 0).Err(); err != nil {
			t.Errorf("Set(%q): %v", key, err)
		}
	}
	for _, n := range c.Nodes() {
		if got, err := n.Client().DBSize(t.Context()).Result(); got != 1 || err != nil {
			t.Errorf("DBSize() of %s = %d, %v, want 1, nil", n.Addr(), got, err)
		}
	}
}

func TestRestartedClusterNodeFindsItsPlace(t *testing.T) {
	c := redistest.Cluster(t)
	c.Nodes()[0].Restart()
	shards, err := c.Nodes()[0].Client().ClusterShards(t.Context()).Result()
	if err != nil || len(shards) != 3 {
		t.Errorf("ClusterShards() = %v, %v, want three shards", shards, err)
	}
	for _, shard := range shards {
		if len(shard.Slots) != 1 {
			t.Errorf("ClusterShards() has a shard with the slots %v, want one range", shard.Slots)
		}
	}
}

func TestSentinelReplacesADeadMaster(t *testing.T) {
	s := redistest.Sentinel(t)
	rdb := s.Client()
	if err := rdb.Set(t.Context(), "k", "v", 0).Err(); err != nil {
		t.Fatalf("Set(k): %v", err)
	}
	if n, err := rdb.Wait(t.Context(), 1, 5*time.Second).Result(); n != 1 || err != nil {
		t.Fatalf("Wait() = %d, %v, want 1, nil", n, err)
	}
	s.Master().Stop()
	deadline := time.Now().Add(30 * time.Second)
	for {
		err := rdb.Set(t.Context(), "k", "w", 0).Err()
		if err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("Set(k) after the failover: %v", err)
		}
		time.Sleep(20 * time.Millisecond)
	}
	if got, err := s.Replica().Client().Get(t.Context(), "k").Result(); got != "w" || err != nil {
		t.Errorf("Get(k) from the former replica = %q, %v, want w", got, err)
	}
}

func TestMiniAnswers(t *testing.T) {
	m, rdb := redistest.Mini(t)
	if err := rdb.Set(t.Context(), "k", "v", 0).Err(); err != nil {
		t.Fatalf("Set(k): %v", err)
	}
	if got, err := m.Get("k"); got != "v" || err != nil {
		t.Errorf("Get(k) = %q, %v, want v, nil", got, err)
	}
}

// The two tests below look at the end of another test, which only another process can survive.

func TestWithoutRedisTestsAreSkipped(t *testing.T) {
	out, err := runWithoutRedis(t)
	if err != nil || !strings.Contains(out, "--- SKIP") || !strings.Contains(out, "install Redis") {
		t.Errorf("test without redis-server: %v, want a skip that says why; it wrote:\n%s", err, out)
	}
}

func TestWithoutRequiredRedisTestsFail(t *testing.T) {
	out, err := runWithoutRedis(t, "TIERCACHE_REQUIRE_REDIS=1")
	if err == nil || !strings.Contains(out, "TIERCACHE_REQUIRE_REDIS is set") {
		t.Errorf("test without a required redis-server: %v, want a failure that says why; it wrote:\n%s", err, out)
	}
}

// runWithoutRedis runs a test of this binary where no redis-server can be found.
func runWithoutRedis(t *testing.T, env ...string) (output string, err error) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, "-test.v", "-test.run=^TestServerStartsEmptyAndAnswers$")
	cmd.Env = append(env, "PATH="+t.TempDir())
	out, err := cmd.CombinedOutput()
	return string(out), err
}
