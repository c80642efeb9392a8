package trace_test

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tiercache/tiercache/cmd/tiercache/internal/trace"
)

// read returns the keys of a trace up to its error.
func read(data []byte, f trace.Format) (keys []string, err error) {
	for key, err := range trace.Read(bytes.NewReader(data), f) {
		if err != nil {
			return keys, err
		}
		keys = append(keys, string(key))
	}
	return keys, nil
}

func compress(t testing.TB, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestFilesAreReadInTheirFormat(t *testing.T) {
	for _, tt := range []struct {
		file   string
		format trace.Format
		want   []string
	}{
		{"small.arc", trace.ARC, []string{"100", "101", "102", "7", "100", "18446744073709551614"}},
		{"small.lirs", trace.LIRS, []string{"3", "1", "4", "1", "5"}},
		{"small.txt", trace.Plain, []string{"user:1", "user 2", "user:1", "*"}},
	} {
		data, err := os.ReadFile(filepath.Join("testdata", tt.file))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range []trace.Format{tt.format, trace.Auto} {
			if got, err := read(data, f); err != nil || !slices.Equal(got, tt.want) {
				t.Errorf("%s as %s: %q, %v, want %q", tt.file, f, got, err, tt.want)
			}
			if got, err := read(compress(t, data), f); err != nil || !slices.Equal(got, tt.want) {
				t.Errorf("%s compressed, as %s: %q, %v, want %q", tt.file, f, got, err, tt.want)
			}
		}
	}
}

func TestWhatCannotBeReadIsReportedWithItsLine(t *testing.T) {
	whole := compress(t, []byte(strings.Repeat("1\n2\n3\n", 1000)))
	for _, tt := range []struct {
		name   string
		data   string
		format trace.Format
		want   string
		keys   int // read before
	}{
		{"letters in ARC", "1 1 0 0\n\nx 1 0 0\n", trace.ARC, `line 3: "x" is not a block number`, 1},
		{"letters in a detected ARC", "1 1 0 0\nx\n", trace.Auto, `line 2: "x" is not a block number`, 1},
		{"three numbers", "1 1 0\n", trace.ARC, "line 1: 3 numbers, want four", 0},
		{"five numbers", "1 1 0 0 0\n", trace.ARC, "line 1: more than four numbers", 0},
		{"no blocks", "1 0 0 0\n", trace.ARC, "line 1: count is 0, want 1 to 1048576", 0},
		{"too many blocks", "1 99999999 0 0\n", trace.ARC, "line 1: count is 99999999, want 1 to 1048576", 0},
		{"blocks out of range", "18446744073709551615 2 0 0\n", trace.ARC, "line 1: blocks 18446744073709551615 and up are out of range", 0},
		{"negative block", "5\n-1\n", trace.LIRS, `line 2: "-1" is not a block number`, 1},
		{"letters in a detected LIRS", "*\n7\nseven\n", trace.Auto, `line 3: "seven" is not a block number`, 1},
		{"long key", "a\n" + strings.Repeat("k", 1025), trace.Plain, "line 2: key of 1025 bytes, the longest may have 1024", 1},
		{"long line", "a\n" + strings.Repeat("k", 1<<20), trace.Plain, "line 2: longer than 2048 bytes", 1},
		{"truncated gzip", string(whole[:len(whole)-4]), trace.LIRS, "after line 3000: unexpected EOF", 3000},
		{"damaged gzip", "\x1f\x8bnonsense", trace.LIRS, "gzip: invalid header", 0},
		{"unknown format", "1\n", "csv", `line 1: unknown trace format "csv"`, 0},
	} {
		keys, err := read([]byte(tt.data), tt.format)
		if err == nil || err.Error() != tt.want {
			t.Errorf("%s: error %v, want %q", tt.name, err, tt.want)
		}
		if len(keys) != tt.keys {
			t.Errorf("%s: %d keys before the error, want %d", tt.name, len(keys), tt.keys)
		}
	}
}

func TestAnEmptyTraceHasNoRequests(t *testing.T) {
	for _, data := range []string{"", "\n", " \n\n"} {
		if keys, err := read([]byte(data), trace.Auto); len(keys) != 0 || err != nil {
			t.Errorf("read %q = %q, %v, want nothing", data, keys, err)
		}
	}
}

func TestTheReaderStopsWithItsConsumer(t *testing.T) {
	for _, data := range []string{"1 5 0 0\nbroken\n", "1\nbroken\n", "a\nb\n"} {
		n := 0
		for _, err := range trace.Read(strings.NewReader(data), trace.Auto) {
			if err != nil {
				t.Errorf("%q: %v", data, err)
			}
			n++
			break
		}
		if n != 1 {
			t.Errorf("%q: %d requests, want 1", data, n)
		}
	}
}

func TestFormatsHaveNames(t *testing.T) {
	for _, f := range []trace.Format{trace.Auto, trace.ARC, trace.LIRS, trace.Plain} {
		if got, err := trace.ParseFormat(string(f)); got != f || err != nil {
			t.Errorf("ParseFormat(%q) = %q, %v", f, got, err)
		}
	}
	if _, err := trace.ParseFormat("csv"); err == nil {
		t.Error(`ParseFormat("csv") = nil, want an error`)
	}
}
