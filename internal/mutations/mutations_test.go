package main

import (
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The full run takes minutes. This much of it shows with each change that the guards are where the table says.
func TestEveryGuardIsFoundAndItsMutantIsGo(t *testing.T) {
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range mutations {
		mutant, err := m.mutate(root)
		if err != nil {
			t.Errorf("%s: %v", m.guard, err)
			continue
		}
		if _, err := parser.ParseFile(token.NewFileSet(), m.file, mutant, parser.SkipObjectResolution); err != nil {
			t.Errorf("%s: the mutant is no Go: %v", m.guard, err)
		}
	}
}

func TestThePageHasTheTable(t *testing.T) {
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(root, "docs", "consistency.md"))
	if err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	table.WriteString(tableHead)
	for _, m := range mutations {
		table.WriteString(m.row())
	}
	if !strings.Contains(string(page), table.String()) {
		t.Error("docs/consistency.md does not have the table that go run ./internal/mutations -list prints")
	}
}

func TestEveryGuardIsNamedOnce(t *testing.T) {
	var names []string
	for _, m := range mutations {
		if m.guard == "" || m.off == "" || m.test == "" {
			t.Errorf("%+v lacks a text", m)
		}
		names = append(names, m.guard)
	}
	slices.Sort(names)
	if len(slices.Compact(slices.Clone(names))) != len(names) {
		t.Errorf("two guards have one name: %q", names)
	}
}

func TestARunIsJudgedByWhatTheTestSays(t *testing.T) {
	failure := exec.Command("go", "no-such-command").Run()
	m := mutation{pkg: ".", test: "TestX"}
	for _, tc := range []struct {
		what, output string
		err          error
		want         string // part of the error; empty: noticed
	}{
		{"fails", "=== RUN   TestX\n--- FAIL: TestX (0.00s)\nFAIL\n", failure, ""},
		{"hangs", "=== RUN   TestX\npanic: test timed out after 2m0s\n", failure, ""},
		{"passes", "=== RUN   TestX\n--- PASS: TestX (0.00s)\nok\n", nil, "does not notice"},
		{"does not compile", "./x.go:1: undefined: y\nFAIL [build failed]\n", failure, "did not run"},
		{"is not there", "testing: warning: no tests to run\nPASS\n", nil, "did not run"},
	} {
		err := m.verdict(tc.output, tc.err)
		if got := ""; err != nil {
			got = err.Error()
			if tc.want == "" || !strings.Contains(got, tc.want) {
				t.Errorf("a test that %s: %q, want %q", tc.what, got, tc.want)
			}
		} else if tc.want != "" {
			t.Errorf("a test that %s was taken for one that notices", tc.what)
		}
	}
}
