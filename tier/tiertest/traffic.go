package tiertest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// traffic reads, writes and deletes other keys until stop is called.
func (s *subject) traffic(t *testing.T) (stop func()) {
	var ended atomic.Bool
	var wg sync.WaitGroup
	for g := range 2 {
		wg.Go(func() {
			for i := 0; !ended.Load(); i++ {
				s.step(t, fmt.Sprintf("traffic:%d:%d", g, i%5000), i)
			}
		})
	}
	return func() {
		ended.Store(true)
		wg.Wait()
	}
}

// step is one operation of traffic.
func (s *subject) step(t *testing.T, key string, i int) {
	ctx := context.Background()
	var err error
	switch i % 8 {
	case 0, 1, 2:
		err = s.tier.Set(ctx, entry(key, "traffic"))
	case 3:
		err = s.tier.Delete(ctx, key)
	default:
		_, _, err = s.tier.Get(ctx, key)
	}
	if err != nil {
		t.Errorf("traffic: %v", err)
	}
}

// A history is what one goroutine does to one key. Its operations are numbered from one, and a Set stores its number. Numbers that
// are divisible by four are deletes.
type history struct {
	key   string
	begun atomic.Int64
	ended atomic.Int64
}

func isDelete(op int64) bool { return op%4 == 0 }

// write does the next operation.
func (h *history) write(s *subject) error {
	op := h.begun.Add(1)
	ctx := context.Background()
	var err error
	if isDelete(op) {
		err = s.tier.Delete(ctx, h.key)
	} else {
		err = s.tier.Set(ctx, entry(h.key, strconv.FormatInt(op, 10)))
	}
	h.ended.Store(op)
	return err
}

// check reads the key and says what is wrong with what it finds.
func (h *history) check(s *subject) error {
	before := h.ended.Load()
	e, ok, err := s.tier.Get(context.Background(), h.key)
	after := h.begun.Load()
	switch {
	case err != nil:
		return err
	case !ok && before == after && before > 0 && !isDelete(before):
		return fmt.Errorf("%s: a miss after Set %d has returned", h.key, before)
	case !ok:
		return nil
	}
	got, err := strconv.ParseInt(e.Value, 10, 64)
	if err != nil {
		return fmt.Errorf("%s: %w", h.key, err)
	}
	if got < before || got > after {
		return fmt.Errorf("%s: read what operation %d wrote, after %d had returned and before %d began", h.key, got, before, after+1)
	}
	return nil
}

// readersNeverGoBack lets every key be written by one goroutine and read by many, which know what has
// been done before and after they read.
func readersNeverGoBack(t *testing.T, s *subject) {
	const writers, readers, keysEach = 4, 4, 8
	histories := make([]*history, writers*keysEach)
	for i := range histories {
		histories[i] = &history{key: key(i)}
	}
	var done atomic.Bool
	var reading, writing sync.WaitGroup
	for range readers {
		reading.Go(func() {
			for !done.Load() {
				if err := histories[rand.IntN(len(histories))].check(s); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for w := range writers {
		writing.Go(func() {
			for range s.rounds(20_000) {
				h := histories[w*keysEach+rand.IntN(keysEach)]
				if err := h.write(s); err != nil {
					t.Error(err)
					return
				}
				if err := h.check(s); err != nil { // nobody else writes: this is exact
					t.Error(err)
					return
				}
			}
		})
	}
	writing.Wait()
	done.Store(true)
	reading.Wait()
	for _, h := range histories {
		if err := h.check(s); err != nil {
			t.Error(err)
		}
	}
}

// nothingIsLostSilently sets many new keys as fast as it can. Each must be readable when all are set, or have
// been reported.
func nothingIsLostSilently(t *testing.T, s *subject) {
	const writers = 4
	each := s.rounds(50_000)
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				if err := s.tier.Set(context.Background(), entry(key(w*each+i), "v")); err != nil {
					t.Errorf("Set: %v", err)
					return
				}
			}
		})
	}
	wg.Wait()
	missing := func() (n int, example string) {
		for i := range writers * each {
			if s.get(t, key(i)) == nil && !s.reported(key(i)) {
				n++
				example = key(i)
			}
		}
		return n, example
	}
	// A report may come a little later than the miss.
	deadline := time.Now().Add(10 * time.Second)
	n, example := missing()
	for n > 0 && time.Now().Before(deadline) {
		runtime.Gosched()
		n, example = missing()
	}
	if n > 0 {
		t.Errorf("%d of %d entries are neither readable nor reported, for example %q", n, writers*each, example)
	}
}
