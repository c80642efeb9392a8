package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"github.com/tiercache/tiercache/cmd/tiercache/internal/report"
)

// dyingRedis returns the address of a server that dies as soon as it has had so many commands.
func dyingRedis(t *testing.T, commands int) string {
	t.Helper()
	server := miniredis.RunT(t)
	dead := make(chan struct{})
	go func() {
		defer close(dead)
		for server.CommandCount() < commands {
			select {
			case <-time.After(time.Millisecond):
			case <-t.Context().Done():
				return
			}
		}
		server.Close()
	}()
	t.Cleanup(func() { <-dead })
	return server.Addr()
}

func TestARedisThatDiesIsReportedAndDoesNotEndTheReplay(t *testing.T) {
	t.Parallel()
	d := replayJSON(t, "-redis", dyingRedis(t, 400), "-duration", "1s", "-writes", "10%", "-load-time", "0s")
	r := d.Runs[0]
	if r.WriteErrors == 0 || r.OtherErrors == 0 || r.FirstError == "" {
		t.Errorf("%d failed writes, %d other errors, first %q, want some", r.WriteErrors, r.OtherErrors, r.FirstError)
	}
	if r.ReadErrors != 0 || r.Load.Reads == 0 {
		t.Errorf("%d failed reads, %d loaded ones, want none and some", r.ReadErrors, r.Load.Reads)
	}
	if sum := r.Near.Reads + r.Far.Reads + r.Load.Reads; sum != r.Reads {
		t.Errorf("near, far and loaded reads add up to %d, want %d", sum, r.Reads)
	}
	if last := d.Conclusion[len(d.Conclusion)-1]; !strings.HasPrefix(last, "Errors: 0 reads, ") {
		t.Errorf("conclusion ends with %q, want the errors", last)
	}
}

func TestAComparisonThatCannotGoOnReportsTheRunsThatWereMade(t *testing.T) {
	t.Parallel()
	var stdout, stderr bytes.Buffer
	status := run(t.Context(), []string{"replay", "-json", "-redis", dyingRedis(t, 400), "-duration", "2s", "-memory", "10,20"}, &stdout, &stderr)
	if status != 1 || !strings.Contains(stderr.String(), "the bus is not subscribed") || strings.Count(stderr.String(), "\n") != 1 {
		t.Errorf("status %d, stderr %q, want 1 and one line", status, &stderr)
	}
	var d report.Document
	if err := json.Unmarshal(stdout.Bytes(), &d); err != nil {
		t.Fatalf("the report is no JSON document: %v\n%s", err, &stdout)
	}
	if len(d.Runs) != 1 || d.Runs[0].Requests == 0 || !strings.Contains(d.Failed, "the bus is not subscribed") {
		t.Errorf("%d runs, failed = %q, want the first run", len(d.Runs), d.Failed)
	}
}
