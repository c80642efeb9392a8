//go:build unix

package main

import (
	"bytes"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestASignalEndsTheReplayWithAReport(t *testing.T) {
	for _, sig := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		t.Run(sig.String(), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			var stdout, stderr bytes.Buffer
			cmd := process(&stdout, &stderr, "replay", "-duration", "1h", "-html", dir+"/report.html")
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			defer cmd.Process.Kill()
			// The temporary file of the page is made after signals are caught.
			for deadline := time.Now().Add(10 * time.Second); ; {
				if files, _ := os.ReadDir(dir); len(files) > 0 {
					break
				}
				if time.Now().After(deadline) {
					t.Fatal("the replay does not start")
				}
				time.Sleep(5 * time.Millisecond)
			}
			if err := cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait()
			if got := cmd.ProcessState.ExitCode(); got != 130 {
				t.Errorf("status = %d (%v), want 130", got, cmd.ProcessState)
			}
			if !strings.Contains(stdout.String(), "Interrupted") || stderr.Len() > 0 {
				t.Errorf("stdout = %q, stderr = %q, want a report and nothing", &stdout, &stderr)
			}
			if files, _ := os.ReadDir(dir); len(files) != 1 || files[0].Name() != "report.html" {
				t.Errorf("files = %v, want the page", files)
			}
		})
	}
}
