package tier_test

import (
	"math/big"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/tiercache/tiercache/tier"
)

// bytesOf returns the cost of a value alone.
func bytesOf[V any](v V) int64 {
	cost := tier.Cost[V]()
	return cost(&tier.Entry[V]{Value: v}) - cost(&tier.Entry[V]{Absent: true})
}

type tree struct {
	Left, Right *tree
	Name        string
}

type ring struct{ next *ring }

func TestCostOfValues(t *testing.T) {
	rings := &ring{}
	rings.next = &ring{next: rings}
	shared := &tree{Name: strings.Repeat("s", 160)}
	var self []any
	self = append(self, nil)
	self[0] = self
	for _, test := range []struct {
		name     string
		got      int64
		min, max int64 // bytes
	}{
		{"int", bytesOf(1), 0, 0},
		{"array of numbers", bytesOf([100]int{}), 0, 0},
		{"time", bytesOf(time.Now()), 0, 0},
		{"empty string", bytesOf(""), 0, 0},
		{"string", bytesOf(strings.Repeat("x", 1000)), 1000, 1024},
		{"bytes by capacity", bytesOf(make([]byte, 10, 4096)), 4096, 4096},
		{"nil slice", bytesOf([]string(nil)), 0, 0},
		{"strings", bytesOf([]string{strings.Repeat("x", 160), strings.Repeat("x", 160)}), 352, 352},
		{"many strings", bytesOf(many(10_000, strings.Repeat("x", 160))), 1_760_000, 1_760_000},
		{"nil pointer", bytesOf((*tree)(nil)), 0, 0},
		{"pointer", bytesOf(&tree{Name: strings.Repeat("x", 160)}), 192, 192},
		{"tree", bytesOf(&tree{Left: &tree{}, Right: &tree{}}), 96, 96},
		{"shared part of a tree", bytesOf(&tree{Left: shared, Right: shared}), 32 + 192, 32 + 192},
		{"ring", bytesOf(rings), 32, 32},
		{"slice in itself", bytesOf(self), 16, 1 << 20},
		{"nil map", bytesOf(map[string]int(nil)), 0, 0},
		{"map", bytesOf(map[string]string{"k": strings.Repeat("x", 1600)}), 1900, 2100},
		{"any of a number", bytesOf[any](1), 8, 16},
		{"any of a pointer", bytesOf[any](&tree{}), 32, 32},
		{"any of a string", bytesOf[any](strings.Repeat("x", 160)), 176, 176},
		{"nil any", bytesOf[any](nil), 0, 0},
		{"struct with unexported parts", bytesOf(*new(big.Int).Lsh(big.NewInt(1), 8000)), 1000, 1200},
		{"channel and function", bytesOf(struct {
			c chan int
			f func()
		}{make(chan int, 100), func() {}}), 0, 0},
	} {
		if test.got < test.min || test.got > test.max {
			t.Errorf("%s: %d bytes, want %d to %d", test.name, test.got, test.min, test.max)
		}
	}
}

func many(n int, s string) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = s
	}
	return all
}

func TestCostCountsTheWholeEntry(t *testing.T) {
	cost := tier.Cost[int]()
	bare := cost(&tier.Entry[int]{})
	if least := int64(unsafe.Sizeof(tier.Entry[int]{})); bare < least || bare > least+16 {
		t.Errorf("cost of an empty entry = %d, want the size of the struct, %d", bare, least)
	}
	if got := cost(&tier.Entry[int]{Key: strings.Repeat("k", 160)}) - bare; got != 160 {
		t.Errorf("cost of a key of 160 bytes = %d", got)
	}
	if got := cost(&tier.Entry[int]{Tags: []tier.Tag{{Name: strings.Repeat("t", 160)}}}) - bare; got < 160+24 || got > 160+32 {
		t.Errorf("cost of a tag of 160 bytes = %d", got)
	}
}

func TestCostTakesTheEncodedSizeWhereItIsKnown(t *testing.T) {
	cost := tier.Cost[[]string]()
	value := many(10, "x")
	unknown, known := cost(&tier.Entry[[]string]{Value: value}), cost(&tier.Entry[[]string]{Value: value, Size: 1600})
	if bare := cost(&tier.Entry[[]string]{}); known != bare+1600 || unknown == known {
		t.Errorf("cost with Size 1600 = %d, without = %d, want %d and something else", known, unknown, bare+1600)
	}
	// A value without pointers is in the struct.
	flat := tier.Cost[int]()
	if got, want := flat(&tier.Entry[int]{Size: 1600}), flat(&tier.Entry[int]{}); got != want {
		t.Errorf("cost of an int with Size 1600 = %d, want %d", got, want)
	}
}

func TestCostOfHugeGraphsEnds(t *testing.T) {
	head := &ring{}
	for range 1_000_000 {
		head = &ring{next: head}
	}
	if got := bytesOf(head); got < 10_000 {
		t.Errorf("cost of a long list = %d, want a part of it at least", got)
	}
}

func BenchmarkCost(b *testing.B) {
	type user struct {
		ID    int
		Name  string
		Roles []string
		Since time.Time
	}
	cost := tier.Cost[user]()
	e := &tier.Entry[user]{Key: "user:1", Value: user{Name: "Ada", Roles: []string{"admin", "author"}}}
	b.ReportAllocs()
	for b.Loop() {
		cost(e)
	}
}
