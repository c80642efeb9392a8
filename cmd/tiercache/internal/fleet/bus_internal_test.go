package fleet

import (
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiercache/tiercache/invalidate"
)

// events is a handler that keeps what it is given.
type events struct{ got []invalidate.Event }

func (h *events) Apply(e invalidate.Event)           { h.got = append(h.got, e) }
func (h *events) Drop(partition int)                 {}
func (h *events) Confirm(partition int, _ time.Time) {}

func TestTheCachesSeeEventsAsTheyWereSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDeliveries(2)
		inner := invalidate.NewMemory()
		sender, receiver := newTrackedBus(inner, 0, d), newTrackedBus(inner, 1, d)
		h := &events{}
		go func() { _ = receiver.Subscribe(t.Context(), h) }()
		<-receiver.ready

		tracked := invalidate.Event{Op: invalidate.Delete, Cache: "c", Origin: "ABC", Keys: []string{"k"}}
		id := d.begin(0, 1)
		if err := sender.Publish(withRequest(t.Context(), &request{write: id}), tracked); err != nil {
			t.Fatal(err)
		}
		untracked := invalidate.Event{Op: invalidate.Clear, Cache: "c", Origin: "DEF"}
		if err := sender.Publish(t.Context(), untracked); err != nil {
			t.Fatal(err)
		}
		d.ack(id, 2)
		if want := []invalidate.Event{tracked, untracked}; !reflect.DeepEqual(h.got, want) {
			t.Errorf("events = %+v, want %+v", h.got, want)
		}
		if got := d.settle(0); got.Deliveries != 1 || got.Undelivered != 0 {
			t.Errorf("settle = %+v, want one delivery", got)
		}
	})
}
