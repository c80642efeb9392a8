package tier_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"runtime"
	"testing"

	"github.com/tiercache/tiercache/backend"
	"github.com/tiercache/tiercache/codec"
	"github.com/tiercache/tiercache/internal/envelope"
	"github.com/tiercache/tiercache/tier"
)

// wantDiscarded plants data and checks that it is a miss, is reported and is deleted: by a tier that knows the
// generation, and by one that has to read it first.
func wantDiscarded(t *testing.T, b backend.Backend, r *remote[string], data []byte) {
	t.Helper()
	for range 2 {
		plant(t, b, "k", data)
		r.wantMiss("k")
		r.wantProblems(tier.Unreadable)
		if left := raw(t, b, "k"); left != nil {
			t.Errorf("the record is still there, as %q", left)
		}
		r.epoch.Add(1)
	}
}

func TestBytesThatAreNoRecordAreDiscarded(t *testing.T) {
	random := make([]byte, 1<<16)
	_, _ = rand.Read(random)
	onEveryStore(t, func(t *testing.T, b backend.Backend) {
		r := texts(t, b)
		r.set(fresh("k", "v"))
		good := raw(t, b, "k")
		newer := bytes.Clone(good)
		newer[2]++
		for name, data := range map[string][]byte{
			"empty":         {},
			"one byte":      {0},
			"JSON":          []byte(`{"id":42,"name":"of another program, and longer than any head is"}`),
			"zeros":         make([]byte, 100),
			"random":        random,
			"newer version": newer,
			"head only":     good[:envelope.HeadSize],
			"truncated":     good[:len(good)-1],
			"appended to":   append(bytes.Clone(good), 0),
			"twice":         append(bytes.Clone(good), good...),
		} {
			t.Run(name, func(t *testing.T) {
				r.t = t
				wantDiscarded(t, b, r, data)
			})
		}
	})
}

func TestTruncatedRecordsAreDiscarded(t *testing.T) {
	b := backend.NewMemory()
	r := texts(t, b)
	r.set(fresh("k", "v"))
	good := raw(t, b, "k")
	for n := range good {
		wantDiscarded(t, b, r, good[:n])
	}
}

// The head has no checksum, so that it can be overwritten in place. There a flipped bit may leave the record readable, with
// its value.
func TestFlippedBitsNeverChangeAValue(t *testing.T) {
	b := backend.NewMemory()
	r := texts(t, b)
	r.set(fresh("k", "value"))
	good := raw(t, b, "k")
	for at := range good {
		for bit := range 8 {
			data := bytes.Clone(good)
			data[at] ^= 1 << bit
			plant(t, b, "k", data)
			if at < envelope.HeadSize {
				if e := r.get("k"); e != nil {
					wantText(r, "k", "value")
					r.wantProblems()
					continue
				}
			} else {
				r.wantMiss("k")
			}
			r.wantProblems(tier.Unreadable)
			if raw(t, b, "k") != nil {
				t.Errorf("byte %d, bit %d: the record is still there", at, bit)
			}
		}
	}
}

// forged returns a record that is right in all but its payload.
func forged(t *testing.T, b backend.Backend, payload string) []byte {
	t.Helper()
	h, _, err := envelope.Parse(raw(t, b, "k"))
	if err != nil {
		t.Fatalf("Parse() = %v, want nil", err)
	}
	data, err := envelope.Append(nil, &h)
	if err != nil {
		t.Fatalf("Append() = %v, want nil", err)
	}
	data = append(data, payload...)
	envelope.Seal(data)
	return data
}

func TestPayloadsThatTheCodecRefusesAreDiscarded(t *testing.T) {
	b := backend.NewMemory()
	r := texts(t, b)
	r.set(fresh("k", "v"))
	for _, payload := range []string{"", "\xc1", "\xa5four", "\xdb\xff\xff\xff\xff", "\xa1v and more"} {
		wantDiscarded(t, b, r, forged(t, b, payload))
		r.set(fresh("k", "v"))
	}
}

// A record promises more than it holds. Reading it must cost what it holds.
func TestPromisesOfARecordCostNoMemory(t *testing.T) {
	b := backend.NewMemory()
	r := openRemote[map[string][]string](t, b, codec.MsgPack{})
	for name, payload := range map[string]string{
		"long string": "\xdb\xff\xff\xff\xff",
		"wide map":    "\xdf\x7f\xff\xff\xff\xa1a",
		"long slice":  "\x81\xa1a\xdd\x7f\xff\xff\xff\xa1b",
	} {
		r.set(fresh("k", map[string][]string{"a": {"b"}}))
		data := forged(t, b, payload)
		const runs = 100
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range runs {
			plant(t, b, "k", data)
			r.wantMiss("k")
		}
		runtime.ReadMemStats(&after)
		if got := (after.TotalAlloc - before.TotalAlloc) / runs; got > 64<<10 {
			t.Errorf("%s: a record of %d bytes costs %d bytes to read", name, len(data), got)
		}
	}
}

