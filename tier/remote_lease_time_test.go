package tier_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiercache/tiercache/backend"
	"github.com/tiercache/tiercache/internal/envelope"
	"github.com/tiercache/tiercache/tier"
)

func TestLapsedLeaseGoesToTheNext(t *testing.T) {
	for name, prepare := range map[string]func(r *remote[string]){"absent": nothing, "stale": staleOne} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := backend.NewMemory()
				mine, other := texts(t, b), texts(t, b)
				prepare(mine)
				l := mine.lease("k")
				time.Sleep(leaseFor - time.Millisecond)
				other.wantLeased("k")
				time.Sleep(time.Millisecond)
				next := other.lease("k")
				mine.wantLeased("k")
				fill(t, l, fresh("k", "late"), false)
				release(t, l) // does not take the lease of the other
				mine.wantLeased("k")
				fill(t, next, fresh("k", "v"), true)
				wantText(mine, "k", "v")
			})
		})
	}
}

// Nobody has asked meanwhile, and the value is still the one that was to be replaced.
func TestLapsedLeaseThatNobodyTookMayStillFill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := texts(t, backend.NewMemory())
		r.set(stale("k", "old"))
		l := r.lease("k")
		time.Sleep(2 * leaseFor)
		fill(t, l, fresh("k", "new"), true)
		wantText(r, "k", "new")

		l = r.lease("other") // of a key without a value nothing is left by then
		time.Sleep(2 * leaseFor)
		fill(t, l, fresh("other", "new"), false)
		r.wantMiss("other")
	})
}

func TestLeaseDoesNotProlongAValue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := backend.NewMemory()
		r := texts(t, b)
		e := stale("k", "old")
		e.ExpiresAt = tier.Now().Add(leaseFor / 2)
		r.set(e)
		l := r.lease("k")
		time.Sleep(leaseFor / 2)
		if got := raw(t, b, "k"); got != nil {
			t.Errorf("the record is %q when its value has expired, want none", got)
		}
		fill(t, l, fresh("k", "new"), false)
	})
}

// The store keeps a lease that has lapsed, as it may if its clock is behind.
func TestLapsedLeaseInTheStoreIsTakenOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := backend.NewMemory()
		r := texts(t, b)
		r.lease("k")
		plant(t, b, "k", raw(t, b, "k"))
		time.Sleep(leaseFor - 1)
		r.wantLeased("k")
		time.Sleep(1 + time.Millisecond)
		fill(t, r.lease("k"), fresh("k", "v"), true)
		wantText(r, "k", "v")
	})
}

// The store keeps a value that has expired.
func TestExpiredValueInTheStoreIsLeasedLikeNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := backend.NewMemory()
		r := texts(t, b)
		r.set(fresh("k", "v"))
		time.Sleep(30 * time.Minute)
		plant(t, b, "k", raw(t, b, "k"))
		time.Sleep(31 * time.Minute)
		release(t, r.lease("k"))
		if got := raw(t, b, "k"); got != nil {
			t.Errorf("the record is %q after the lease of an expired value, want none", got)
		}
	})
}

// Each round has other leasers in other processes, and one of them gets the lease: of a key without a value, of a
// stale value, and of a lease that has lapsed.
func TestOneOfManyLeasersWins(t *testing.T) {
	onEveryStore(t, func(t *testing.T, b backend.Backend) {
		for name, prepare := range map[string]func(r *remote[string]){
			"absent": nothing,
			"stale":  staleOne,
			"lapsed": func(r *remote[string]) {
				lapsed := envelope.Head{Kind: envelope.Lease, Token: envelope.NewToken(), Deadline: 1}
				plant(r.t, r.store, "k", lapsed.Append(nil))
			},
			"unreadable": junk,
		} {
			t.Run(name, func(t *testing.T) {
				for range 20 {
					if err := b.Delete(t.Context(), "c:k"); err != nil {
						t.Fatal(err)
					}
					prepare(texts(t, b))
					if won := race(t, b); won != 1 {
						t.Errorf("%d leasers of 8 have the lease, want 1", won)
					}
				}
			})
		}
	})
}

// race returns how many of eight leasers get the lease of "k".
func race(t *testing.T, b backend.Backend) (won int) {
	t.Helper()
	start := make(chan struct{})
	leases := make([]tier.Lease[string], 8)
	var wg sync.WaitGroup
	for i := range leases {
		r := texts(t, b)
		wg.Go(func() {
			<-start
			l, e, err := r.Lease(context.Background(), "k", leaseFor, nil)
			if e != nil || err != nil {
				t.Errorf("Lease() = %v, %v, %v, want a lease or nothing", l, e, err)
			}
			leases[i] = l
		})
	}
	close(start)
	wg.Wait()
	for _, l := range leases {
		if l != nil {
			won++
			release(t, l)
		}
	}
	return won
}
