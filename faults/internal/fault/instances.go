package fault

import (
	"context"
	"math/rand/v2"
)

// onInstances returns what can happen to instances.
func onInstances() []Fault {
	pause := func(name string, low, high float64) Fault {
		return Fault{Name: name, Run: func(ctx context.Context, e *Env, r *rand.Rand) error {
			i := e.Instances[r.IntN(len(e.Instances))]
			if err := i.Pause(); err != nil {
				return err
			}
			// All its timers are due when it goes on, and the first thing it does is to read.
			last(ctx, between(r, times(e.Bound, low), times(e.Bound, high)))
			return i.Resume()
		}}
	}
	return []Fault{
		pause("instance paused, 0.5 to 1 bounds", 0.5, 1),
		pause("instance paused, 1 to 2 bounds", 1, 2),
		pause("instance paused, 2 to 5 bounds", 2, 5),
	}
}
