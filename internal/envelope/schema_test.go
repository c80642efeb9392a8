package envelope_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/tiercache/tiercache/internal/envelope"
)

func schema[T any]() uint64 { return envelope.Schema(reflect.TypeFor[T]()) }

type user struct {
	ID      int64
	Name    string `msgpack:"name" json:"n"`
	Tags    []string
	Created time.Time
	Parent  *user
	secret  map[string][4]any
}

// The fingerprints of stored values must not change with a release, or every stored value would be loaded again.
func TestSchemaIsConstant(t *testing.T) {
	for name, c := range map[string]struct{ got, want uint64 }{
		"string": {schema[string](), 0x704be0d8faaffc58},
		"[]byte": {schema[[]byte](), 0x39e31c2316457df7},
		"user":   {schema[user](), 0x55e06501ed22df4f},
	} {
		if c.got != c.want {
			t.Errorf("Schema(%s) = %#x, want %#x", name, c.got, c.want)
		}
	}
	_ = user{}.secret
}

// a is the first field of a struct in the tests below, b always the second.
func a(of any, tag reflect.StructTag) reflect.StructField {
	return reflect.StructField{Name: "A", Type: reflect.TypeOf(of), Tag: tag}
}

var b = reflect.StructField{Name: "B", Type: reflect.TypeFor[string]()}

func of(fields ...reflect.StructField) uint64 { return envelope.Schema(reflect.StructOf(fields)) }

func TestSchemaChangesWithWhatIsStored(t *testing.T) {
	type inner struct{ X int }
	seen := make(map[uint64]string)
	for name, number := range map[string]uint64{
		"base":               of(a(0, ""), b),
		"field renamed":      of(reflect.StructField{Name: "A2", Type: reflect.TypeFor[int]()}, b),
		"field added":        of(a(0, ""), b, reflect.StructField{Name: "C", Type: reflect.TypeFor[string]()}),
		"field removed":      of(a(0, "")),
		"fields reordered":   of(b, a(0, "")),
		"field retyped":      of(a(int64(0), ""), b),
		"msgpack tag added":  of(a(0, `msgpack:"a"`), b),
		"msgpack tag edited": of(a(0, `msgpack:"a,omitempty"`), b),
		"msgpack tag empty":  of(a(0, `msgpack:""`), b),
		"json tag added":     of(a(0, `json:"a"`), b),
		"field unexported":   of(reflect.StructField{Name: "A", Type: reflect.TypeFor[int](), PkgPath: "p"}, b),
		"field is a pointer": of(a(new(int), ""), b),
		"field is a slice":   of(a([]int{}, ""), b),
		"array of two":       of(a([2]int{}, ""), b),
		"array of three":     of(a([3]int{}, ""), b),
		"map":                of(a(map[int]int{}, ""), b),
		"map, other key":     of(a(map[string]int{}, ""), b),
		"map, other value":   of(a(map[int]string{}, ""), b),
		"interface":          of(reflect.StructField{Name: "A", Type: reflect.TypeFor[any]()}, b),
		"time":               of(a(time.Time{}, ""), b),
		"struct":             of(a(inner{}, ""), b),
		"embedded struct":    schema[struct{ inner }](),
		"not embedded":       schema[struct{ inner inner }](),
		"no struct":          schema[int](),
		"pointer to base":    envelope.Schema(reflect.PointerTo(reflect.StructOf([]reflect.StructField{a(0, ""), b}))),
	} {
		if other, ok := seen[number]; ok {
			t.Errorf("%q and %q have the same Schema %#x", name, other, number)
		}
		seen[number] = name
	}
}

