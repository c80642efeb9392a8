package main

import (
	"context"
	"os"
	"testing"

	"github.com/tiercache/tiercache/backend"
	"github.com/tiercache/tiercache/backend/backendtest"
)

func TestDirConforms(t *testing.T) {
	open := func(t *testing.T) backend.Backend { return Dir(t.TempDir()) }
	backendtest.Test(t, open, backendtest.Options{Bubble: true})
}

func Example() {
	dir, err := os.MkdirTemp("", "tiercache-*")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	for range 2 {
		if err := greet(context.Background(), dir, os.Stdout); err != nil {
			panic(err)
		}
	}
	// Output:
	// hello, world: 1 loaded, 0 found on disk
	// hello, world: 0 loaded, 1 found on disk
}
