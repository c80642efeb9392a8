package tier_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/tiercache/tiercache/backend"
	"github.com/tiercache/tiercache/codec"
	"github.com/tiercache/tiercache/internal/envelope"
	"github.com/tiercache/tiercache/tier"
)

// A faulty codec does what its fields say, and is MsgPack where they are nil. It is no codec.Appender.
type faulty struct {
	marshal   func() error
	unmarshal func() error
}

func (faulty) Name() string { return "faulty" }

func (f faulty) Marshal(v any) ([]byte, error) {
	if f.marshal != nil {
		return []byte("part of it"), f.marshal()
	}
	return codec.MsgPack{}.Marshal(v)
}

func (f faulty) Unmarshal(data []byte, v any) error {
	if f.unmarshal != nil {
		return f.unmarshal()
	}
	return codec.MsgPack{}.Unmarshal(data, v)
}

var errCodec = errors.New("codec failure")

func TestCodecThatFailsToEncodeStoresNothing(t *testing.T) {
	for name, fail := range map[string]func() error{
		"error": func() error { return errCodec },
		"panic": func() error { panic(errCodec) },
	} {
		b := backend.NewMemory()
		openRemote[string](t, b, faulty{}).set(fresh("k", "older"))
		r := openRemote[string](t, b, faulty{marshal: fail})
		err := r.Set(t.Context(), fresh("k", "newer"))
		if err == nil || !strings.Contains(err.Error(), errCodec.Error()) || !strings.Contains(err.Error(), `"k"`) {
			t.Errorf("%s: Set() = %v, want an error of key k and of the codec", name, err)
		}
		if name == "error" && !errors.Is(err, errCodec) {
			t.Errorf("%s: Set() = %v, want the error of the codec in it", name, err)
		}
		if raw(t, b, "k") != nil {
			t.Errorf("%s: the older record is still there", name)
		}
		r.wantProblems() // the caller has the error
	}
}

func TestCodecThatFailsToDecodeIsAMiss(t *testing.T) {
	for name, fail := range map[string]func() error{
		"error": func() error { return errCodec },
		"panic": func() error { panic(errCodec) },
	} {
		b := backend.NewMemory()
		r := openRemote[string](t, b, faulty{unmarshal: fail})
		r.set(fresh("k", "v"))
		r.wantMiss("k")
		if p := r.wantProblems(tier.Unreadable); len(p) == 1 && !strings.Contains(p[0].Err.Error(), errCodec.Error()) {
			t.Errorf("%s: reported %v, want the failure of the codec", name, p[0].Err)
		}
		if raw(t, b, "k") != nil {
			t.Errorf("%s: the record is still there", name)
		}
	}
}

func TestCodecForOtherTypesIsAnError(t *testing.T) {
	r := openRemote[int](t, backend.NewMemory(), codec.Raw{})
	if err := r.Set(t.Context(), fresh("k", 1)); err == nil {
		t.Error("Set() of an int with a codec of bytes = nil, want an error")
	}
	r.wantMiss("k")
}

func TestCodecThatCannotAppendWillDo(t *testing.T) {
	r := openRemote[string](t, backend.NewMemory(), faulty{})
	r.set(fresh("k", "v"))
	wantText(r, "k", "v")
}

func TestAbsentEntriesNeedNoCodec(t *testing.T) {
	fail := func() error { return errCodec }
	r := openRemote[string](t, backend.NewMemory(), faulty{marshal: fail, unmarshal: fail})
	e := fresh("k", "")
	e.Absent = true
	r.set(e)
	if got := r.get("k"); got == nil || !got.Absent {
		t.Errorf("Get() = %+v, want an absent entry", got)
	}
}

func TestSizeIsThatOfTheEncodedValue(t *testing.T) {
	r := openRemote[[]byte](t, backend.NewMemory(), codec.Raw{})
	e := fresh("k", make([]byte, 123))
	r.set(e)
	if got := r.get("k"); e.Size != 123 || got.Size != 123 {
		t.Errorf("Size is %d after Set, and %d after Get, want 123", e.Size, got.Size)
	}
	e.Size = 7
	r.set(e)
	if e.Size != 7 {
		t.Errorf("Set has changed a Size of 7 to %d", e.Size)
	}
}