// replacing returns a tier over memory below which another process calls replace between the read of a record and its conditional
// delete.
func replacing(t *testing.T, memory *backend.Memory, replace func()) *remote[string] {
	replaced := false
	t.Cleanup(func() {
		if !replaced {
			t.Error("no record was deleted on the condition that it is unchanged")
		}
	})
	return texts(t, watched{memory, func(op string) error {
		if op == "DeleteIf" {
			replaced = true
			replace()
		}
		return nil
	}})
}

func TestNewerValueSurvivesTheDiscardOfAnUnreadableOne(t *testing.T) {
	for name, spoil := range map[string]func(record []byte) []byte{
		"foreign bytes":   func([]byte) []byte { return []byte("not a record") },
		"damaged header":  func(record []byte) []byte { record[40] ^= 1; return record },
		"damaged payload": func(record []byte) []byte { record[len(record)-1] ^= 1; return record },
	} {
		t.Run(name, func(t *testing.T) {
			memory := backend.NewMemory()
			writer := texts(t, memory)
			r := replacing(t, memory, func() { writer.set(fresh("k", "newer")) })
			writer.set(fresh("k", "older"))
			plant(t, memory, "k", spoil(raw(t, memory, "k")))
			r.wantMiss("k")
			r.wantProblems(tier.Unreadable)
			wantText(r, "k", "newer")
		})
	}
}

// What others store under our keys may begin with the same bytes as what they stored there before.
func TestDiscardComparesMoreThanAHead(t *testing.T) {
	memory := backend.NewMemory()
	const begin = `{"type":"user","version":17,"id":`
	r := replacing(t, memory, func() { plant(t, memory, "k", []byte(begin+"2}")) })
	plant(t, memory, "k", []byte(begin+"1}"))
	r.wantMiss("k")
	if got := raw(t, memory, "k"); string(got) != begin+"2}" {
		t.Errorf("the record is %q, want what has replaced the one that was read", got)
	}
}

func TestWithoutConditionalDeletesUnreadableRecordsStay(t *testing.T) {
	b := basic{backend.NewMemory()}
	r := texts(t, b)
	plant(t, b, "k", []byte("not a record"))
	for range 2 {
		r.wantMiss("k")
		if p := r.wantProblems(tier.Unreadable); len(p) == 1 && errors.Is(p[0].Err, errors.ErrUnsupported) {
			t.Errorf("reported %v, want only what is wrong with the record", p[0].Err)
		}
	}
	if got := raw(t, b, "k"); string(got) != "not a record" {
		t.Errorf("the record is %q, want it as it was", got)
	}
	r.set(fresh("k", "v"))
	wantText(r, "k", "v")
}

func TestFailureToDiscardIsReportedWithTheProblem(t *testing.T) {
	boom := errors.New("boom")
	for op, bad := range map[string][]byte{"DeleteIf": []byte("not a record"), "Delete": {}} {
		b := failing(op, boom)
		r := texts(t, b)
		plant(t, b, "k", bad)
		r.wantMiss("k")
		if p := r.wantProblems(tier.Unreadable); len(p) == 1 && !errors.Is(p[0].Err, boom) {
			t.Errorf("%s fails: reported %v, want boom in it", op, p[0].Err)
		}
	}
}

// A terse backend returns an empty value as nil.
type terse struct{ basic }

func (b terse) Get(ctx context.Context, key string) ([]byte, bool, error) {
	value, ok, err := b.basic.Get(ctx, key)
	if len(value) == 0 {
		value = nil
	}
	return value, ok, err
}

func TestEmptyRecordsAreDiscardedWhateverTheyAreReturnedAs(t *testing.T) {
	b := terse{basic{backend.NewMemory()}}
	wantDiscarded(t, b, texts(t, b), []byte{})
	r := texts(t, b)
	r.plant([]byte{})
	r.wantMiss("k")
	r.wantProblems(tier.Unreadable)
}

// A chatty backend answers a miss with bytes, which mean nothing.
type chatty struct{ basic }

func (c chatty) Get(ctx context.Context, key string) ([]byte, bool, error) {
	value, ok, err := c.basic.Get(ctx, key)
	if !ok {
		value = make([]byte, 8)
	}
	return value, ok, err
}

func TestBytesOfAMissAreIgnored(t *testing.T) {
	deletes := 0
	memory := backend.NewMemory()
	r := texts(t, chatty{basic{watched{memory, func(op string) error {
		if op == "Delete" {
			deletes++
		}
		return nil
	}}}})
	r.set(fresh("other", "v")) // now the generation is known
	if _, ok, err := memory.Get(t.Context(), mark); !ok || err != nil {
		t.Errorf("Get() of the generation = %t, %v, want one", ok, err)
	}
	r.wantMiss("k")
	r.wantProblems()
	if deletes > 0 {
		t.Errorf("a miss has led to %d deletes", deletes)
	}
	r.epoch.Add(1)
	wantText(r, "other", "v")
}
