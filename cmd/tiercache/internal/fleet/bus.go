package fleet

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/tiercache/tiercache/invalidate"
	"github.com/tiercache/tiercache/tier"
)

// A trackedBus is the bus of one instance. It writes the id of the write into the origin of each event that it sends, where
// the buses of the other instances find it: so every arrival is known to be of this write and of no other.
type trackedBus struct {
	invalidate.Bus
	instance   int
	deliveries *deliveries

	once  sync.Once
	ready chan struct{} // closed when the subscription is in place
}

func newTrackedBus(b invalidate.Bus, instance int, d *deliveries) *trackedBus {
	return &trackedBus{Bus: b, instance: instance, deliveries: d, ready: make(chan struct{})}
}

// separator cannot be in an origin, which is letters and digits.
const separator = "#"

// Publish sends e with the id of the write that ctx belongs to.
func (b *trackedBus) Publish(ctx context.Context, e invalidate.Event) error {
	if r := requestOf(ctx); r != nil && r.write != 0 {
		e.Origin += separator + strconv.FormatUint(r.write, 36)
	}
	return b.Bus.Publish(ctx, e)
}

// Subscribe gives h the events as they were sent to Publish.
func (b *trackedBus) Subscribe(ctx context.Context, h invalidate.Handler) error {
	return b.Bus.Subscribe(ctx, &trackedHandler{Handler: h, bus: b})
}

type trackedHandler struct {
	invalidate.Handler
	bus     *trackedBus
	dropped [invalidate.Partitions]bool // since Subscribe; the bus calls from one goroutine at a time
}

// Apply passes e on and then notes its arrival.
func (h *trackedHandler) Apply(e invalidate.Event) {
	origin, id, tracked := strings.Cut(e.Origin, separator)
	e.Origin = origin
	h.Handler.Apply(e)
	if !tracked {
		return
	}
	at := tier.Now()
	if n, err := strconv.ParseUint(id, 36, 64); err == nil {
		h.bus.deliveries.arrive(n, h.bus.instance, at)
	}
}

// Drop passes the call on. A bus drops every partition when its subscription is put in place.
func (h *trackedHandler) Drop(partition int) {
	h.Handler.Drop(partition)
	h.dropped[partition] = true
	if !slices.Contains(h.dropped[:], false) {
		h.bus.once.Do(func() { close(h.bus.ready) })
	}
}
