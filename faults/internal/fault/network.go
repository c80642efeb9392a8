package fault

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/tiercache/tiercache/faults/internal/proxies"
)

const (
	up   = "upstream"
	down = "downstream"
)

var both = []string{up, down}

// onNetwork returns what can happen to the connections of an instance.
func onNetwork() []Fault {
	all := []proxies.Role{proxies.Data, proxies.Subscription}
	data, subscription := all[:1], all[1:]
	reset := func(*Env, *rand.Rand) (string, map[string]any) {
		return "reset_peer", map[string]any{"timeout": 0}
	}
	silence := func(*Env, *rand.Rand) (string, map[string]any) {
		return "timeout", map[string]any{"timeout": 0} // it swallows everything until it is removed
	}
	latency := func(e *Env, r *rand.Rand) (string, map[string]any) {
		delay := between(r, 0, 2*e.Bound)
		return "latency", map[string]any{"latency": delay.Milliseconds(), "jitter": (delay / 4).Milliseconds()}
	}
	narrow := func(*Env, *rand.Rand) (string, map[string]any) {
		return "bandwidth", map[string]any{"rate": 8} // KB/s
	}
	slices := func(*Env, *rand.Rand) (string, map[string]any) {
		return "slicer", map[string]any{"average_size": 8, "size_variation": 7, "delay": 20} // bytes, bytes, microseconds
	}
	return []Fault{
		happens("connections reset", all, both, reset),
		happens("subscription reset", subscription, both, reset),
		happens("data connections reset", data, both, reset),
		happens("silence both ways", all, both, silence),
		happens("silence from the server", all, both[1:], silence),
		happens("silence to the server", all, both[:1], silence),
		happens("silence of the subscription", subscription, both, silence),
		happens("silence to the subscription", subscription, both[1:], silence),
		happens("silence of the data connections", data, both, silence),
		happens("latency", all, both, latency),
		happens("latency of the subscription", subscription, both[1:], latency),
		happens("latency of the data connections", data, both[1:], latency),
		happens("narrow bandwidth", all, both, narrow),
		happens("bytes in slices", all, both, slices),
	}
}

// happens returns the fault that a toxic happens to one instance, or to half of all now and then.
func happens(name string, roles []proxies.Role, streams []string, toxic func(*Env, *rand.Rand) (kind string, attributes map[string]any)) Fault {
	return Fault{Name: name, Run: func(ctx context.Context, e *Env, r *rand.Rand) (err error) {
		kind, attributes := toxic(e, r)
		var toxics []proxies.Toxic
		for _, s := range streams {
			toxics = append(toxics, proxies.Toxic{Type: kind, Stream: s, Attributes: attributes})
		}
		victims := r.Perm(len(e.Instances))[:1]
		if r.IntN(4) == 0 {
			victims = r.Perm(len(e.Instances))[:(len(e.Instances)+1)/2]
		}
		duration := between(r, e.Bound/2, 5*e.Bound)
		for _, i := range victims {
			defer func() { err = errors.Join(err, e.Network.Heal(i)) }()
			if err := e.Network.Poison(i, roles, toxics...); err != nil {
				return err
			}
		}
		last(ctx, max(duration, 100*time.Millisecond))
		return nil
	}}
}
