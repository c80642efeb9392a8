package harness

import (
	"fmt"
	"regexp"
	"slices"
	"testing"

	"github.com/tiercache/tiercache/faults/internal/instance"
	"github.com/tiercache/tiercache/faults/internal/servers"
)

// plan returns what the lanes of cfg do first.
func plan(cfg Config) []string {
	var steps []string
	for _, l := range newLanes(cfg) {
		for range 2 * len(l.Faults) {
			pause, f, chance := l.next()
			steps = append(steps, fmt.Sprint(l.Name, pause, f.Name, chance.Uint64()))
		}
	}
	return steps
}

func TestSeedChoosesTheFaults(t *testing.T) {
	for _, topology := range servers.All {
		cfg := Config{Topology: topology, Seed: 1, Rollbacks: true}
		first := plan(cfg)
		if !slices.Equal(first, plan(cfg)) {
			t.Errorf("%s: two plans of one seed differ", topology)
		}
		cfg.Seed = 2
		if slices.Equal(first, plan(cfg)) {
			t.Errorf("%s: two seeds have the same plan", topology)
		}
	}
}

func TestEveryFaultComesBeforeAnyIsRepeated(t *testing.T) {
	for _, topology := range servers.All {
		for _, l := range newLanes(Config{Topology: topology, Rollbacks: true}) {
			for round := range 3 {
				seen := make(map[string]bool)
				for range l.Faults {
					_, f, _ := l.next()
					seen[f.Name] = true
				}
				if len(seen) != len(l.Faults) {
					t.Errorf("%s, %s, round %d: %d of %d faults came", topology, l.Name, round, len(seen), len(l.Faults))
				}
			}
		}
	}
}

func TestFaultsCanBeLeftOut(t *testing.T) {
	names := func(cfg Config) (found []string) {
		for _, l := range newLanes(cfg) {
			for _, f := range l.Faults {
				found = append(found, f.Name)
			}
		}
		return found
	}
	all := names(Config{Topology: servers.Cluster, Rollbacks: true})
	strict := names(Config{Topology: servers.Cluster})
	plain := names(Config{Topology: servers.Cluster, Rollbacks: true, Mode: instance.Plain})
	if len(strict) >= len(all) || len(strict) == 0 || slices.Contains(strict, "CLUSTER FAILOVER TAKEOVER") {
		t.Errorf("without rollbacks %q are left", strict)
	}
	if len(plain) >= len(all) || slices.Contains(plain, "rubbish in records") {
		t.Errorf("the plain cache gets %q", plain)
	}
	if got := names(Config{Topology: servers.Cluster, Only: regexp.MustCompile("^FLUSHALL$")}); !slices.Equal(got, []string{"FLUSHALL"}) {
		t.Errorf("only FLUSHALL is %q", got)
	}
}
