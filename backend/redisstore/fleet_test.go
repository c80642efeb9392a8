package redisstore_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/tiercache/tiercache/backend/redisstore"
	"github.com/tiercache/tiercache/internal/redistest"
)

func TestManyReadersSendFarFewerCommands(t *testing.T) {
	const readers, rounds = 256, 20
	server := redistest.Single(t)
	rdb := server.Client()
	s := open(t, rdb, patient)
	for i := range readers {
		if err := s.Set(t.Context(), fmt.Sprint(i), []byte("value "+fmt.Sprint(i)), 0); err != nil {
			t.Fatalf("Set() = %v, want nil", err)
		}
	}
	w := newWire()
	w.openGate()
	rdb.AddHook(w)
	var wg sync.WaitGroup
	for i := range readers {
		wg.Go(func() {
			for range rounds {
				wantValue(t, s, fmt.Sprint(i))
			}
		})
	}
	wg.Wait()
	if n := len(w.arrived); n > readers*rounds/4 {
		t.Errorf("%d reads by %d goroutines sent %d commands, want far fewer", readers*rounds, readers, n)
	}
}

// BenchmarkGet compares the store with the client below it, at several numbers of goroutines.
func BenchmarkGet(b *testing.B) {
	const keys = 1024
	server := redistest.Single(b)
	rdb := server.Client()
	obeying := server.Client(redistest.WithContextTimeout)
	for i := range keys {
		if err := rdb.Set(b.Context(), fmt.Sprint(i), make([]byte, 100), 0).Err(); err != nil {
			b.Fatal(err)
		}
	}
	abandoning, inline := open(b, rdb, redisstore.Config{}), open(b, obeying, redisstore.Config{})
	for _, subject := range []struct {
		name string
		get  func(ctx context.Context, key string) error
	}{
		{"client", func(ctx context.Context, key string) error { return rdb.Get(ctx, key).Err() }},
		{"store", func(ctx context.Context, key string) error { _, _, err := abandoning.Get(ctx, key); return err }},
		{"store-inline", func(ctx context.Context, key string) error { _, _, err := inline.Get(ctx, key); return err }},
	} {
		for _, goroutines := range []int{1, 16, 256} {
			b.Run(fmt.Sprintf("%s/%d", subject.name, goroutines), func(b *testing.B) {
				b.ReportAllocs()
				var next atomic.Int64
				var wg sync.WaitGroup
				for range goroutines {
					wg.Go(func() {
						for {
							i := next.Add(1)
							if i > int64(b.N) {
								return
							}
							if err := subject.get(b.Context(), fmt.Sprint(i%keys)); err != nil {
								b.Error(err)
								return
							}
						}
					})
				}
				wg.Wait()
			})
		}
	}
}
