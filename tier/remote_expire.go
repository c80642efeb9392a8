package tier

import (
	"context"
	"errors"
	"fmt"

	"github.com/tiercache/tiercache/backend"
	"github.com/tiercache/tiercache/internal/envelope"
)

// expireAttempts is how often Expire tries to mark a record that others are changing, before it deletes it.
const expireAttempts = 4

// Expire makes the entries of keys stale, in the heads of their records. A load that is under way meanwhile began before, so its fill is
// refused: the new head has another token, and where there is only a lease that is deleted.
// Without a backend.Leaser below, the entries are deleted. The first error ends it: with a store that hangs, each key would take
// its time.
func (t *RemoteTier[V]) Expire(ctx context.Context, names ...string) error {
	s, err := t.opened()
	if err != nil || len(names) == 0 {
		return err
	}
	physical := physicalKeys(s, names)
	records, err := backend.GetMany(ctx, t.backend, physical)
	if err != nil {
		return err
	}
	for i, key := range names {
		err := t.expire(ctx, physical[i], records[i])
		if errors.Is(err, errors.ErrUnsupported) {
			return t.Delete(ctx, names...)
		}
		if err != nil {
			return fmt.Errorf("key %q: %w", key, err)
		}
	}
	return nil
}

// expire makes a record stale, nil if there is none.
func (t *RemoteTier[V]) expire(ctx context.Context, physical string, record []byte) error {
	for range expireAttempts {
		if record == nil {
			return nil
		}
		done, err := t.tryExpire(ctx, physical, record)
		if err != nil || done {
			return err
		}
		var ok bool
		if record, ok, err = t.backend.Get(ctx, physical); err != nil {
			return err
		}
		if ok && record == nil {
			record = []byte{}
		}
	}
	return t.backend.Delete(ctx, physical)
}

// tryExpire reports whether the record was still the one that was read.
func (t *RemoteTier[V]) tryExpire(ctx context.Context, physical string, record []byte) (done bool, err error) {
	old, err := envelope.ParseHead(record)
	if err != nil {
		return true, t.discard(ctx, physical, record)
	}
	head := old.Append(nil)
	if old.Kind == envelope.Lease {
		return backend.DeleteIf(ctx, t.backend, physical, head)
	}
	at := t.now(ctx).millis()
	if old.Kind.Stale() {
		at = old.Since() // it has been stale since then
	}
	stale := envelope.Head{Kind: envelope.Expired, Token: envelope.NewToken().StaleSince(at)}
	return backend.Patch(ctx, t.backend, physical, head, stale.Append(nil))
}
