package codectest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"runtime/metrics"
	"testing"

	"github.com/tiercache/tiercache/codec"
)

const (
	// maxAlloc is how much one Unmarshal of a damaged encoding may allocate, in bytes.
	maxAlloc = 16 << 20
	// maxDamaged is the length of the longest encoding that is damaged, in bytes.
	maxDamaged = 4 << 10
	// mutations is how many random changes are made to each encoding.
	mutations = 60
)

// testDamage decodes truncated and altered encodings, and encodings of other types. Whether each is an error depends
// on the format, as some are encodings of another value; none may panic or allocate without limit.
func testDamage(t *testing.T, c codec.Codec, samples []sample) {
	rng := rand.New(rand.NewPCG(1, 2)) // the same damage in every run
	var encodings [][]byte
	for _, s := range samples {
		if data := marshal(t, c, s.value); len(data) <= maxDamaged {
			encodings = append(encodings, data)
		}
	}
	for _, s := range samples {
		typ := reflect.TypeOf(s.value)
		for _, data := range [][]byte{nil, {0}, {0xff}, bytes.Repeat([]byte{0xff}, 64), bytes.Repeat([]byte("["), 1<<14)} {
			survive(t, c, "garbage", data, typ)
		}
		for _, data := range encodings {
			survive(t, c, "the encoding of some type", data, typ)
		}
		data := marshal(t, c, s.value)
		if len(data) > maxDamaged {
			continue
		}
		for i := range data {
			survive(t, c, fmt.Sprintf("the first %d bytes of %d", i, len(data)), data[:i], typ)
		}
		for range mutations {
			survive(t, c, "an altered encoding", mutate(rng, data), typ)
		}
	}
}

// survive decodes data into a new value of type typ.
func survive(t *testing.T, c codec.Codec, what string, data []byte, typ reflect.Type) {
	t.Helper()
	defer func() {
		if r := recover(); r != nil {
			t.Fatalf("Unmarshal of %s into %s: panic: %v\n% .100x", what, typ, r, data)
		}
	}()
	before := allocated()
	_ = c.Unmarshal(data, reflect.New(typ).Interface())
	if n := allocated() - before; n > maxAlloc {
		t.Fatalf("Unmarshal of %s into %s allocates %d bytes, want at most %d\n% .100x", what, typ, n, maxAlloc, data)
	}
}

// allocated returns how many bytes the process has allocated so far. It may lag behind for small objects, which does not matter
// here, but does not stop the world.
func allocated() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// mutate returns a copy of data with one to four bytes changed, inserted or overwritten by 0xff, as lengths
// are where damage does most harm.
func mutate(rng *rand.Rand, data []byte) []byte {
	out := bytes.Clone(data)
	for range 1 + rng.IntN(4) {
		i := rng.IntN(len(out) + 1)
		switch {
		case i == len(out):
			out = append(out, byte(rng.Uint32()))
		case rng.IntN(4) == 0:
			copy(out[i:], "\xff\xff\xff\xff")
		default:
			out[i] = byte(rng.Uint32())
		}
	}
	return out
}
