package codectest

import (
	"math"
	"strings"
	"time"
)

// record is a value such as programs cache. Its fields are exported and have no tags, so that each codec applies its
// own rules to them.
type record struct {
	ID       int64
	Name     string
	Active   bool
	Score    float64
	Tags     []string
	Data     []byte
	Limits   map[string]int
	Created  time.Time
	Timeout  time.Duration
	Owner    *owner
	Children []owner
}

type owner struct {
	Name string
	Rank int
}

type extremes struct {
	I8  [2]int8
	I16 [2]int16
	I32 [2]int32
	I64 [2]int64
	U8  [2]uint8
	U16 [2]uint16
	U32 [2]uint32
	U64 [2]uint64
	F32 [2]float32
	F64 [2]float64
}

// node nests by pointers. An empty Label is avoided, since some formats drop a pointer to a zero value.
type node struct {
	Label string
	Next  *node
}

// text has what careless escaping breaks: separators, quotes, control bytes and runes of all lengths.
const text = "a\x00b\n\"quoted\" \\ <&> é 漢字 🙂 \u2028 end"

func newRecord() record {
	return record{
		ID:       -42,
		Name:     text,
		Active:   true,
		Score:    2.5,
		Tags:     []string{"one", "", "three"},
		Data:     allBytes(),
		Limits:   map[string]int{"": 0, "low": -1, "high": math.MaxInt32},
		Created:  time.Date(2024, time.February, 29, 23, 59, 59, 999_999_999, time.UTC),
		Timeout:  90 * time.Second,
		Owner:    &owner{Name: "someone", Rank: 3},
		Children: []owner{{Name: "first", Rank: 1}, {}},
	}
}

func values() []sample {
	r := newRecord()
	chain := &node{Label: "last"}
	for range 50 {
		chain = &node{Label: "inner", Next: chain}
	}
	many := make([]record, 500)
	for i := range many {
		many[i] = r
		many[i].ID = int64(i)
	}
	return []sample{
		{"struct", r},
		{"empty struct", record{}},
		{"pointer to struct", &r},
		{"nested pointers", chain},
		{"extremes", extremes{
			I8: [2]int8{math.MinInt8, math.MaxInt8}, I16: [2]int16{math.MinInt16, math.MaxInt16},
			I32: [2]int32{math.MinInt32, math.MaxInt32}, I64: [2]int64{math.MinInt64, math.MaxInt64},
			U8: [2]uint8{0, math.MaxUint8}, U16: [2]uint16{0, math.MaxUint16},
			U32: [2]uint32{0, math.MaxUint32}, U64: [2]uint64{0, math.MaxUint64},
			F32: [2]float32{math.SmallestNonzeroFloat32, math.MaxFloat32},
			F64: [2]float64{math.SmallestNonzeroFloat64, -math.MaxFloat64},
		}},
		{"int", math.MaxInt32},
		{"negative int", -1},
		{"int64", int64(1<<53 + 1)}, // a float64 cannot hold it
		{"bool", true},
		{"float", math.Pi},
		{"string", text},
		{"empty string", ""},
		{"bytes", allBytes()},
		{"empty bytes", []byte{}},
		{"strings", []string{"a", "", text}},
		{"empty strings", []string{}},
		{"ints", []int{0, -1, math.MaxInt32}},
		{"structs", []owner{{Name: "a"}, {Rank: 2}}},
		{"pointers to structs", []*owner{{Name: "a", Rank: 1}, {Name: "b", Rank: 2}}},
		{"map", map[string]string{"k": "v", "": text, "empty": ""}},
		{"empty map", map[string]string{}},
		{"map of structs", map[string]owner{"a": {Name: "a", Rank: 1}}},
		{"map of slices", map[string][]int{"a": {1, 2, 3}}},
		{"map with int keys", map[int]string{-1: "minus", math.MaxInt32: "large"}},
		{"map of any", map[string]any{"s": "text", "t": true}},
		{"time", time.Date(2024, time.February, 29, 23, 59, 59, 123_456_789, time.FixedZone("", 2*60*60))},
		{"zero time", time.Time{}},
		{"duration", 36 * time.Hour},
		{"large string", strings.Repeat(text, 4000)},
		{"large slice", many},
	}
}

// Types as the values of a codec of bytes may have them.
type (
	definedBytes  []byte
	definedString string
)

func blobs() []sample {
	return []sample{
		{"bytes", allBytes()},
		{"empty bytes", []byte{}},
		{"nil bytes", []byte(nil)},
		{"string", text},
		{"empty string", ""},
		{"defined bytes", definedBytes(allBytes())},
		{"defined string", definedString(text)},
		{"repetitive bytes", []byte(strings.Repeat("abcdefgh", 200))},
		{"large string", strings.Repeat(text, 4000)},
	}
}

func allBytes() []byte {
	b := make([]byte, 256)
	for i := range b {
		b[i] = byte(i)
	}
	return b
}
