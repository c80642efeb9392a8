package codec_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/tiercache/tiercache/codec"
)

type City struct {
	Name       string `msgpack:"n"`
	Population int    `msgpack:"p"`
}

func ExampleMsgPack() {
	c := codec.MsgPack{}
	data, err := c.Marshal(City{Name: "Oslo", Population: 700_000})
	if err != nil {
		fmt.Println(err)
		return
	}
	var city City
	if err := c.Unmarshal(data, &city); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(c.Name(), len(data), city)
	fmt.Println(c.Unmarshal(data[:5], &city))
	// Output:
	// msgpack 15 {Oslo 700000}
	// codec: msgpack: unmarshal *codec_test.City: unexpected EOF
}

func ExampleJSON() {
	data, err := codec.JSON{}.Marshal(City{Name: "Oslo", Population: 700_000})
	fmt.Println(string(data), err)
	// Output: {"Name":"Oslo","Population":700000} <nil>
}

func ExampleGob() {
	data, err := codec.Gob{}.Marshal(map[complex128]string{1i: "i"})
	if err != nil {
		fmt.Println(err)
		return
	}
	var names map[complex128]string
	fmt.Println(codec.Gob{}.Unmarshal(data, &names), names)
	// Output: <nil> map[(0+1i):i]
}

func ExampleRaw() {
	data, err := codec.Raw{}.Marshal("<p>rendered</p>")
	fmt.Println(string(data), err)
	_, err = codec.Raw{}.Marshal(42)
	fmt.Println(err)
	// Output:
	// <p>rendered</p> <nil>
	// codec: raw: marshal int: neither bytes nor a string
}

func ExampleCompress() {
	c, err := codec.Compress(codec.MsgPack{}, codec.Compression{Algorithm: codec.Zstd})
	if err != nil {
		fmt.Println(err)
		return
	}
	page := strings.Repeat("the same again, ", 1000)
	data, err := c.Marshal(page)
	if err != nil {
		fmt.Println(err)
		return
	}
	var back string
	err = c.Unmarshal(data, &back)
	fmt.Println(c.Name(), len(data) < len(page)/100, back == page, err)
	// Output: msgpack+zstd true true <nil>
}

func ExampleAppend() {
	frame := []byte("header ")
	frame, err := codec.Append(codec.JSON{}, frame, []int{1, 2, 3})
	fmt.Println(string(frame), err)
	// Output: header [1,2,3] <nil>
}

// Point is the value of Points.
type Point struct{ X, Y int32 }

// Points is a codec for one type only, eight bytes each.
type Points struct{}

// Name ends in the version of the format.
func (Points) Name() string { return "points/1" }

func (c Points) Marshal(v any) ([]byte, error) { return c.AppendMarshal(nil, v) }

func (Points) AppendMarshal(dst []byte, v any) ([]byte, error) {
	p, ok := v.(Point)
	if !ok {
		return dst, fmt.Errorf("points: marshal %T: not a Point", v)
	}
	dst = binary.BigEndian.AppendUint32(dst, uint32(p.X))
	return binary.BigEndian.AppendUint32(dst, uint32(p.Y)), nil
}

func (Points) Unmarshal(data []byte, v any) error {
	p, ok := v.(*Point)
	if !ok || p == nil {
		return fmt.Errorf("points: unmarshal into %T: not a Point", v)
	}
	if len(data) != 8 {
		return errors.New("points: unmarshal: not eight bytes")
	}
	p.X = int32(binary.BigEndian.Uint32(data))
	p.Y = int32(binary.BigEndian.Uint32(data[4:]))
	return nil
}

// A codec of one's own needs three methods, and AppendMarshal to save a copy.
func Example_custom() {
	var c codec.Codec = Points{}
	data, err := codec.Append(c, nil, Point{X: 3, Y: -4})
	if err != nil {
		fmt.Println(err)
		return
	}
	var p Point
	fmt.Println(c.Unmarshal(data, &p), p, len(data))
	fmt.Println(c.Unmarshal(data[:3], &p))
	// Output:
	// <nil> {3 -4} 8
	// points: unmarshal: not eight bytes
}
