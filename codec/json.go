package codec

import (
	"encoding/json"
	"fmt"
)

// JSON encodes values with encoding/json, which replaces what is not UTF-8 in strings. Unlike json.Marshal it leaves the characters <, > and & as they are. The
// zero value is ready to use.
type JSON struct{}

// Name returns "json".
func (JSON) Name() string { return "json" }

// Marshal implements Codec.
func (c JSON) Marshal(v any) ([]byte, error) { return marshal(c, v) }

// AppendMarshal implements Appender.
func (JSON) AppendMarshal(dst []byte, v any) (out []byte, err error) {
	out = dst // also when Encode panics
	defer rescue(&err, "json: marshal", v)

	b := buffer(dst)
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return dst, fmt.Errorf("codec: json: marshal %T: %w", v, err)
	}
	return b[:len(b)-1], nil // without the newline that Encode adds
}

// Unmarshal implements Codec.
func (JSON) Unmarshal(data []byte, v any) (err error) {
	defer rescue(&err, "json: unmarshal", v)

	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("codec: json: unmarshal %T: %w", v, err)
	}
	return nil
}
