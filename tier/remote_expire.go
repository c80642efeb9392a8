package tier

import (
	"context"
	"errors"
	"fmt"

	"github.com/tiercache/tiercache/backend"
	"github.com/tiercache/tiercache/internal/envelope"
	"github.com/tiercache/tiercache/internal/keys"
)

// expireAttempts is how often Expire tries to mark a record that others are changing, before it deletes it.
const expireAttempts = 4

// Expire makes the entry of key stale, in the head of its record. A load that is under way meanwhile began before, so its fill is
// refused: the new head has another token, and where there is only a lease that is deleted.
// Without a backend.Leaser below, the entry is deleted.
func (t *RemoteTier[V]) Expire(ctx context.Context, key string) error {
	s, err := t.opened()
	if err != nil {
		return err
	}
	physical := keys.Physical(s.Cache, key)
	for range expireAttempts {
		done, err := t.tryExpire(ctx, physical)
		if errors.Is(err, errors.ErrUnsupported) {
			break
		}
		if err != nil {
			return fmt.Errorf("key %q: %w", key, err)
		}
		if done {
			return nil
		}
	}
	return t.Delete(ctx, key)
}

// tryExpire reports whether the record was still the one it had read.
func (t *RemoteTier[V]) tryExpire(ctx context.Context, physical string) (done bool, err error) {
	data, ok, err := t.backend.Get(ctx, physical)
	if err != nil || !ok {
		return !ok, err
	}
	old, err := envelope.ParseHead(data)
	if err != nil {
		return true, t.discard(ctx, physical, data)
	}
	head := old.Append(nil)
	if old.Kind == envelope.Lease {
		return backend.DeleteIf(ctx, t.backend, physical, head)
	}
	stale := envelope.Head{Kind: envelope.Expired, Token: envelope.NewToken()}
	return backend.Patch(ctx, t.backend, physical, head, stale.Append(nil))
}