func TestValuesUpToTheLimitAreStored(t *testing.T) {
	b := backend.NewMemory()
	r := openRemote[[]byte](t, b, codec.Raw{})
	r.set(fresh("k", make([]byte, maxValue)))
	if got := r.get("k"); got == nil || len(got.Value) != maxValue {
		t.Fatalf("Get() = %v, want %d bytes", got, maxValue)
	}
	e := fresh("k", make([]byte, maxValue+1))
	if err := r.Set(t.Context(), e); !errors.Is(err, tier.ErrTooLarge) {
		t.Errorf("Set() of a byte more = %v, want ErrTooLarge", err)
	}
	if e.Size != 0 {
		t.Errorf("Size of a value that was not stored = %d, want 0", e.Size)
	}
	r.wantProblems(tier.TooLarge)
	r.wantMiss("k")
	if raw(t, b, "k") != nil {
		t.Error("the older record is still there")
	}
	r.set(fresh("k", []byte("v"))) // its buffer was that of the large one
	if got := r.get("k"); got == nil || string(got.Value) != "v" {
		t.Errorf("Get() = %v, want v", got)
	}
}

func TestStoredValuesOverTheLimitAreDiscarded(t *testing.T) {
	b := backend.NewMemory()
	generous := tier.Remote[string](b, codec.MsgPack{})
	r := texts(t, b)
	err := generous.Open(tier.Scope{Cache: "c", MaxValueBytes: 10 * maxValue, Epoch: r.epoch.Load, Report: func(tier.Problem) {}})
	if err != nil {
		t.Fatalf("Open() = %v, want nil", err)
	}
	if err := generous.Set(t.Context(), fresh("k", strings.Repeat("x", maxValue))); err != nil {
		t.Fatalf("Set() = %v, want nil", err)
	}
	r.wantMiss("k")
	if p := r.wantProblems(tier.Unreadable); len(p) == 1 && !errors.Is(p[0].Err, tier.ErrTooLarge) {
		t.Errorf("reported %v, want ErrTooLarge in it", p[0].Err)
	}
}

func TestTagsOverTheLimitsAreAnError(t *testing.T) {
	b := backend.NewMemory()
	r := texts(t, b)
	r.set(fresh("k", "older"))
	for name, tags := range map[string][]tier.Tag{
		"too many": make([]tier.Tag, envelope.MaxTags+1),
		"too long": {{Name: strings.Repeat("t", envelope.MaxTagBytes+1)}},
	} {
		e := fresh("k", "newer")
		e.Tags = tags
		if err := r.Set(t.Context(), e); err == nil {
			t.Errorf("%s: Set() = nil, want an error", name)
		}
		r.wantMiss("k")
		r.set(fresh("k", "older"))
	}
}

// What is larger than a pooled buffer, and what is encoded into a used one, is stored as it is.
func TestBuffersAreReusedWithoutATrace(t *testing.T) {
	b := backend.NewMemory()
	r := tier.Remote[[]byte](b, codec.Raw{})
	err := r.Open(tier.Scope{Cache: "c", MaxValueBytes: 1 << 20, Epoch: func() uint64 { return 1 }, Report: func(tier.Problem) {}})
	if err != nil {
		t.Fatalf("Open() = %v, want nil", err)
	}
	for _, size := range []int{10, 1 << 20, 5, 300 << 10, 0, 64} {
		want := strings.Repeat("x", size)
		if err := r.Set(t.Context(), fresh("k", []byte(want))); err != nil {
			t.Fatalf("Set() of %d bytes = %v, want nil", size, err)
		}
		if e, ok, err := r.Get(t.Context(), "k"); !ok || err != nil || string(e.Value) != want {
			t.Errorf("Get() of %d bytes = %t, %v, want them", size, ok, err)
		}
	}
}

