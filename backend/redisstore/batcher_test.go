package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tiercache/tiercache/backend/redisstore"
	"github.com/tiercache/tiercache/internal/redistest"
)

// A wire is a hook that records the reads of a client and can hold them back.
type wire struct {
	arrived chan []string // the keys of each read, before it is sent
	gate    chan struct{} // a read is sent once it has received from gate
}

func newWire() *wire {
	return &wire{arrived: make(chan []string, 10000), gate: make(chan struct{}, 10000)}
}

func (w *wire) DialHook(next redis.DialHook) redis.DialHook { return next }

func (w *wire) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if name := cmd.Name(); name == "get" || name == "mget" {
			var keys []string
			for _, arg := range cmd.Args()[1:] {
				keys = append(keys, fmt.Sprint(arg))
			}
			w.arrived <- keys
			select {
			case <-w.gate:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return next(ctx, cmd)
	}
}

func (w *wire) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

// next returns the keys of the next read.
func (w *wire) next(t *testing.T) []string {
	t.Helper()
	select {
	case keys := <-w.arrived:
		return keys
	case <-time.After(patience):
		t.Fatal("no read has been sent")
		return nil
	}
}

// openGate lets reads pass from now on.
func (w *wire) openGate() {
	close(w.gate)
}

// held returns a store whose reads go through a wire, with n values "0" to n-1 in it.
func held(t *testing.T, n int, cfg redisstore.Config, opts ...func(*redis.Options)) (*redisstore.Store, *wire) {
	t.Helper()
	m, _ := redistest.Mini(t)
	for i := range n {
		if err := m.Set(fmt.Sprint(i), "value "+fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	o := &redis.Options{Addr: m.Addr()}
	for _, opt := range opts {
		opt(o)
	}
	rdb := redis.NewClient(o)
	t.Cleanup(func() { _ = rdb.Close() })
	w := newWire()
	rdb.AddHook(w)
	return open(t, rdb, cfg), w
}

// modes runs a test with both ways of the store to bound a command.
func modes(t *testing.T, test func(t *testing.T, opts ...func(*redis.Options))) {
	t.Run("Abandoned", func(t *testing.T) { test(t) })
	t.Run("Inline", func(t *testing.T) { test(t, redistest.WithContextTimeout) })
}

func TestALoneReadIsOneCommand(t *testing.T) {
	modes(t, func(t *testing.T, opts ...func(*redis.Options)) {
		s, w := held(t, 10, patient, opts...)
		w.openGate()
		for i := range 10 {
			wantValue(t, s, fmt.Sprint(i))
			if got := w.next(t); len(got) != 1 || len(w.arrived) != 0 {
				t.Errorf("a lone Get read %q and sent %d more commands, want one key in one command", got, len(w.arrived))
			}
		}
	})
}

func TestReadsThatWaitRideTogether(t *testing.T) {
	modes(t, func(t *testing.T, opts ...func(*redis.Options)) {
		const n = 300
		s, w := held(t, n, patient, opts...)
		var wg sync.WaitGroup
		get := func(i int) { wg.Go(func() { wantValue(t, s, fmt.Sprint(i)) }) }
		get(0)
		get(1)
		first := slices.Concat(w.next(t), w.next(t))
		if slices.Sort(first); !slices.Equal(first, []string{"0", "1"}) {
			t.Fatalf("the first two commands read %q, want 0 and 1", first)
		}
		// Two are under way, so the others wait, each key wanted twice.
		for i := 2; i < n; i++ {
			get(i)
			get(i)
		}
		waiting(t, s, 2*(n-2))
		if len(w.arrived) != 0 {
			t.Errorf("%d more commands were sent while two were under way, want 0", len(w.arrived))
		}
		w.openGate()
		wg.Wait()
		var batches [][]string
		for len(w.arrived) > 0 {
			batches = append(batches, w.next(t))
		}
		// 596 reads do not fit into one batch of 512; keys in both are read twice.
		if len(batches) != 2 {
			t.Errorf("%d reads went in %d commands, want 2", 2*(n-2), len(batches))
		}
		for _, keys := range batches {
			if slices.Sort(keys); len(slices.Compact(slices.Clone(keys))) != len(keys) {
				t.Errorf("a command names a key twice: %q", keys)
			}
		}
	})
}

// waiting waits until n reads are in the queue of s.
func waiting(t *testing.T, s *redisstore.Store, n int) {
	t.Helper()
	eventually(t, func() error {
		if got := s.Waiting(); got != n {
			return fmt.Errorf("%d reads wait, want %d", got, n)
		}
		return nil
	})
}

func TestAtMostTwoBatchesAreUnderWay(t *testing.T) {
	s, w := held(t, 50, patient)
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			for range 20 {
				wantValue(t, s, fmt.Sprint(i))
			}
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	for held := 0; ; {
		select {
		case <-w.arrived:
			if held++; held < 2 {
				continue
			}
			select {
			case keys := <-w.arrived:
				t.Fatalf("a third batch, %q, was sent while two were held back", keys)
			case <-time.After(2 * time.Millisecond):
			}
		case <-time.After(50 * time.Millisecond): // perhaps one is alone, at the end
		case <-done:
			return
		}
		for ; held > 0; held-- {
			w.gate <- struct{}{}
		}
	}
}

func TestEqualKeysOfABatchAreNotShared(t *testing.T) {
	s, w := held(t, 3, patient)
	var wg sync.WaitGroup
	for i := range 2 {
		wg.Go(func() { wantValue(t, s, fmt.Sprint(i)) })
		w.next(t)
	}
	for range 20 {
		wg.Go(func() {
			v := wantValue(t, s, "2")
			for i := range v {
				v[i] = '#' // a race if it were shared
			}
		})
	}
	waiting(t, s, 20)
	w.openGate()
	wg.Wait()
	if keys := w.next(t); !slices.Equal(keys, []string{"2"}) || len(w.arrived) != 0 {
		t.Errorf("20 reads of a key sent %q and %d more commands, want one", keys, len(w.arrived))
	}
}

func TestACallerThatLeavesHarmsNobody(t *testing.T) {
	s, w := held(t, 20, patient)
	ctx, cancel := context.WithCancel(t.Context())
	var left, stayed sync.WaitGroup
	leave := func() {
		left.Go(func() {
			if _, _, err := s.Get(ctx, "0"); !errors.Is(err, context.Canceled) {
				t.Errorf("cancelled Get = %v, want context.Canceled", err)
			}
		})
	}
	leave()
	leave()
	w.next(t)
	w.next(t) // they lead
	leave()
	leave()
	for i := 1; i < 20; i++ {
		stayed.Go(func() { wantValue(t, s, fmt.Sprint(i)) })
	}
	waiting(t, s, 21)
	cancel()
	left.Wait()
	if keys := w.next(t); len(keys) < 19 || len(w.arrived) > 1 {
		t.Errorf("after the leaders had left a command was sent for %q, want one for all that wait", keys)
	}
	w.openGate()
	stayed.Wait()
	wantValue(t, s, "3") // and the places are free
}

func TestAStuckServerFailsAllThatWaitAndIsUsedAgain(t *testing.T) {
	const timeout, n = 100 * time.Millisecond, 200
	s, w := held(t, n, redisstore.Config{Timeout: timeout})
	begin := time.Now()
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			if _, _, err := s.Get(t.Context(), fmt.Sprint(i)); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("Get(%d) = %v, want context.DeadlineExceeded", i, err)
			}
		})
	}
	wg.Wait()
	if took := time.Since(begin); took > 5*timeout {
		t.Errorf("the reads took %v to fail, want about %v", took, timeout)
	}
	w.openGate()
	eventually(t, func() error {
		_, _, err := s.Get(t.Context(), "1")
		return err
	})
	waiting(t, s, 0)
	for i := range n {
		wantValue(t, s, fmt.Sprint(i))
	}
}