func TestSchemaIgnoresNamesOfTypes(t *testing.T) {
	type before struct {
		A int
		B string
	}
	type after before
	type number int
	base := of(a(0, ""), b)
	for name, got := range map[string]uint64{
		"a named type":     schema[before](),
		"another name":     schema[after](),
		"a type of int":    of(a(number(0), ""), b),
		"a tag for others": of(a(0, `yaml:"a"`), b),
	} {
		if got != base {
			t.Errorf("%s: Schema is %#x, want %#x as without", name, got, base)
		}
	}
	if got, want := schema[[]after](), schema[[]before](); got != want {
		t.Errorf("Schema of a slice changes with the name of its elements: %#x, was %#x", got, want)
	}
	if got, want := schema[time.Duration](), schema[int64](); got != want {
		t.Errorf("Schema of a Duration is %#x, of an int64 %#x, want the same", got, want)
	}
}

type (
	list     struct{ Next *list }
	sameList struct{ Next *sameList }
	otherTag struct {
		Next *otherTag `json:"next"`
	}
	tree     struct{ Children []tree }
	ping     struct{ To *pong }
	pong     struct{ To *ping }
	straight struct{ To *straight }
	slices   []slices
	maps     map[string]maps
	pointer  *pointer
)

func TestRecursiveTypesHaveASchema(t *testing.T) {
	if a, b := schema[list](), schema[sameList](); a != b {
		t.Errorf("Schema of a list that was renamed is %#x, want %#x", b, a)
	}
	seen := make(map[uint64]string)
	for name, number := range map[string]uint64{
		"list":           schema[list](),
		"pointer to it":  schema[*list](),
		"other tag":      schema[otherTag](),
		"tree":           schema[tree](),
		"two structs":    schema[ping](),
		"slice of self":  schema[slices](),
		"map of self":    schema[maps](),
		"pointer to one": schema[pointer](),
	} {
		if other, ok := seen[number]; ok {
			t.Errorf("%q and %q have the same Schema %#x", name, other, number)
		}
		seen[number] = name
	}
	// No way through their fields tells these apart, so their values are encoded alike.
	if a, b := schema[ping](), schema[straight](); a != b {
		t.Errorf("Schema of a cycle of two is %#x, of one %#x, want the same", a, b)
	}
}

// Two chains that differ only at the far end: it takes as many rounds as they are long to see it.
func TestSchemaSeesTheEndOfALongWay(t *testing.T) {
	long := func(end reflect.Type) uint64 {
		for range 100 {
			end = reflect.StructOf([]reflect.StructField{{Name: "F", Type: reflect.PointerTo(end)}})
		}
		return envelope.Schema(end)
	}
	if a, b := long(reflect.TypeFor[int]()), long(reflect.TypeFor[int8]()); a == b {
		t.Errorf("Schema of chains that end in int and int8 is %#x for both", a)
	}
}

type (
	opaque1 struct{ X int }
	opaque2 struct{ X int }
	opaque3 struct{ X int }
	viaJSON struct{ X int }
	viaGob  struct{ X int }
	viaText struct{ X int }
	viaPack struct{ X int }
)

func (opaque1) MarshalBinary() ([]byte, error)   { return nil, nil }
func (*opaque2) MarshalBinary() ([]byte, error)  { return nil, nil }
func (opaque3) EncodeMsgpack(any) error          { return nil }
func (viaJSON) MarshalJSON() ([]byte, error)     { return nil, nil }
func (viaGob) GobEncode() ([]byte, error)        { return nil, nil }
func (viaText) MarshalText() ([]byte, error)     { return nil, nil }
func (*viaPack) MarshalMsgpack() ([]byte, error) { return nil, nil }

func TestTypesThatMarshalThemselvesAreKnownByName(t *testing.T) {
	seen := map[uint64]string{schema[struct{ X int }](): "the plain struct"}
	for name, number := range map[string]uint64{
		"MarshalBinary":            schema[opaque1](),
		"MarshalBinary by pointer": schema[opaque2](),
		"EncodeMsgpack":            schema[opaque3](),
		"MarshalJSON":              schema[viaJSON](),
		"GobEncode":                schema[viaGob](),
		"MarshalText":              schema[viaText](),
		"MarshalMsgpack":           schema[viaPack](),
		"time":                     schema[time.Time](),
	} {
		if other, ok := seen[number]; ok {
			t.Errorf("%q and %q have the same Schema %#x", name, other, number)
		}
		seen[number] = name
	}
}
