package backend_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiercache/tiercache/backend"
	"github.com/tiercache/tiercache/backend/backendtest"
)

func TestMemoryConforms(t *testing.T) {
	open := func(*testing.T) backend.Backend { return backend.NewMemory() }
	backendtest.Test(t, open, backendtest.Options{Bubble: true})
}

func TestMemoryConformsInRealTime(t *testing.T) {
	open := func(*testing.T) backend.Backend { return backend.NewMemory() }
	backendtest.Test(t, open, backendtest.Options{})
}

func TestMemoryExpiresExactlyAtTheTTL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := backend.NewMemory()
		if err := m.Set(t.Context(), "k", nil, time.Second); err != nil {
			t.Fatalf("Set() = %v, want nil", err)
		}
		time.Sleep(time.Second - time.Nanosecond)
		if _, ok, err := m.Get(t.Context(), "k"); !ok || err != nil {
			t.Errorf("Get 1 ns before the end of the ttl = _, %t, %v, want true, nil", ok, err)
		}
		time.Sleep(time.Nanosecond)
		if _, ok, err := m.Get(t.Context(), "k"); ok || err != nil {
			t.Errorf("Get at the end of the ttl = _, %t, %v, want false, nil", ok, err)
		}
		if n := m.Len(); n != 0 {
			t.Errorf("Len() after an expired value was asked for = %d, want 0", n)
		}
	})
}

func TestWritesToMemorySweepExpiredValues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, n := backend.NewMemory(), 10000
		for i := range n {
			if err := m.Set(t.Context(), fmt.Sprint(i), nil, time.Second); err != nil {
				t.Fatalf("Set() = %v, want nil", err)
			}
		}
		if got := m.Len(); got != n {
			t.Errorf("Len() = %d, want %d", got, n)
		}
		time.Sleep(time.Second)
		for range n {
			if err := m.Set(t.Context(), "k", nil, 0); err != nil {
				t.Fatalf("Set() = %v, want nil", err)
			}
		}
		if got := m.Len(); got > n/2 {
			t.Errorf("Len() after %d values have expired and %d were written = %d, want far less", n, n, got)
		}
		if _, ok, err := m.Get(t.Context(), "k"); !ok || err != nil {
			t.Errorf("Get of a value that does not expire = _, %t, %v, want true, nil", ok, err)
		}
	})
}

func TestErrorsOfMemoryNameTheOperationAndTheKey(t *testing.T) {
	m := backend.NewMemory()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, err := m.Get(ctx, "k")
	if want := `backend: get "k" in memory: `; err == nil || !strings.HasPrefix(err.Error(), want) || !errors.Is(err, context.Canceled) {
		t.Errorf("Get with a cancelled context = %v, want %s... that is context.Canceled", err, want)
	}
	err = m.SetMany(t.Context(), []backend.Item{{Key: "good"}, {Key: "bad", TTL: -1}})
	if want := `backend: set "bad" in memory: negative ttl -1ns`; err == nil || err.Error() != want {
		t.Errorf("SetMany with a negative ttl = %v, want %s", err, want)
	}
	if n := m.Len(); n != 0 {
		t.Errorf("Len() after a SetMany that failed = %d, want 0", n)
	}
}
