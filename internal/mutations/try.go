package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// A mutation is a guard that is switched off.
type mutation struct {
	guard, off string // what it is for, and what becomes of it
	file       string // slash-separated, from the root of the module
	old, new   string // old is in the file exactly once
	pkg, test  string // the test has to fail
}

// moduleRoot returns the directory of go.mod.
func moduleRoot() (string, error) {
	out, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return "", err
	}
	mod := strings.TrimSpace(string(out))
	if mod == "" || mod == os.DevNull {
		return "", errors.New("not in a module")
	}
	return filepath.Dir(mod), nil
}

// mutate returns the file with the guard switched off.
func (m mutation) mutate(root string) ([]byte, error) {
	source, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(m.file)))
	if err != nil {
		return nil, err
	}
	if n := strings.Count(string(source), m.old); n != 1 {
		return nil, fmt.Errorf("%s has %q %d times, want once", m.file, m.old, n)
	}
	return []byte(strings.Replace(string(source), m.old, m.new, 1)), nil
}

// try runs the test without the guard. It returns an error if the test does not notice, or cannot be run.
func (m mutation) try(root string, details io.Writer) error {
	mutant, err := m.mutate(root)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "mutation")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	replaced := filepath.Join(dir, "mutant.go")
	if err := os.WriteFile(replaced, mutant, 0o600); err != nil {
		return err
	}
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(root, filepath.FromSlash(m.file)): replaced}})
	if err != nil {
		return err
	}
	overlayFile := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(overlayFile, overlay, 0o600); err != nil {
		return err
	}
	cmd := exec.Command("go", "test", "-overlay", overlayFile, "-vet=off", "-ldflags=-s -w", "-count=1", "-timeout=120s", "-v", "-run", "^"+m.test+"$", m.pkg)
	cmd.Dir = root
	output, err := cmd.CombinedOutput()
	fmt.Fprintf(details, "%s\n%s\n", m.guard, output)
	return m.verdict(string(output), err)
}

// verdict judges a run: a test that fails has noticed, and so has one that hangs until it is stopped or takes the process down.
func (m mutation) verdict(output string, err error) error {
	var exit *exec.ExitError
	switch {
	case err != nil && !errors.As(err, &exit):
		return err
	case !strings.Contains(output, "=== RUN   "+m.test+"\n"):
		return fmt.Errorf("%s in %s did not run:\n%s", m.test, m.pkg, output)
	case err == nil:
		return fmt.Errorf("%s in %s does not notice", m.test, m.pkg)
	}
	return nil
}
