package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/tiercache/tiercache"
	"github.com/tiercache/tiercache/layered"
)

// start starts an instance over the Redis at addr and the notes in dir.
func start(t *testing.T, addr, dir string) (http.Handler, *tiercache.Cache[string]) {
	t.Helper()
	rdb := redis.NewClient(&redis.Options{Addr: addr})
	t.Cleanup(func() { rdb.Close() })
	layers := layered.New(rdb)
	t.Cleanup(func() { layers.Close() })
	notes, err := layered.Cache[string](layers, "notes", tiercache.Standard())
	if err != nil {
		t.Fatalf("Cache() = %v, want nil", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	return newServer(notes, root), notes
}

// do sends a request and returns the status and the body of the response.
func do(h http.Handler, method, path, body string) (int, string) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
	return w.Code, w.Body.String()
}

// eventually fails the test if ok does not become true.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within 10 s", what)
		}
		<-time.After(time.Millisecond)
	}
}

func TestWhatOneInstanceWritesTheOtherForgets(t *testing.T) {
	redisAddr, dir := miniredis.RunT(t).Addr(), t.TempDir()
	a, _ := start(t, redisAddr, dir)
	b, notes := start(t, redisAddr, dir)
	eventually(t, "the second instance hears the first", func() bool { return notes.Stats().PartitionDrops > 0 })

	const path = "/notes/todo"
	if status, _ := do(b, "GET", path, ""); status != http.StatusNotFound {
		t.Errorf("GET of a note that is not there = %d, want 404", status)
	}
	for _, text := range []string{"buy milk", "buy bread"} {
		before := notes.Stats().Invalidated
		if status, body := do(a, "PUT", path, text); status != http.StatusNoContent {
			t.Fatalf("PUT = %d %q, want 204", status, body)
		}
		eventually(t, "the event arrives", func() bool { return notes.Stats().Invalidated > before })
		for range 2 {
			if status, body := do(b, "GET", path, ""); status != http.StatusOK || body != text+"\n" {
				t.Errorf("GET = %d %q, want 200 %q", status, body, text+"\n")
			}
		}
	}
}

func TestNamesDoNotLeadOutOfTheDirectory(t *testing.T) {
	a, _ := start(t, miniredis.RunT(t).Addr(), t.TempDir())
	if status, body := do(a, "PUT", "/notes/..%2Fescaped", "x"); status != http.StatusInternalServerError {
		t.Errorf("PUT of ../escaped = %d %q, want 500", status, body)
	}
}
