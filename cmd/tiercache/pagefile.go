package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// A pageFile is a file that appears under its name when it is complete. It is made before the first run, so that a
// directory that cannot be written to is noticed then. A nil pageFile stands for none.
type pageFile struct {
	name string
	temp *os.File
}

// createPage returns a file for name, or nil if name is empty.
func createPage(name string) (*pageFile, error) {
	if name == "" {
		return nil, nil
	}
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		return nil, fmt.Errorf("-html: %s is a directory", name)
	}
	temp, err := os.CreateTemp(filepath.Dir(name), ".replay-*.html")
	if err != nil {
		return nil, fmt.Errorf("-html: %w", err)
	}
	return &pageFile{name, temp}, nil
}

// keep gives the file its name.
func (p *pageFile) keep() error {
	if err := errors.Join(p.temp.Chmod(0o644), p.temp.Close()); err != nil {
		return err
	}
	return os.Rename(p.temp.Name(), p.name)
}

// discard removes what has not been kept.
func (p *pageFile) discard() {
	if p == nil {
		return
	}
	p.temp.Close()
	os.Remove(p.temp.Name()) // not there after keep
}
