package fleet

import (
	"testing"
	"time"

	"github.com/tiercache/tiercache/tier"
)

func TestAReadIsStaleIfANewerVersionWasAcknowledgedBeforeItBegan(t *testing.T) {
	l := newLedger(2)
	l.write(0) // 1
	l.write(0) // 2
	l.write(0) // 3
	l.write(0) // 4
	l.ack(0, 1, 100)
	l.ack(0, 3, 300) // overtakes 2
	l.ack(0, 2, 400)
	for _, tt := range []struct {
		version uint64
		began   tier.Instant
		age     time.Duration
		stale   bool
	}{
		{0, 50, 0, false},
		{0, 100, 0, false},
		{0, 150, 50, true},
		{0, 1000, 900, true},
		{1, 250, 0, false},
		{1, 301, 1, true},
		{2, 350, 50, true}, // not 400: 3 is newer than 2 and was acknowledged first
		{2, 299, 0, false},
		{3, 1000, 0, false},
		{4, 1000, 0, false}, // written, not yet acknowledged
	} {
		age, stale := l.stale(0, tt.version, tt.began)
		if age != tt.age || stale != tt.stale {
			t.Errorf("version %d at %d: stale for %d, %v, want %d, %v", tt.version, tt.began, age, stale, tt.age, tt.stale)
		}
	}
	if _, stale := l.stale(1, 0, 1000); stale {
		t.Error("a key that was never written is stale")
	}
}

func TestEachVersionIsNeededOnce(t *testing.T) {
	l := newLedger(2)
	for _, tt := range []struct {
		key     int
		version uint64
		want    uint64
	}{
		{0, 0, 1},
		{0, 0, 1},
		{1, 0, 2},
		{0, 2, 3},
		{0, 2, 3},
		{0, 1, 3}, // overtaken: nobody needed it any more
	} {
		l.loaded(tt.key, tt.version)
		if got := l.needed.Load(); got != tt.want {
			t.Fatalf("after version %d of key %d: needed = %d, want %d", tt.version, tt.key, got, tt.want)
		}
	}
}
