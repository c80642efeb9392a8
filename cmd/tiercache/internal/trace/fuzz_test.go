package trace_test

import (
	"bytes"
	"testing"

	"github.com/tiercache/tiercache/cmd/tiercache/internal/trace"
)

// FuzzTrace checks that no input makes a reader panic, return a key that a cache would refuse, or go on after an error.
func FuzzTrace(f *testing.F) {
	for _, format := range []string{"auto", "arc", "lirs", "plain"} {
		f.Add([]byte("1 2 0 0\n*\n3\nkey\n"), format)
		f.Add(compress(f, []byte("1 2 0 0\n2 1 0 1\n")), format)
	}
	f.Fuzz(func(t *testing.T, data []byte, name string) {
		format, err := trace.ParseFormat(name)
		if err != nil {
			return
		}
		const enough = 1 << 12 // a short line may stand for a million requests
		n, ended := 0, false
		for key, err := range trace.Read(bytes.NewReader(data), format) {
			if ended {
				t.Fatalf("request %d follows an error", n)
			}
			if ended = err != nil; ended {
				continue
			}
			if len(key) == 0 || len(key) > trace.MaxKeyBytes {
				t.Fatalf("request %d is for a key of %d bytes, want 1 to %d", n, len(key), trace.MaxKeyBytes)
			}
			if n++; n == enough {
				return
			}
		}
	})
}
