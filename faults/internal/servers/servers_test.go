package servers_test

import (
	"os"
	"os/exec"
	"testing"

	"github.com/tiercache/tiercache/faults/internal/servers"
)

// needRedis skips the test where there is no redis-server, unless one is required.
func needRedis(t *testing.T) {
	if _, err := exec.LookPath("redis-server"); err == nil {
		return
	}
	if os.Getenv("TIERCACHE_REQUIRE_REDIS") != "" {
		t.Fatal("TIERCACHE_REQUIRE_REDIS is set, but there is no redis-server")
	}
	t.Skip("no redis-server on PATH")
}

func TestEveryTopologySettlesAndKeepsItsDataOverAKill(t *testing.T) {
	needRedis(t)
	for _, topology := range servers.All {
		t.Run(string(topology), func(t *testing.T) {
			f, err := servers.Start(t.Context(), topology, t.TempDir())
			if err != nil {
				t.Fatalf("Start(%s): %v", topology, err)
			}
			defer f.Close()
			masters, err := f.Masters(t.Context())
			if err != nil {
				t.Fatalf("Masters: %v", err)
			}
			m := masters[len(masters)-1]
			const key = "a" // its slot belongs to the last master of a cluster
			if err := m.Admin.Set(t.Context(), key, "v", 0).Err(); err != nil {
				t.Fatalf("Set(%s): %v", key, err)
			}
			if err := m.Restart(); err != nil {
				t.Fatalf("Restart: %v", err)
			}
			if err := f.Settle(t.Context()); err != nil {
				t.Errorf("Settle: %v", err)
			}
			if got, err := m.Admin.Get(t.Context(), key).Result(); got != "v" || err != nil {
				t.Errorf("Get(%s) = %q, %v after a kill, want v", key, got, err)
			}
		})
	}
}
