package fleet_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tiercache/tiercache/cmd/tiercache/internal/fleet"
	"github.com/tiercache/tiercache/cmd/tiercache/internal/workload"
	"github.com/tiercache/tiercache/codec"
	"github.com/tiercache/tiercache/invalidate"
)

// small is a fleet that is done soon, and has few keys, so that instances meet on them.
func small() fleet.Config {
	return fleet.Config{
		Workload:    workload.NewZipf(50, 0.99, 1, 4000),
		Instances:   3,
		Concurrency: 2,
		Engine:      fleet.Ristretto,
		Memory:      100,
		Far:         true,
		Codec:       codec.MsgPack{},
		ValueBytes:  20,
		TTL:         time.Minute,
		Writes:      0.1,
		WriteOp:     fleet.Delete,
		Seed:        1,
		Timeout:     time.Minute, // the machine may be busy with other tests
	}
}

func runFleet(t *testing.T, cfg fleet.Config) fleet.Result {
	t.Helper()
	res, err := fleet.Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if res.FirstError != "" {
		t.Errorf("error in the run: %s", res.FirstError)
	}
	return res
}

// oneBus gives all instances the same bus, which delivers before it acknowledges.
func oneBus() func(redis.UniversalClient) (invalidate.Bus, error) {
	b := invalidate.NewMemory()
	return func(redis.UniversalClient) (invalidate.Bus, error) { return b, nil }
}

// A deafBus acknowledges events and loses them.
type deafBus struct{ invalidate.Bus }

func (deafBus) Publish(context.Context, invalidate.Event) error { return nil }

// A leakyBus acknowledges all events and loses every tenth.
type leakyBus struct {
	invalidate.Bus
	sent, lost *atomic.Uint64
}

func (b leakyBus) Publish(ctx context.Context, e invalidate.Event) error {
	if b.sent.Add(1)%10 == 0 {
		b.lost.Add(1)
		return nil
	}
	return b.Bus.Publish(ctx, e)
}

// A slowCodec takes its time.
type slowCodec struct{ codec.MsgPack }

func (slowCodec) Marshal(v any) ([]byte, error) {
	<-time.After(3 * time.Second)
	return codec.MsgPack{}.Marshal(v)
}

func (c slowCodec) AppendMarshal(dst []byte, v any) ([]byte, error) {
	b, err := c.Marshal(v)
	return append(dst, b...), err
}

func TestNoReadIsStaleWhenEventsArriveBeforeTheirAcknowledgment(t *testing.T) {
	for _, op := range []fleet.WriteOp{fleet.Delete, fleet.Set} {
		for _, engine := range []fleet.Engine{fleet.Ristretto, fleet.Otter} {
			t.Run(string(op)+" "+string(engine), func(t *testing.T) {
				t.Parallel()
				cfg := small()
				cfg.Bus, cfg.WriteOp, cfg.Engine = oneBus(), op, engine
				res := runFleet(t, cfg)
				if res.StaleReads.Count != 0 {
					t.Errorf("%d stale reads of %d, want none: %+v", res.StaleReads.Count, res.Reads, res.StaleReads)
				}
				if want := 2 * res.Writes; res.Invalidation.Deliveries != want || res.Invalidation.Undelivered != 0 {
					t.Errorf("%d events delivered and %d not, want %d and 0", res.Invalidation.Deliveries, res.Invalidation.Undelivered, want)
				}
				if lag := res.Invalidation.Lag.Max; lag != 0 {
					t.Errorf("lag = %v, want 0", lag)
				}
			})
		}
	}
}

func TestStaleReadsAreFoundWhenEventsAreLost(t *testing.T) {
	t.Parallel()
	cfg := small()
	cfg.Bus = func(redis.UniversalClient) (invalidate.Bus, error) { return deafBus{invalidate.NewMemory()}, nil }
	res := runFleet(t, cfg)
	if res.StaleReads.Count == 0 || res.StaleReads.Ratio <= 0 || res.StaleReads.Age.Max <= 0 {
		t.Errorf("stale reads = %+v, want some", res.StaleReads)
	}
	if want := 2 * res.Writes; res.Invalidation.Undelivered != want || res.Invalidation.Deliveries != 0 {
		t.Errorf("%d events delivered and %d not, want 0 and %d", res.Invalidation.Deliveries, res.Invalidation.Undelivered, want)
	}
}

func TestAFewLostEventsAreEnoughForStaleReads(t *testing.T) {
	t.Parallel()
	cfg := small()
	var sent, lost atomic.Uint64
	b := leakyBus{invalidate.NewMemory(), &sent, &lost}
	cfg.Bus = func(redis.UniversalClient) (invalidate.Bus, error) { return b, nil }
	res := runFleet(t, cfg)
	if res.StaleReads.Count == 0 {
		t.Errorf("stale reads = %+v, want some", res.StaleReads)
	}
	if want := 2 * lost.Load(); res.Invalidation.Undelivered != want || want == 0 {
		t.Errorf("%d events not delivered, want %d", res.Invalidation.Undelivered, want)
	}
}

func TestCallsThatHangAtTheEndAreCutShortAndCountAsErrors(t *testing.T) {
	t.Parallel()
	cfg := small()
	cfg.Workload, cfg.Duration, cfg.Writes = workload.NewZipf(50, 0.99, 1, 0), 50*time.Millisecond, 0
	cfg.Codec = slowCodec{}
	res, err := fleet.Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if want := uint64(cfg.Instances * cfg.Concurrency); res.ReadErrors != want || res.Hung != want || res.Reads != want {
		t.Errorf("%d reads, %d failed, want %d of %d", res.Reads, res.ReadErrors, want, want)
	}
	if res.Elapsed > 2500*time.Millisecond || !strings.Contains(res.FirstError, "no answer within 1s of the end") {
		t.Errorf("error %q after %v, want that there was no answer after a second", res.FirstError, res.Elapsed)
	}
}

