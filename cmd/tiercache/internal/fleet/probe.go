package fleet

import (
	"context"
	"fmt"
	"time"

	"github.com/tiercache/tiercache/tier"
)

// A farTier is what a tier over Redis can do: a wrapper that lacked one of these would change what is measured.
type farTier[V any] interface {
	tier.Leaser[V]
	tier.Opener
	tier.Clearer
	tier.Expirer
}

// A farProbe is a far tier that notes in the request whether it had an entry.
type farProbe[V any] struct {
	farTier[V]
}

func newFarProbe[V any](t tier.Tier[V]) (farProbe[V], error) {
	far, ok := t.(farTier[V])
	if !ok {
		return farProbe[V]{}, fmt.Errorf("tier %s has not all powers of a shared tier", t.Name())
	}
	return farProbe[V]{far}, nil
}

// Get asks the tier.
func (p farProbe[V]) Get(ctx context.Context, key string) (*tier.Entry[V], bool, error) {
	e, ok, err := p.farTier.Get(ctx, key)
	if r := requestOf(ctx); r != nil && ok {
		r.farHit = true
	}
	return e, ok, err
}

// Lease asks the tier for a lease, and notes when another instance has it.
func (p farProbe[V]) Lease(ctx context.Context, key string, ttl time.Duration, replaceable func(*tier.Entry[V]) bool) (tier.Lease[V], *tier.Entry[V], error) {
	lease, e, err := p.farTier.Lease(ctx, key, ttl, replaceable)
	if r := requestOf(ctx); r != nil {
		switch {
		case e != nil:
			r.farHit = true
		case lease == nil && err == nil:
			r.waited = true
		}
	}
	return lease, e, err
}

// Close closes the tier if it needs that.
func (p farProbe[V]) Close() error {
	if c, ok := p.farTier.(tier.Closer); ok {
		return c.Close()
	}
	return nil
}