func TestOpenRefusesWhatCannotWork(t *testing.T) {
	good := tier.Scope{Cache: "c", MaxValueBytes: 1, Epoch: func() uint64 { return 1 }, Report: func(tier.Problem) {}}
	scope := func(change func(s *tier.Scope)) tier.Scope {
		s := good
		change(&s)
		return s
	}
	memory := backend.NewMemory()
	for name, c := range map[string]struct {
		t *tier.RemoteTier[string]
		s tier.Scope
	}{
		"nil backend":     {tier.Remote[string](nil, codec.MsgPack{}), good},
		"nil codec":       {tier.Remote[string](memory, nil), good},
		"no codec name":   {tier.Remote[string](memory, named("")), good},
		"long codec name": {tier.Remote[string](memory, named(strings.Repeat("n", 33))), good},
		"no cache name":   {tier.Remote[string](memory, codec.MsgPack{}), scope(func(s *tier.Scope) { s.Cache = "" })},
		"bad cache name":  {tier.Remote[string](memory, codec.MsgPack{}), scope(func(s *tier.Scope) { s.Cache = "a:b" })},
		"no limit":        {tier.Remote[string](memory, codec.MsgPack{}), scope(func(s *tier.Scope) { s.MaxValueBytes = 0 })},
		"no epoch":        {tier.Remote[string](memory, codec.MsgPack{}), scope(func(s *tier.Scope) { s.Epoch = nil })},
		"no report":       {tier.Remote[string](memory, codec.MsgPack{}), scope(func(s *tier.Scope) { s.Report = nil })},
	} {
		if err := c.t.Open(c.s); err == nil {
			t.Errorf("%s: Open() = nil, want an error", name)
		}
		if _, _, err := c.t.Get(t.Context(), "k"); err == nil {
			t.Errorf("%s: Get() of a tier that is not open = nil, want an error", name)
		}
	}
	longest := tier.Remote[string](memory, named(strings.Repeat("n", 32)))
	if err := longest.Open(good); err != nil {
		t.Errorf("Open() with a codec name of 32 bytes = %v, want nil", err)
	}
	if err := longest.Open(good); err == nil {
		t.Error("second Open() = nil, want an error")
	}
}

// A named codec is MsgPack under another name.
type named string

func (n named) Name() string                       { return string(n) }
func (n named) Marshal(v any) ([]byte, error)      { return codec.MsgPack{}.Marshal(v) }
func (n named) Unmarshal(data []byte, v any) error { return codec.MsgPack{}.Unmarshal(data, v) }

func TestTierThatIsNotOpenReturnsErrors(t *testing.T) {
	b := backend.NewMemory()
	r := tier.Remote[string](b, codec.MsgPack{})
	ctx := t.Context()
	_, _, get := r.Get(ctx, "k")
	_, _, lease := r.Lease(ctx, "k", time.Second, nil)
	_, inspect := r.Inspect(ctx, "k")
	for name, err := range map[string]error{
		"Inspect": inspect,
		"Get":     get,
		"Set":     r.Set(ctx, fresh("k", "v")),
		"Delete":  r.Delete(ctx, "k"),
		"Expire":  r.Expire(ctx, "k"),
		"Clear":   r.Clear(ctx),
		"Lease":   lease,
	} {
		if err == nil {
			t.Errorf("%s() before Open = nil, want an error", name)
		}
	}
	if b.Len() != 0 {
		t.Errorf("%d values were stored before Open, want 0", b.Len())
	}
}

func TestNamedTiersHaveTheSameStore(t *testing.T) {
	b := backend.NewMemory()
	r := texts(t, b)
	if got := r.Name(); got != "remote" {
		t.Errorf("Name() = %q, want remote", got)
	}
	far := r.Named("far")
	if got := far.Name(); got != "far" {
		t.Errorf("Name() = %q, want far", got)
	}
	err := far.Open(tier.Scope{Cache: "c", MaxValueBytes: maxValue, Epoch: r.epoch.Load, Report: func(tier.Problem) {}})
	if err != nil {
		t.Fatalf("Open() = %v, want nil", err)
	}
	r.set(fresh("k", "v"))
	if e, ok, err := far.Get(t.Context(), "k"); !ok || err != nil || e.Value != "v" {
		t.Errorf("Get() by another name = %v, %t, %v, want v", e, ok, err)
	}
}
