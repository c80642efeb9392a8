package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestAPageAppearsOnlyWhenItIsKept(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "report.html")
	files := func() (names []string) {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			names = append(names, e.Name())
		}
		return names
	}
	dropped, err := createPage(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(name); err == nil {
		t.Error("the page is there before it is kept")
	}
	dropped.discard()
	if got := files(); len(got) != 0 {
		t.Errorf("files after discard = %q, want none", got)
	}

	kept, err := createPage(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := kept.keep(); err != nil {
		t.Fatal(err)
	}
	kept.discard()
	if got := files(); len(got) != 1 || got[0] != "report.html" {
		t.Errorf("files after keep = %q, want the page", got)
	}
}
