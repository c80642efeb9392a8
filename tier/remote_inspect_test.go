package tier_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiercache/tiercache/backend"
	"github.com/tiercache/tiercache/tier"
)

// inspect returns what is stored under "k".
func inspect(t *testing.T, r *remote[string]) tier.Record[string] {
	t.Helper()
	rec, err := r.Inspect(t.Context(), "k")
	if err != nil {
		t.Fatalf("Inspect(k) = %v, want nil", err)
	}
	return rec
}

func TestInspectTellsWhatIsStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := backend.NewMemory()
		r := texts(t, b)
		if rec := inspect(t, r); rec != (tier.Record[string]{}) {
			t.Errorf("Inspect(k) = %+v of an empty store, want nothing", rec)
		}
		r.set(fresh("k", "v"))
		rec := inspect(t, r)
		if rec.Entry == nil || rec.Entry.Value != "v" || rec.Size != len(raw(t, b, "k")) || rec.Err != nil || rec.Lease != "" || rec.Expired {
			t.Errorf("Inspect(k) = %+v, want the entry alone", rec)
		}
	})
}

func TestInspectTellsOfLeases(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := texts(t, backend.NewMemory())
		r.set(&tier.Entry[string]{Key: "k", Value: "v", FreshUntil: tier.Now(), ExpiresAt: tier.Now().Add(time.Hour)})
		if _, _, err := r.Lease(t.Context(), "k", 10*time.Second, nil); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		rec := inspect(t, r)
		if rec.Entry == nil || len(rec.Lease) != 32 || rec.LeaseLeft != 9*time.Second {
			t.Errorf("Inspect(k) = %+v, want the entry and a lease for 9s", rec)
		}
		time.Sleep(10 * time.Second)
		if again := inspect(t, r); again.Lease != rec.Lease || again.LeaseLeft != -time.Second {
			t.Errorf("Inspect(k) = %+v, want the same lease, a second past its end", again)
		}
	})
}

func TestInspectLeavesWhatItCannotRead(t *testing.T) {
	b := backend.NewMemory()
	r := texts(t, b)
	r.plant([]byte(strings.Repeat("rubbish", 20)))
	rec := inspect(t, r)
	if rec.Entry != nil || rec.Err == nil || rec.Size != 140 {
		t.Errorf("Inspect(k) = %+v of rubbish, want an error in it", rec)
	}
	r.wantProblems()
	if len(raw(t, b, "k")) != 140 {
		t.Error("what cannot be read is gone")
	}
}
