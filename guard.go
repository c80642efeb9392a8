package tiercache

import (
	"github.com/tiercache/tiercache/internal/clock"
	"github.com/tiercache/tiercache/internal/fence"
	"github.com/tiercache/tiercache/internal/stripe"
	"github.com/tiercache/tiercache/tier"
)

// A guard decides whether what a tier has may be served. It is the part of a Cache that does not depend on the type of its values: the
// compiler inlines calls in it that it does not inline in the code of a type parameter.
type guard struct {
	fence fence.Fence // decides which entries are alive
	gate  stripe.Gate // whoever uses the tiers is inside; counts the hits of nearHit
}

// leave ends a read of the nearest tier, and reports whether it is a hit: the entry is fresh, the bus vouches for what is known of
// its partition, and by that nothing has invalidated the entry since its stamp was taken. The order matters: a goroutine may be held
// up between two steps, and a partition that was not trusted may be dropped and confirmed meanwhile. Whoever looks at the
// counters last sees the drop.
func (g *guard) leave(pass stripe.Pass, stamp *fence.Stamp, freshUntil tier.Instant) bool {
	if now := clock.Now(); now < freshUntil && g.fence.Trusted(stamp, now) && g.fence.Current(stamp) {
		g.gate.ExitCounted(pass)
		return true
	}
	g.gate.Exit(pass)
	return false
}
