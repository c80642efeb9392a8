package redisbus

import (
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tiercache/tiercache/internal/chain"
	"github.com/tiercache/tiercache/internal/redistest"
	"github.com/tiercache/tiercache/invalidate"
)

// counter is a handler that counts.
type counter struct{ applied, dropped, confirmed atomic.Int64 }

func (c *counter) Apply(invalidate.Event) { c.applied.Add(1) }
func (c *counter) Drop(int)               { c.dropped.Add(1) }
func (c *counter) Confirm(int, time.Time) { c.confirmed.Add(1) }

// follow subscribes c to b until the test ends, and waits until it is confirmed and no drop is due any more.
func (c *counter) follow(t *testing.T, b *Bus) {
	t.Helper()
	var ended sync.WaitGroup
	ctx := t.Context()
	ended.Go(func() { _ = b.Subscribe(ctx, c) }) // the error is that of ctx
	t.Cleanup(ended.Wait)
	until(t, func() bool { return c.confirmed.Load() >= 3*invalidate.Partitions })
}

// until polls ok.
func until(t *testing.T, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it does not happen within 20s")
		}
	}
}

func fastBus(t *testing.T) *Bus {
	t.Helper()
	_, rdb := redistest.Mini(t)
	b, err := New(rdb, Config{Bound: 3 * time.Second, PollInterval: 20 * time.Millisecond, Timeout: 5 * time.Second, PingTimeout: 20 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// What was confirmed before the machine was suspended looks younger than it is.
func TestSuspendDropsEverything(t *testing.T) {
	b := fastBus(t)
	var asleep atomic.Int64
	b.suspended = func() time.Duration { return time.Duration(asleep.Load()) }
	c := new(counter)
	c.follow(t, b)
	before := c.dropped.Load()
	for n := range int64(3) {
		asleep.Add(int64(time.Hour))
		until(t, func() bool { return c.dropped.Load() >= before+(n+1)*invalidate.Partitions })
	}
	polls := b.Stats().Polls
	until(t, func() bool { return b.Stats().Polls > polls+3 })
	if got := c.dropped.Load() - before; got != 3*invalidate.Partitions {
		t.Errorf("%d partitions were dropped for 3 times of sleep, want %d", got, 3*invalidate.Partitions)
	}
}

// A client repeats a command when its reply was lost, though it was carried out.
func TestRepeatedScriptIsNoLoss(t *testing.T) {
	b := fastBus(t)
	c := new(counter)
	c.follow(t, b)
	before := c.dropped.Load()
	calls, _, err := b.calls(invalidate.Event{Op: invalidate.Clear, Cache: "c"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := b.runEach(t.Context(), calls); err != nil {
			t.Fatal(err)
		}
	}
	until(t, func() bool { return c.applied.Load() == 3 })
	polls := b.Stats().Polls
	until(t, func() bool { return b.Stats().Polls > polls+1 })
	if got := b.Stats(); got.Gaps+got.Behind+got.Diverged != 0 || c.dropped.Load() != before {
		t.Errorf("Stats() = %+v and %d partitions dropped, want no loss", got, c.dropped.Load()-before)
	}
}

// What the script writes is what the receivers read, and what the publisher is told.
func TestScriptWritesWhatIsParsed(t *testing.T) {
	_, rdb := redistest.Mini(t)
	for _, replay := range []int{0, 10} {
		b, err := New(rdb, Config{ReplayLog: replay, Channel: "c" + string(rune('0'+replay/10))})
		if err != nil {
			t.Fatal(err)
		}
		ps := rdb.Subscribe(t.Context(), b.channels[0])
		defer ps.Close()
		if _, err := ps.Receive(t.Context()); err != nil {
			t.Fatal(err)
		}
		last := make(map[int]chain.Head)
		for _, e := range []invalidate.Event{
			{Op: invalidate.Delete, Cache: "c", Origin: "o", Keys: []string{"a"}},
			{Op: invalidate.Delete, Cache: "c", Origin: "o", Keys: []string{"", "a\nb", "\x00\xff 1:2", strings.Repeat("k", 10_000)}},
			{Op: invalidate.Delete, Cache: "\n", Origin: "2 "},
			{Op: invalidate.Tag, Cache: "c", Tags: []string{"t\n"}},
			{Op: invalidate.Clear, Cache: "c"},
			{Op: invalidate.Clear, Cache: "c", Origin: "again"},
		} {
			if err := b.Publish(t.Context(), e); err != nil {
				t.Fatalf("Publish: %v", err)
			}
			msg, err := ps.ReceiveMessage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			m, err := parseMessage(msg.Payload)
			if err != nil {
				t.Fatalf("parseMessage(%q): %v", msg.Payload, err)
			}
			if !reflect.DeepEqual(m.event, e) {
				t.Errorf("event %.200v came as %.200v", e, m.event)
			}
			_, parts, err := b.calls(e, nil)
			if err != nil {
				t.Fatal(err)
			}
			var concerned []int
			for _, entry := range m.entries {
				concerned = append(concerned, entry.partition)
				before, known := last[entry.partition]
				if !known {
					before = chain.Head{Epoch: entry.Epoch, Nonce: entry.Epoch}
				}
				if entry.Epoch != before.Epoch || entry.Number != before.Number+1 || entry.Prev != before.Nonce || entry.Nonce == before.Nonce {
					t.Errorf("entry %+v follows %+v", entry, before)
				}
				last[entry.partition] = entry.Head
				if b.acked.heads[entry.partition] != entry.Head {
					t.Errorf("the publisher was told %v, want %v", b.acked.heads[entry.partition], entry.Head)
				}
			}
			if !reflect.DeepEqual(concerned, parts) {
				t.Errorf("the message is of partitions %v, want %v", concerned, parts)
			}
			if replay == 0 {
				continue
			}
			kept, err := b.missed(t.Context(), parts[0], last[parts[0]].Number)
			if err != nil || len(kept) != 1 || !reflect.DeepEqual(kept[0], m) {
				t.Errorf("the replay log has %.200v, %v, want the message", kept, err)
			}
		}
		heads, errs := b.heads(t.Context(), allPartitions)
		for p, head := range last {
			if heads[p] != head || errs[p] != nil {
				t.Errorf("head of log %d = %v, %v, want %v", p, heads[p], errs[p], head)
			}
		}
	}
}

func TestLargestNumberOfALog(t *testing.T) {
	b := fastBus(t)
	const largest = 1<<53 - 1
	e := invalidate.Event{Op: invalidate.Clear, Cache: "c"}
	if err := b.Publish(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	for p := range b.logs {
		if err := b.rdb.HSet(t.Context(), b.logs[p], "n", int64(largest-2)).Err(); err != nil {
			t.Fatal(err)
		}
	}
	c := new(counter)
	c.follow(t, b)
	for n := range uint64(2) {
		if err := b.Publish(t.Context(), e); err != nil {
			t.Fatalf("Publish: %v", err)
		}
		if got := b.acked.heads[0].Number; got != largest-1+n {
			t.Errorf("number %d was acknowledged, want %d", got, largest-1+n)
		}
	}
	until(t, func() bool { return c.applied.Load() == 2 })
	if got := b.Stats(); got.Gaps+got.Behind+got.Diverged+got.Undecodable != 0 {
		t.Errorf("Stats() = %+v, want no loss", got)
	}
}
