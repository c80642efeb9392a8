package main

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/tiercache/tiercache/faults/internal/instance"
)

// TestMain lets the test binary be an instance, as the program can be.
func TestMain(m *testing.M) {
	if os.Getenv(instance.Env) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// needRedis skips the test where there is no Redis, unless one is required.
func needRedis(t *testing.T) {
	for _, name := range []string{"redis-server", "redis-cli"} {
		if _, err := exec.LookPath(name); err == nil {
			continue
		}
		if os.Getenv("TIERCACHE_REQUIRE_REDIS") != "" {
			t.Fatalf("TIERCACHE_REQUIRE_REDIS is set, but there is no %s", name)
		}
		t.Skipf("no %s on PATH", name)
	}
}

// faults runs the program.
func faults(t *testing.T, args ...string) (table string, err error) {
	t.Helper()
	if testing.Short() {
		t.Skip("it takes a while, and the whole machine")
	}
	needRedis(t)
	var stdout, stderr bytes.Buffer
	err = run(t.Context(), args, &stdout, &stderr)
	if err != nil || testing.Verbose() {
		t.Logf("%s\n%s", &stdout, &stderr)
	}
	return stdout.String(), err
}

func TestContractHoldsOverASingleServer(t *testing.T) {
	table, err := faults(t, "-for", "20s", "-seed", "3", "-instances", "4", "-reads", "2000")
	if err != nil {
		t.Errorf("faults: %v", err)
	}
	if !strings.Contains(table, "| **reads beyond the bound** | 0 |") {
		t.Errorf("no row says that no read was beyond the bound in:\n%s", table)
	}
}

func TestContractHoldsOverACluster(t *testing.T) {
	if _, err := faults(t, "-for", "20s", "-seed", "4", "-instances", "4", "-reads", "2000", "-topology", "cluster"); err != nil {
		t.Errorf("faults: %v", err)
	}
}

func TestBaselineIsFoundWanting(t *testing.T) {
	_, err := faults(t, "-for", "10s", "-instances", "4", "-reads", "2000", "-mode", "plain", "-faults", "silence|killed|instance")
	if err != nil {
		t.Errorf("faults: %v", err)
	}
}

// A harness that always says yes would pass the tests above.
func TestBrokenPromiseIsAnError(t *testing.T) {
	_, err := faults(t, "-for", "3s", "-instances", "3", "-reads", "500", "-mode", "plain", "-faults", "SCRIPT FLUSH")
	if err == nil || !strings.Contains(err.Error(), "of the reads beyond the bound") {
		t.Errorf("faults: %v, want an error that says that the baseline was not found wanting", err)
	}
}

func TestBadCommandLineIsAnError(t *testing.T) {
	for _, line := range []string{
		"-topology ring", "-mode none", "-instances 0", "-for 0s", "-bound 1ms", "-reads 0", "-writes -1", "-faults (", "more", "-unknown",
	} {
		var out bytes.Buffer
		if err := run(t.Context(), strings.Fields(line), &out, &out); err == nil {
			t.Errorf("run(%q) succeeds", line)
		}
	}
}
