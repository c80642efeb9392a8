package tiercache_test

import (
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/tiercache/tiercache/internal/redistest"
)

// A server that hung carries out what it had been sent when it goes on, also the request for a lease that nobody waits for any
// more.
func TestStallLeavesNoLeaseBehind(t *testing.T) {
	server := redistest.Single(t)
	a, b := newFaultRig(t, server.Addr(), true), newFaultRig(t, server.Addr(), true)
	if !a.inRedis(t) || !b.inRedis(t) {
		t.Fatal("the Redis is not used")
	}
	var wg sync.WaitGroup
	for i := range 20 { // so that there are connections to hang in
		wg.Go(func() { a.ask(t, strconv.Itoa(i)) })
	}
	wg.Wait()
	server.Pause()
	a.ask(t, "k")
	server.Resume()
	began := time.Now()
	if _, err := b.GetOrLoad(t.Context(), "k", b.load); err != nil {
		t.Errorf("GetOrLoad(k) = %v, want nil", err)
	}
	if took := time.Since(began); took > 1500*time.Millisecond {
		t.Errorf("GetOrLoad(k) took %v after a stall: somebody's lease was left behind", took)
	}
}

func TestExpireOfManyKeysTakesOneTimeout(t *testing.T) {
	server := redistest.Single(t)
	a := newFaultRig(t, server.Addr(), true)
	if !a.inRedis(t) {
		t.Fatal("the Redis is not used")
	}
	server.Pause()
	defer server.Resume()
	keys := make([]string, 20)
	for i := range keys {
		keys[i] = strconv.Itoa(i)
	}
	began := time.Now()
	if err := a.Expire(t.Context(), keys...); err == nil {
		t.Error("Expire() = nil with a store that hangs, want an error")
	}
	if took := time.Since(began); took > 2*faultTimeout+faultSlack {
		t.Errorf("Expire() of %d keys took %v with a store whose timeout is %v", len(keys), took, faultTimeout)
	}
}
