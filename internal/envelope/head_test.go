package envelope_test

import (
	"errors"
	"math/bits"
	"testing"

	"github.com/tiercache/tiercache/internal/envelope"
)

var kinds = []envelope.Kind{envelope.Lease, envelope.Value, envelope.Refresh, envelope.Expired, envelope.ExpiredRefresh}

func TestKindsSayWhatMayBeDone(t *testing.T) {
	for _, c := range []struct {
		kind           envelope.Kind
		leased, stale  bool
		taken, settled envelope.Kind
	}{
		{envelope.Lease, true, false, envelope.Lease, envelope.Lease},
		{envelope.Value, false, false, envelope.Refresh, envelope.Value},
		{envelope.Refresh, true, false, envelope.Refresh, envelope.Value},
		{envelope.Expired, false, true, envelope.ExpiredRefresh, envelope.Expired},
		{envelope.ExpiredRefresh, true, true, envelope.ExpiredRefresh, envelope.Expired},
	} {
		if got := c.kind.Leased(); got != c.leased {
			t.Errorf("%c.Leased() = %t, want %t", c.kind, got, c.leased)
		}
		if got := c.kind.Stale(); got != c.stale {
			t.Errorf("%c.Stale() = %t, want %t", c.kind, got, c.stale)
		}
		if got := c.kind.Taken(); got != c.taken {
			t.Errorf("%c.Taken() = %c, want %c", c.kind, got, c.taken)
		}
		if got := c.kind.Settled(); got != c.settled {
			t.Errorf("%c.Settled() = %c, want %c", c.kind, got, c.settled)
		}
	}
}

func TestOneFlippedBitMakesNoOtherKind(t *testing.T) {
	for i, a := range kinds {
		for _, b := range kinds[i+1:] {
			allowed := a == envelope.Value && b == envelope.Refresh
			if bits.OnesCount8(byte(a^b)) == 1 && !allowed {
				t.Errorf("one bit turns %c into %c", a, b)
			}
		}
	}
}

func TestHeadsSurviveTheRoundTrip(t *testing.T) {
	for _, kind := range kinds {
		for _, deadline := range []int64{0, 1, 1_700_000_000_000, -1} {
			h := envelope.Head{Kind: kind, Token: envelope.NewToken(), Deadline: deadline}
			data := h.Append(nil)
			if len(data) != envelope.HeadSize {
				t.Fatalf("Append() is %d bytes long, want %d", len(data), envelope.HeadSize)
			}
			if got, err := envelope.ParseHead(append(data, "whatever follows"...)); got != h || err != nil {
				t.Errorf("ParseHead() = %+v, %v, want %+v", got, err, h)
			}
		}
	}
}

func TestWhatIsNoHeadIsUnreadable(t *testing.T) {
	good := envelope.Head{Kind: envelope.Value}.Append(nil)
	edit := func(at int, b byte) []byte {
		data := append([]byte(nil), good...)
		data[at] = b
		return data
	}
	for name, data := range map[string][]byte{
		"nothing":          nil,
		"a byte too short": good[:envelope.HeadSize-1],
		"other magic":      edit(1, 'c'),
		"version 0":        edit(2, 0),
		"version 2":        edit(2, 2),
		"unknown kind":     edit(3, 'e'),
		"kind 0":           edit(3, 0),
		"JSON":             []byte(`{"name":"somebody else's value"}`),
	} {
		if h, err := envelope.ParseHead(data); !errors.Is(err, envelope.ErrUnreadable) || h != (envelope.Head{}) {
			t.Errorf("%s: ParseHead() = %+v, %v, want nothing and ErrUnreadable", name, h, err)
		}
	}
}

func TestTokensDiffer(t *testing.T) {
	seen := make(map[envelope.Token]bool)
	for range 1000 {
		seen[envelope.NewToken()] = true
	}
	if len(seen) != 1000 {
		t.Errorf("%d different tokens of 1000", len(seen))
	}
}
