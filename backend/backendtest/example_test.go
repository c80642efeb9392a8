package backendtest_test

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/tiercache/tiercache/backend"
	"github.com/tiercache/tiercache/backend/backendtest"
)

// A shelf is a whole backend: three methods around a sync.Map.
type shelf struct{ entries sync.Map } // of string to *parcel

type parcel struct {
	value   []byte
	expires time.Time // zero: never
}

func (s *shelf) Get(ctx context.Context, key string) ([]byte, bool, error) {
	e, ok := s.entries.Load(key)
	if !ok || ctx.Err() != nil {
		return nil, false, ctx.Err()
	}
	p := e.(*parcel)
	if !p.expires.IsZero() && !time.Now().Before(p.expires) {
		s.entries.CompareAndDelete(key, e)
		return nil, false, nil
	}
	return bytes.Clone(p.value), true, nil
}

func (s *shelf) Set(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	if ttl < 0 {
		return fmt.Errorf("shelf: set %q: negative ttl %v", key, ttl)
	}
	p := &parcel{value: bytes.Clone(value)}
	if ttl > 0 {
		p.expires = time.Now().Add(ttl)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	s.entries.Store(key, p)
	return nil
}

func (s *shelf) Delete(ctx context.Context, keys ...string) error {
	for _, key := range keys {
		s.entries.Delete(key)
	}
	return ctx.Err()
}

func TestThreeMethodsAreEnough(t *testing.T) {
	open := func(*testing.T) backend.Backend { return new(shelf) }
	backendtest.Test(t, open, backendtest.Options{Bubble: true})
}

// In the test of an implementation of your own this is the body of a TestConformance.
func ExampleTest() {
	_ = func(t *testing.T) {
		open := func(*testing.T) backend.Backend { return new(shelf) }
		backendtest.Test(t, open, backendtest.Options{Bubble: true})
	}
	// Output:
}
