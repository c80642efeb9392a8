package main

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/tiercache/tiercache"
)

func TestLogAndStatsTellWhatHappened(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var logged, printed bytes.Buffer
		if err := work(t.Context(), slog.New(slog.NewTextHandler(&logged, nil)), &printed); err != nil {
			t.Fatalf("work() = %v, want nil", err)
		}
		synctest.Wait() // hooks of tiers have a goroutine of their own
		for _, want := range []string{
			`level=WARN msg="load failed" key=42 took=0s error="database is down"`,
			`level=WARN msg="load failed" key=7 took=0s error="database is down"`,
			`level=WARN msg="tier problem" kind=unreadable tier=remote key=7`,
		} {
			if !strings.Contains(logged.String(), want) {
				t.Errorf("the log has no line with %s:\n%s", want, &logged)
			}
		}
		var s tiercache.Stats
		if err := json.Unmarshal(printed.Bytes(), &s); err != nil {
			t.Fatalf("work() printed %q: %v", &printed, err)
		}
		if s.Loads != 3 || s.LoadErrors != 2 || s.StaleServed != 1 || s.Tiers[1].Unreadable != 1 {
			t.Errorf("Stats() = %+v, want 3 loads, 2 of them failed, 1 stale value and 1 that is unreadable", s)
		}
	})
}
