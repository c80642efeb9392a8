package tiercache_test

import (
	"crypto/rand"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tiercache/tiercache"
	"github.com/tiercache/tiercache/codec"
	"github.com/tiercache/tiercache/internal/redistest"
	"github.com/tiercache/tiercache/tier"
)

// faultRubbish starts a server that answers each connection as it is told, and returns its address.
func faultRubbish(t *testing.T, answer func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				answer(conn)
			}()
		}
	}()
	return l.Addr().String()
}

func TestServerThatTalksRubbish(t *testing.T) {
	for name, answer := range map[string]func(net.Conn){
		"RandomBytes": func(conn net.Conn) { _, _ = io.CopyN(conn, rand.Reader, 64<<10) },
		"HTTP":        func(conn net.Conn) { _, _ = io.WriteString(conn, "HTTP/1.1 400 Bad Request\r\n\r\n") },
		"HugeLength":  func(conn net.Conn) { _, _ = io.WriteString(conn, "$99999999999\r\nabc") },
		"Errors": func(conn net.Conn) {
			buf := make([]byte, 4<<10)
			for {
				if _, err := conn.Read(buf); err != nil {
					return
				}
				if _, err := io.WriteString(conn, "-ERR no\r\n"); err != nil {
					return
				}
			}
		},
		"Silence": func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) },
		"Hangup":  func(net.Conn) {},
	} {
		t.Run(name, func(t *testing.T) {
			r := newFaultRig(t, faultRubbish(t, answer), true)
			for range 2 {
				r.ask(t, "a")
				r.ask(t, "b")
			}
			if n := r.far().Errors; n == 0 || int64(n) != r.told.Load() {
				t.Errorf("%d errors counted and %d told, want the same number, not 0", n, r.told.Load())
			}
			if err := r.Set(t.Context(), "a", 2); err == nil || !strings.Contains(err.Error(), "tier remote: set: ") {
				t.Errorf("Set(a) = %v, want an error that names tier and operation", err)
			}
			writeGet(t, r.Cache, "a", 0)
		})
	}
}

// Somebody else writes to the keys of the cache.
func TestRecordsThatAreNone(t *testing.T) {
	server := redistest.Single(t)
	admin := faultClient(t, server.Addr())
	random := func(n int) func(key string) error {
		return func(key string) error {
			data := make([]byte, n)
			_, _ = rand.Read(data)
			return admin.Set(t.Context(), key, data, 0).Err()
		}
	}
	for name, test := range map[string]struct {
		overwrite func(key string) error
		repaired  bool // by the next load
	}{
		"RandomBytes": {random(200), true},
		"OneByte":     {random(1), true},
		"Empty":       {random(0), true},
		"CutOff":      {func(key string) error { return faultEdit(t, admin, key, func(b []byte) []byte { return b[:len(b)-1] }) }, true},
		"OneBitAtTheEnd": {func(key string) error {
			return faultEdit(t, admin, key, func(b []byte) []byte { b[len(b)-1] ^= 1; return b })
		}, true},
		"List": {func(key string) error { return admin.LPush(t.Context(), key, "v").Err() }, false},
		"Hash": {func(key string) error { return admin.HSet(t.Context(), key, "f", "v").Err() }, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := newFaultRig(t, server.Addr(), false)
			r.value.Store(1)
			writeSet(t, r.Cache, "k", 1)
			if !test.repaired {
				if err := admin.Del(t.Context(), "test:k").Err(); err != nil {
					t.Fatal(err)
				}
			}
			if err := test.overwrite("test:k"); err != nil {
				t.Fatalf("overwrite test:k: %v", err)
			}
			r.value.Store(2)
			r.ask(t, "k")
			r.ask(t, "k")
			far := r.far()
			if test.repaired {
				if far.Unreadable != 1 || far.Errors != 0 || r.calls.Load() != 1 {
					t.Errorf("%+v after %d loads, want one unreadable record, no error and one load", far, r.calls.Load())
				}
			} else if far.Errors == 0 || int64(far.Errors) != r.told.Load() || r.calls.Load() != 2 {
				t.Errorf("%+v, %d errors told and %d loads, want each error told, and a load each time", far, r.told.Load(), r.calls.Load())
			}
			writeSet(t, r.Cache, "k", 3) // takes its place, whatever it is
			writeGet(t, r.Cache, "k", 3)
		})
	}
}

// faultEdit changes the bytes that are stored under a key.
func faultEdit(t *testing.T, admin *redis.Client, key string, edit func([]byte) []byte) error {
	data, err := admin.Get(t.Context(), key).Bytes()
	if err != nil {
		return err
	}
	return admin.Set(t.Context(), key, edit(data), 0).Err()
}

func TestObserverIsToldOfUnreadableRecords(t *testing.T) {
	server := redistest.Single(t)
	problems := make(chan tier.Problem, 10)
	c := newCache(t, tiercache.Config[int64]{
		Tiers:    []tier.Tier[int64]{faultTier[int64](t, server.Addr(), codec.MsgPack{})},
		Observer: tiercache.Observer{Problem: func(p tier.Problem) { problems <- p }},
	})
	if err := faultClient(t, server.Addr()).Set(t.Context(), "test:k", "rubbish", 0).Err(); err != nil {
		t.Fatal(err)
	}
	writeGet(t, c, "k", 0)
	select {
	case p := <-problems:
		if p.Kind != tier.Unreadable || p.Tier != "remote" || p.Key != "k" || p.Err == nil {
			t.Errorf("Observer.Problem was told %+v, want an unreadable record under k", p)
		}
	case <-time.After(faultPatience):
		t.Error("Observer.Problem was told nothing")
	}
}
