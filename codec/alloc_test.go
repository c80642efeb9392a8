//go:build !race

// The race detector makes pools drop some of what they are given, so allocations are counted without it.

package codec_test

import (
	"testing"

	"github.com/tiercache/tiercache/codec"
)

func TestAppendMarshalIntoABufferWithRoomHardlyAllocates(t *testing.T) {
	u := newUser()
	packed := compress(t, codec.MsgPack{}, codec.Compression{Threshold: 1})
	for _, test := range []struct {
		c    codec.Appender
		most float64
	}{
		{codec.MsgPack{}, 3},
		{codec.MsgPack{Array: true}, 3},
		{packed, 3},
	} {
		dst := make([]byte, 0, 4<<10)
		got := testing.AllocsPerRun(1000, func() {
			if _, err := test.c.AppendMarshal(dst, &u); err != nil {
				t.Fatal(err)
			}
		})
		if got > test.most {
			t.Errorf("%s: AppendMarshal makes %v allocations, want at most %v", test.c.Name(), got, test.most)
		}
		t.Logf("%s: %v", test.c.Name(), got)
	}
}

func TestRawAppendMarshalDoesNotAllocate(t *testing.T) {
	dst := make([]byte, 0, 1<<10)
	var value any = make([]byte, 100)
	got := testing.AllocsPerRun(1000, func() {
		if _, err := (codec.Raw{}).AppendMarshal(dst, value); err != nil {
			t.Fatal(err)
		}
	})
	if got > 0 {
		t.Errorf("AppendMarshal makes %v allocations, want none", got)
	}
}
