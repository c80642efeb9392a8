package tiercache

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/tiercache/tiercache/invalidate"
	"github.com/tiercache/tiercache/tier"
)

// These keep events small enough for a bus to carry without holding up others: a megabyte with keys of the default
// limit. A step that deletes as well holds up the store.
const (
	maxKeysPerEvent = 1024
	maxKeysPerStep  = 512
)

// tell publishes that keys have changed in the far tiers. It does so even if farErr says that they have not, or not all of
// them: then others ask the far tier or the source, instead of serving what they have.
func (c *Cache[V]) tell(ctx context.Context, keys []string, farErr error) (farOK bool, err error) {
	errs := []error{farErr}
	for some := range slices.Chunk(keys, maxKeysPerEvent) {
		errs = append(errs, c.publish(ctx, invalidate.Event{Op: invalidate.Delete, Keys: some}))
	}
	return farErr == nil, errors.Join(errs...)
}

// deleteFar deletes keys from the far tiers and publishes that: in one step where the bus can work in the store of the only
// far tier, so that nothing can come between the two.
func (c *Cache[V]) deleteFar(ctx context.Context, keys []string) (farOK bool, err error) {
	for len(keys) > 0 && c.canStep() {
		some := keys[:min(len(keys), maxKeysPerStep)]
		err := c.deleteStep(ctx, some)
		if errors.Is(err, errors.ErrUnsupported) {
			c.noSteps.Store(true)
			break
		}
		if err != nil {
			return false, err // with a store that hangs, each step would take its time
		}
		keys = keys[len(some):]
	}
	if len(keys) == 0 {
		return true, nil
	}
	return c.tell(ctx, keys, c.eachFar("delete", func(t tier.Tier[V]) error { return t.Delete(ctx, keys...) }))
}

// canStep reports whether deleteStep may work. Whether it does, the bus alone knows.
func (c *Cache[V]) canStep() bool { return c.deleter != nil && !c.noSteps.Load() }

// deleteStep deletes keys from the only far tier and publishes that, both or neither. Like publish it ends with its own deadline, not with
// ctx: what is given up halfway may be done all the same.
func (c *Cache[V]) deleteStep(ctx context.Context, keys []string) error {
	store, names, ok := c.locator.Locate(keys...)
	if !ok {
		return errors.ErrUnsupported
	}
	e := c.signed(invalidate.Event{Op: invalidate.Delete, Keys: keys})
	err := c.deleter.PublishDelete(context.WithoutCancel(ctx), e, store, names)
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		return err // nothing has happened
	case err != nil:
		c.counters.tiers[c.near].errors.Add(1)
		err = fmt.Errorf("tier %s: %w", c.tiers[c.near].Name(), err)
	}
	return c.sent(e, err)
}
