package fleet

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestLagIsFromTheAcknowledgmentToTheArrival(t *testing.T) {
	for _, tt := range []struct {
		name  string
		steps func(d *deliveries, id uint64)
		want  Invalidation
	}{
		{"acknowledged first", func(d *deliveries, id uint64) {
			d.ack(id, 100)
			d.arrive(id, 1, 150)
			d.arrive(id, 2, 180)
		}, Invalidation{Deliveries: 2, Lag: Durations{Max: 80}, SinceBegin: Durations{Max: 170}}},
		{"arrived first", func(d *deliveries, id uint64) {
			d.arrive(id, 1, 50)
			d.arrive(id, 2, 60)
			d.ack(id, 100)
		}, Invalidation{Deliveries: 2, Lag: Durations{Max: 0}, SinceBegin: Durations{Max: 50}}},
		{"back at the writer", func(d *deliveries, id uint64) {
			d.ack(id, 100)
			d.arrive(id, 0, 110)
			d.arrive(id, 1, 120)
		}, Invalidation{Deliveries: 1, Undelivered: 1, Lag: Durations{Max: 20}, SinceBegin: Durations{Max: 110}}},
		{"twice at one instance", func(d *deliveries, id uint64) {
			d.ack(id, 100)
			d.arrive(id, 1, 120)
			d.arrive(id, 1, 130)
		}, Invalidation{Deliveries: 1, Undelivered: 1, Lag: Durations{Max: 20}, SinceBegin: Durations{Max: 110}}},
		{"failed", func(d *deliveries, id uint64) {
			d.fail(id)
			d.arrive(id, 1, 120)
		}, Invalidation{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDeliveries(3)
				tt.steps(d, d.begin(0, 10))
				got := d.settle(time.Second)
				if got.Deliveries != tt.want.Deliveries || got.Undelivered != tt.want.Undelivered ||
					!near(got.Lag.Max, tt.want.Lag.Max) || !near(got.SinceBegin.Max, tt.want.SinceBegin.Max) {
					t.Errorf("settle = %+v, want %+v", got, tt.want)
				}
			})
		})
	}
}

// near allows for the precision of histograms.
func near(a, b time.Duration) bool { return max(a-b, b-a) <= b/50 }

func TestSettleWaitsForEventsThatAreUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDeliveries(2)
		id := d.begin(0, 10)
		d.ack(id, 20)
		go func() {
			time.Sleep(500 * time.Millisecond)
			d.arrive(id, 1, 30)
		}()
		if got := d.settle(time.Second); got.Deliveries != 1 || got.Undelivered != 0 {
			t.Errorf("settle = %+v, want one delivery", got)
		}
	})
}

func TestTheWriterOfASingleInstanceReachesEverybodyAtOnce(t *testing.T) {
	d := newDeliveries(1)
	d.ack(d.begin(0, 10), 20)
	if got := d.settle(0); got.Deliveries != 0 || got.Undelivered != 0 {
		t.Errorf("settle = %+v, want nothing", got)
	}
}
