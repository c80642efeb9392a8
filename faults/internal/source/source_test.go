package source_test

import (
	"path/filepath"
	"sync"
	"testing"

	"github.com/tiercache/tiercache/faults/internal/mono"
	"github.com/tiercache/tiercache/faults/internal/source"
)

// create returns a source and a second mapping of it, as another process has it.
func create(t *testing.T) (one, other *source.Source) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "source")
	one, err := source.Create(path)
	if err != nil {
		t.Fatalf("Create: %v", err)
	}
	other, err = source.Open(path)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() { one.Close(); other.Close() })
	return one, other
}

func TestOneProcessAtATimeWritesAKey(t *testing.T) {
	one, other := create(t)
	if v, ok := one.Write(7); v != 2 || !ok {
		t.Fatalf("Write(7) = %d, %t, want 2, true", v, ok)
	}
	if v, ok := other.Write(7); ok {
		t.Errorf("Write(7) = %d, true while it is being written", v)
	}
	if v, ok := other.Write(8); v != 2 || !ok {
		t.Errorf("Write(8) = %d, %t, want 2, true", v, ok)
	}
	want := source.Ack{Version: 2, At: 123, Instance: 5, Waited: true}
	one.Ack(7, want)
	if got, complete := other.Acks(7, nil); len(got) != 1 || got[0] != want || !complete {
		t.Errorf("Acks(7) = %v, %t, want %v, true", got, complete, want)
	}
	if v, ok := other.Write(7); v != 3 || !ok || one.Version(7) != 3 {
		t.Errorf("Write(7) = %d, %t and Version(7) = %d, want 3, true and 3", v, ok, one.Version(7))
	}
}

// Whatever a reader sees of a ring that is overwritten meanwhile, it sees as it was: in order, and each time with its version.
func TestAcksAreNeverTorn(t *testing.T) {
	one, other := create(t)
	const last = 50_000
	var writer sync.WaitGroup
	writer.Go(func() {
		for v := uint64(2); v <= last; v++ {
			one.Write(3)
			one.Ack(3, source.Ack{Version: v, At: mono.Time(1000 * v), Instance: int(v % 200)})
		}
	})
	for {
		acks, complete := other.Acks(3, nil)
		for i, a := range acks {
			if a.At != mono.Time(1000*a.Version) || a.Instance != int(a.Version%200) || i > 0 && a.Version != acks[i-1].Version+1 {
				t.Fatalf("acks[%d] = %+v of %+v", i, a, acks)
			}
		}
		if len(acks) > 0 && complete != (acks[0].Version == 2) {
			t.Fatalf("complete = %t with %+v first", complete, acks[0])
		}
		if len(acks) > 0 && acks[len(acks)-1].Version == last {
			break
		}
	}
	writer.Wait()
}

func TestNamesOfKeysDiffer(t *testing.T) {
	seen := make(map[string]bool)
	for k := range source.Keys {
		if name := source.Name(k); seen[name] {
			t.Errorf("two keys are named %s", name)
		} else {
			seen[name] = true
		}
	}
}
