package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
)

// TestMain lets the test binary be the program, for tests that need a process of its own.
func TestMain(m *testing.M) {
	if os.Getenv("TIERCACHE_MAIN") != "" {
		main()
	}
	redis.SetLogger(silence{})
	os.Exit(m.Run())
}

// process returns the program with its arguments, not started.
func process(stdout, stderr io.Writer, args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), "TIERCACHE_MAIN=1")
	cmd.Stdout, cmd.Stderr = stdout, stderr
	return cmd
}

func TestTheLibrariesDoNotWriteToStderr(t *testing.T) {
	var stdout, stderr bytes.Buffer
	cmd := process(&stdout, &stderr, "replay", "-redis", "127.0.0.1:1")
	_ = cmd.Run()
	if got := cmd.ProcessState.ExitCode(); got != 2 || stdout.Len() > 0 {
		t.Errorf("status %d, stdout %q, want 2 and nothing", got, &stdout)
	}
	if s := stderr.String(); strings.Count(s, "\n") != 1 || !strings.HasPrefix(s, "tiercache: replay: redis at 127.0.0.1:1: ") {
		t.Errorf("stderr = %q, want one line", s)
	}
}
