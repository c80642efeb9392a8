package codec

import (
	"fmt"
	"sync"

	"github.com/vmihailenco/msgpack/v5"
)

// MsgPack encodes values as MessagePack with github.com/vmihailenco/msgpack/v5, whose struct tags and interfaces
// apply. The zero value is ready to use.
//
// Field names are stored, so fields may be added, removed and reordered; what is unknown is skipped and what is
// missing keeps the value it has in the target. Numbers are stored by size, not by type: reading one into a smaller
// integer type cuts it off without an error.
//
// Unmarshal checks the structure of the whole message before it decodes anything, so that corrupt lengths and
// deep nesting end in an error and not in exhausted memory. Types registered with msgpack.RegisterExtDecoder have
// to read their bodies with Decoder.ReadFull, since a body is bytes that this check cannot look into.
type MsgPack struct {
	// Array stores structs as arrays of their field values, without the names: smaller and faster, but tied to
	// the order of the fields. A value with another number of fields is an error; fields that were
	// reordered or replaced are misread. Use it for structs that do not change.
	Array bool
}

// Name returns "msgpack", or "msgpack-array" if Array is set.
func (c MsgPack) Name() string {
	if c.Array {
		return "msgpack-array"
	}
	return "msgpack"
}

// Marshal implements Codec.
func (c MsgPack) Marshal(v any) ([]byte, error) { return marshal(c, v) }

// AppendMarshal implements Appender.
func (c MsgPack) AppendMarshal(dst []byte, v any) (out []byte, err error) {
	out = dst // also when Encode panics
	defer rescue(&err, "msgpack: marshal", v)

	e := encoders.Get().(*encoder)
	e.buf = dst
	e.enc.Reset(&e.buf)
	e.enc.UseArrayEncodedStructs(c.Array)
	if err := e.enc.Encode(v); err != nil {
		return dst, fmt.Errorf("codec: msgpack: marshal %T: %w", v, err)
	}
	out = e.buf
	e.release(len(out) - len(dst))
	return out, nil
}

// Unmarshal implements Codec.
func (c MsgPack) Unmarshal(data []byte, v any) (err error) {
	defer rescue(&err, "msgpack: unmarshal", v)

	d := decoders.Get().(*decoder)
	if err := d.decode(data, v); err != nil {
		return fmt.Errorf("codec: msgpack: unmarshal %T: %w", v, err)
	}
	d.release(len(data))
	return nil
}

// The pools hold encoders and decoders that have no settings and refer to no data. One that failed or panicked does
// not come back: msgpack's Reset does not clear everything that an error leaves behind.
var (
	encoders = sync.Pool{New: func() any { return &encoder{enc: msgpack.NewEncoder(nil)} }}
	decoders = sync.Pool{New: func() any { return &decoder{dec: msgpack.NewDecoder(nil)} }}
)

type encoder struct {
	enc *msgpack.Encoder
	buf buffer // the caller's
}

// release returns e to its pool after it wrote size bytes. What it buffered by itself is not larger.
func (e *encoder) release(size int) {
	e.buf = nil
	e.enc.Reset(nil)
	if size <= maxPooled {
		encoders.Put(e)
	}
}

type decoder struct {
	dec *msgpack.Decoder
	src source
}

// decode does not preallocate values as msgpack.Unmarshal does: that costs a goroutine per type that never ends.
func (d *decoder) decode(data []byte, v any) error {
	var err error
	if d.src.bodies, err = scan(data, d.src.bodies[:0]); err != nil {
		return err
	}
	d.src.data, d.src.pos, d.src.next = data, 0, 0
	d.dec.Reset(&d.src)
	if err := d.dec.Decode(v); err != nil {
		return err
	}
	if left := len(data) - d.src.pos; left > 0 {
		return fmt.Errorf("%d bytes after the value", left)
	}
	return nil
}

// release returns d to its pool after it read size bytes. What it buffered by itself is a small multiple at most.
func (d *decoder) release(size int) {
	d.src.data = nil
	d.dec.Reset(nil)
	if size <= maxPooled {
		decoders.Put(d)
	}
}
