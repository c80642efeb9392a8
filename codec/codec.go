package codec

// A Codec turns values into bytes and back. All methods may be called by many goroutines at once.
type Codec interface {
	// Name identifies the encoding and its options. It is stored with every value: a value that was
	// stored under another name is a miss. It must be constant, 1 to 32 bytes long, and must change
	// whenever the bytes that Marshal writes can no longer be read by an older Unmarshal.
	Name() string
	// Marshal returns the encoding of v. The caller owns the result.
	Marshal(v any) ([]byte, error)
	// Unmarshal decodes data into v, a non-nil pointer. It must not keep data, nor any part of it,
	// because the caller reuses the buffer. Bytes that are not an encoding of *v are an error, never
	// a panic.
	Unmarshal(data []byte, v any) error
}

// An Appender is a Codec that can write into a buffer of its caller. Use Append to take
// advantage of it where it is there.
type Appender interface {
	Codec
	// AppendMarshal appends the encoding of v to dst and returns the extended buffer. On an error it
	// returns dst unchanged in length. It must not keep dst.
	AppendMarshal(dst []byte, v any) ([]byte, error)
}

// Append appends the encoding of v to dst: without an intermediate buffer when c is an Appender,
// by Marshal and a copy otherwise. On an error it returns dst unchanged in length.
func Append(c Codec, dst []byte, v any) ([]byte, error) {
	if a, ok := c.(Appender); ok {
		return a.AppendMarshal(dst, v)
	}
	data, err := c.Marshal(v)
	if err != nil {
		return dst, err
	}
	return append(dst, data...), nil
}
