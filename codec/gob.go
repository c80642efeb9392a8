package codec

import (
	"bytes"
	"encoding/binary"
	"encoding/gob"
	"errors"
	"fmt"
	"hash/crc32"
	"reflect"
)

// Gob encodes values with encoding/gob. Each encoding describes its type, which makes small values large and
// slow; use it for types that the other codecs cannot express. The zero value is ready to use.
//
// A CRC-32C of the encoding follows it. Package gob trusts the lengths in its input: a corrupt map could ask for any
// amount of memory. The checksum stops bytes that were damaged, not bytes that were forged: do not use Gob with
// a backend that an attacker can write to.
type Gob struct{}

// crcSize is the length of the checksum, in bytes.
const crcSize = 4

var (
	castagnoli  = crc32.MakeTable(crc32.Castagnoli)
	errChecksum = errors.New("checksum mismatch")
	errTarget   = errors.New("not a non-nil pointer")
	errNil      = errors.New("nil has no encoding")
)

// Name returns "gob".
func (Gob) Name() string { return "gob" }

// Marshal implements Codec.
func (c Gob) Marshal(v any) ([]byte, error) { return marshal(c, v) }

// AppendMarshal implements Appender. A nil pointer is an error, since gob has no encoding for it.
func (Gob) AppendMarshal(dst []byte, v any) (out []byte, err error) {
	out = dst // also when Encode panics
	defer rescue(&err, "gob: marshal", v)

	if rv := reflect.ValueOf(v); rv.Kind() == reflect.Pointer && rv.IsNil() {
		return dst, fmt.Errorf("codec: gob: marshal %T: %w", v, errNil)
	}
	b := buffer(dst)
	if err := gob.NewEncoder(&b).Encode(v); err != nil {
		return dst, fmt.Errorf("codec: gob: marshal %T: %w", v, err)
	}
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b[len(dst):], castagnoli)), nil
}

// Unmarshal implements Codec.
func (Gob) Unmarshal(data []byte, v any) (err error) {
	defer rescue(&err, "gob: unmarshal", v)

	if err := decodeGob(data, v); err != nil {
		return fmt.Errorf("codec: gob: unmarshal %T: %w", v, err)
	}
	return nil
}

func decodeGob(data []byte, v any) error {
	if rv := reflect.ValueOf(v); rv.Kind() != reflect.Pointer || rv.IsNil() {
		return errTarget // gob would take nil for the order to skip the value
	}
	size := len(data) - crcSize
	if size < 0 || crc32.Checksum(data[:size], castagnoli) != binary.BigEndian.Uint32(data[size:]) {
		return errChecksum
	}
	r := bytes.NewReader(data[:size])
	if err := gob.NewDecoder(r).Decode(v); err != nil {
		return err
	}
	if r.Len() > 0 {
		return fmt.Errorf("%d bytes after the value", r.Len())
	}
	return nil
}