func TestABatchSeesWhatWasWrittenBefore(t *testing.T) {
	_, rdb := redistest.Mini(t)
	s := open(t, rdb, patient)
	var wg sync.WaitGroup
	for w := range 16 {
		wg.Go(func() {
			key := fmt.Sprint(w)
			for range 100 {
				if err := s.Set(t.Context(), key, []byte("v"), 0); err != nil {
					t.Errorf("Set(%q) = %v, want nil", key, err)
				}
				if v, ok, err := s.Get(t.Context(), key); !ok || err != nil {
					t.Errorf("Get(%q) after Set = %q, %t, %v, want it there", key, v, ok, err)
				}
				if err := s.Delete(t.Context(), key); err != nil {
					t.Errorf("Delete(%q) = %v, want nil", key, err)
				}
				if v, ok, err := s.Get(t.Context(), key); ok || err != nil {
					t.Errorf("Get(%q) after Delete = %q, %t, %v, want it absent", key, v, ok, err)
				}
			}
		})
	}
	wg.Wait()
}

func wantValue(t *testing.T, s *redisstore.Store, key string) []byte {
	t.Helper()
	v, ok, err := s.Get(t.Context(), key)
	if want := "value " + key; err != nil || !ok || string(v) != want {
		t.Errorf("Get(%q) = %q, %t, %v, want %q, true, nil", key, v, ok, err, want)
	}
	return v
}
