package codec

import (
	"errors"
	"fmt"
	"reflect"
)

// Raw stores bytes and strings as they are, for values that are encoded already. Its values are []byte, string and
// types defined as these; its targets are pointers to them. Anything else is an error. The zero value is
// ready to use.
//
// Every sequence of bytes is an encoding, so Raw cannot notice damage. A nil slice comes back as an empty one.
type Raw struct{}

var errNotBytes = errors.New("neither bytes nor a string")

// Name returns "raw".
func (Raw) Name() string { return "raw" }

// Marshal implements Codec. The result is a copy.
func (c Raw) Marshal(v any) ([]byte, error) { return c.AppendMarshal([]byte{}, v) }

// AppendMarshal implements Appender.
func (Raw) AppendMarshal(dst []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case []byte:
		return append(dst, v...), nil
	case string:
		return append(dst, v...), nil
	}
	switch rv := reflect.ValueOf(v); {
	case rv.Kind() == reflect.String:
		return append(dst, rv.String()...), nil
	case rv.Kind() == reflect.Slice && rv.Type().Elem().Kind() == reflect.Uint8:
		return append(dst, rv.Bytes()...), nil
	}
	return dst, fmt.Errorf("codec: raw: marshal %T: %w", v, errNotBytes)
}

// Unmarshal implements Codec. The bytes of the target are a copy of data.
func (Raw) Unmarshal(data []byte, v any) error {
	rv := reflect.ValueOf(v)
	if rv.Kind() != reflect.Pointer || rv.IsNil() {
		return fmt.Errorf("codec: raw: unmarshal %T: %w", v, errTarget)
	}
	switch v := v.(type) {
	case *[]byte:
		*v = clone(data)
		return nil
	case *string:
		*v = string(data)
		return nil
	}
	switch elem := rv.Elem(); {
	case elem.Kind() == reflect.String:
		elem.SetString(string(data))
		return nil
	case elem.Kind() == reflect.Slice && elem.Type().Elem().Kind() == reflect.Uint8:
		elem.SetBytes(clone(data))
		return nil
	}
	return fmt.Errorf("codec: raw: unmarshal %T: %w", v, errNotBytes)
}

// clone copies data. Unlike bytes.Clone it never returns nil.
func clone(data []byte) []byte { return append(make([]byte, 0, len(data)), data...) }
