package workload_test

import (
	"errors"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/tiercache/tiercache/cmd/tiercache/internal/workload"
)

// requests is a trace of one-letter keys. It reuses its buffer, as real ones do.
func requests(keys string, err error) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		var buf [1]byte
		for i := range len(keys) {
			buf[0] = keys[i]
			if !yield(buf[:], nil) {
				return
			}
		}
		if err != nil {
			yield(nil, err)
		}
	}
}

func record(t *testing.T, keys string, limit int) *workload.Recorded {
	t.Helper()
	r, err := workload.Record(requests(keys, nil), limit)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// drain returns the keys of a stream.
func drain(r workload.Workload, next workload.Stream) string {
	var b strings.Builder
	for i, ok := next(); ok; i, ok = next() {
		b.WriteString(r.Keys()[i])
	}
	return b.String()
}

func TestRecordedReplaysTheTraceInItsOrder(t *testing.T) {
	r := record(t, "abacabad", 0)
	for range 2 {
		if got := drain(r, r.Streams(1, 1)[0][0]); got != "abacabad" {
			t.Errorf("replay = %q, want %q", got, "abacabad")
		}
	}
	if got := r.Keys(); !slices.Equal(got, []string{"a", "b", "c", "d"}) {
		t.Errorf("Keys() = %q, want a to d", got)
	}
	if got := r.Requests(); got != 8 {
		t.Errorf("Requests() = %d, want 8", got)
	}
}

func TestRecordedIsDealtToTheInstancesInTurn(t *testing.T) {
	r := record(t, "abcdefgh", 0)
	streams := r.Streams(3, 1)
	for i, want := range []string{"adg", "beh", "cf"} {
		if got := drain(r, streams[i][0]); got != want {
			t.Errorf("instance %d replays %q, want %q", i, got, want)
		}
	}
}

func TestWorkersOfAnInstanceShareItsRequests(t *testing.T) {
	keys := strings.Repeat("abcdefghij", 100)
	r := record(t, keys, 0)
	var got [4]string
	var wg sync.WaitGroup
	for w, next := range r.Streams(1, len(got))[0] {
		wg.Go(func() { got[w] = drain(r, next) })
	}
	wg.Wait()
	all := strings.Join(got[:], "")
	if len(all) != len(keys) || strings.Count(all, "a") != 100 || strings.Count(all, "j") != 100 {
		t.Errorf("the workers replay %d requests, want each of %d once", len(all), len(keys))
	}
}

func TestRecordStopsAtItsLimit(t *testing.T) {
	r, err := workload.Record(requests("abc", errors.New("beyond the limit")), 3)
	if err != nil {
		t.Fatal(err)
	}
	if got := drain(r, r.Streams(1, 1)[0][0]); got != "abc" {
		t.Errorf("replay = %q, want %q", got, "abc")
	}
}

func TestRecordReportsWhatTheTraceReports(t *testing.T) {
	broken := errors.New("broken")
	if _, err := workload.Record(requests("abc", broken), 0); !errors.Is(err, broken) {
		t.Errorf("Record = %v, want %v", err, broken)
	}
}

func TestRecordRefusesAnEmptyTrace(t *testing.T) {
	if _, err := workload.Record(requests("", nil), 0); err == nil {
		t.Error("Record of an empty trace = nil, want an error")
	}
}