func TestEventsAreDeliveredOverRedis(t *testing.T) {
	t.Parallel()
	res := runFleet(t, small())
	if want := 2 * res.Writes; res.Invalidation.Deliveries != want || res.Invalidation.Undelivered != 0 {
		t.Errorf("%d events delivered and %d not, want %d and 0", res.Invalidation.Deliveries, res.Invalidation.Undelivered, want)
	}
	if d := res.Invalidation.SinceBegin; d.P50 <= 0 || d.P99 < d.P50 || d.Max < d.P99 {
		t.Errorf("lag since the begin of a write = %+v, want increasing durations", d)
	}
}

func TestTheAnswersAddUp(t *testing.T) {
	for _, name := range []string{"msgpack", "msgpack-array", "json", "gob", "raw"} {
		for _, far := range []bool{true, false} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				cfg := small()
				cfg.Far = far
				cfg.Codec = map[string]codec.Codec{
					"msgpack": codec.MsgPack{}, "msgpack-array": codec.MsgPack{Array: true}, "json": codec.JSON{}, "gob": codec.Gob{}, "raw": codec.Raw{},
				}[name]
				res := runFleet(t, cfg)
				if res.Requests != 4000 || res.Reads+res.Writes != 4000 {
					t.Errorf("%d reads and %d writes of %d requests, want 4000", res.Reads, res.Writes, res.Requests)
				}
				if sum := res.Near.Reads + res.Far.Reads + res.Load.Reads; sum != res.Reads {
					t.Errorf("answers = %d, want %d", sum, res.Reads)
				}
				if sum := res.Near.Ratio + res.Far.Ratio + res.Load.Ratio; sum < 0.9999 || sum > 1.0001 {
					t.Errorf("ratios add up to %v, want 1", sum)
				}
				if got := res.Far.Reads > 0; got != far {
					t.Errorf("%d answers from the far tier, far = %v", res.Far.Reads, far)
				}
				if res.Loads < res.MissedKeys || res.MissedKeys < 40 {
					t.Errorf("%d loads of %d values", res.Loads, res.MissedKeys)
				}
			})
		}
	}
}

func TestWhatTheRequestsNoteIsWhatTheCacheCounts(t *testing.T) {
	t.Parallel()
	cfg := small()
	cfg.Instances, cfg.Concurrency, cfg.Writes, cfg.Memory = 1, 1, 0, 10
	res := runFleet(t, cfg)
	if res.Near.Reads != res.Tiers[0].Hits || res.Far.Reads != res.Tiers[1].Hits || res.Load.Reads != res.Loads {
		t.Errorf("near, far, load = %d, %d, %d, the cache counts %d, %d, %d", res.Near.Reads, res.Far.Reads, res.Load.Reads,
			res.Tiers[0].Hits, res.Tiers[1].Hits, res.Loads)
	}
	if res.Loads != res.MissedKeys || res.LoadsPerMissedKey != 1 {
		t.Errorf("%d loads of %d values, %v each, want one each", res.Loads, res.MissedKeys, res.LoadsPerMissedKey)
	}
}

func TestTheTimeOfTheSourceIsInTheLatencyOfLoads(t *testing.T) {
	t.Parallel()
	cfg := small()
	cfg.LoadTime = 5 * time.Millisecond
	cfg.Writes = 0
	res := runFleet(t, cfg)
	if p50 := res.Load.Latency.P50; p50 < 4900*time.Microsecond {
		t.Errorf("median of loads = %v, want at least that of the source, 5ms", p50)
	}
	if p50 := res.Near.Latency.P50; p50 <= 0 || p50 > time.Millisecond {
		t.Errorf("median of near hits = %v, want less than a millisecond", p50)
	}
}

func TestARunWithoutEndEndsByItsDuration(t *testing.T) {
	t.Parallel()
	cfg := small()
	cfg.Workload, cfg.Duration = workload.NewZipf(50, 0.99, 1, 0), 50*time.Millisecond
	res := runFleet(t, cfg)
	if res.Elapsed < cfg.Duration || res.Interrupted || res.Requests == 0 {
		t.Errorf("%d requests in %v, interrupted = %v", res.Requests, res.Elapsed, res.Interrupted)
	}
}

func TestAnInterruptedRunReturnsWhatItHas(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cfg := small()
	cfg.Workload = workload.NewZipf(50, 0.99, 1, 0)
	cfg.Progress = func(requests uint64, _ time.Duration) {
		if requests > 0 {
			cancel()
		}
	}
	res, err := fleet.Run(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if !res.Interrupted || res.Requests == 0 {
		t.Errorf("%d requests, interrupted = %v, want some and true", res.Requests, res.Interrupted)
	}
}

func TestLoadsThatTheEndCutsShortDoNotCount(t *testing.T) {
	t.Parallel()
	cfg := small()
	cfg.Workload, cfg.Duration = workload.NewZipf(50, 0.99, 1, 0), 50*time.Millisecond
	cfg.LoadTime, cfg.Writes = time.Hour, 0
	res := runFleet(t, cfg)
	if res.Elapsed > time.Minute || res.Requests != 0 || res.Loads != 0 || res.LoadErrors != 0 || res.MissedKeys != 0 {
		t.Errorf("%d requests, %d loads of %d values and %d failed ones in %v, want none", res.Requests, res.Loads, res.MissedKeys,
			res.LoadErrors, res.Elapsed)
	}
}
