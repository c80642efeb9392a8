package codec

import (
	"bytes"
	"fmt"
	"sync"
)

// maxPooled is the largest buffer, in bytes, that waits in a pool for its next use. Larger ones are left to the
// garbage collector, so that one huge value does not pin memory for good.
const maxPooled = 256 << 10

// buffer is the slice of a caller as an io.Writer: what an encoder writes is appended in place.
type buffer []byte

func (b *buffer) Write(p []byte) (int, error) {
	*b = append(*b, p...)
	return len(p), nil
}

func (b *buffer) WriteByte(c byte) error {
	*b = append(*b, c)
	return nil
}

// scratch holds *[]byte of length zero. Nothing that comes from it leaves this package.
var scratch = sync.Pool{New: func() any { return new([]byte) }}

// recycle returns p to scratch with the memory of last, which grew out of it.
func recycle(p *[]byte, last []byte) {
	if cap(last) <= maxPooled {
		*p = last[:0]
		scratch.Put(p)
	}
}

// marshal implements Marshal by AppendMarshal. It encodes into scratch memory and copies, so that the result
// is one allocation of the right size.
func marshal(a Appender, v any) ([]byte, error) {
	p := scratch.Get().(*[]byte)
	data, err := a.AppendMarshal(*p, v)
	if err == nil {
		out := bytes.Clone(data)
		recycle(p, data)
		return out, nil
	}
	recycle(p, data)
	return nil, err
}

// rescue is deferred by methods that run code of others: methods of the value, and decoders that panic on bytes they
// do not expect. It turns such a panic into an error, which costs a cache one miss instead of the process.
func rescue(err *error, what string, v any) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("codec: %s %T: panic: %v", what, v, r)
	}
}
