package tier

import (
	"context"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/tiercache/tiercache/internal/keys"
)

// Inspect tells what is stored under key: other than Get it deletes nothing that it cannot read, and reports no Problem.
func (t *RemoteTier[V]) Inspect(ctx context.Context, key string) (rec Record[V], err error) {
	s, err := t.opened()
	if err != nil {
		return rec, err
	}
	data, err := t.read(ctx, s, keys.Physical(s.Cache, key))
	if err != nil {
		return rec, fmt.Errorf("key %q: %w", key, err)
	}
	if data == nil {
		return rec, nil
	}
	r, err := t.unseal(ctx, s, key, data)
	if err != nil {
		return rec, fmt.Errorf("key %q: %w", key, err)
	}
	rec = Record[V]{Entry: r.entry, Size: len(data), Expired: r.state == expired, Err: r.why}
	if r.head.Kind.Leased() {
		rec.Lease = hex.EncodeToString(r.head.Token[:])
		rec.LeaseLeft = time.Duration(r.head.Deadline-t.now(ctx).millis()) * time.Millisecond
	}
	return rec, nil
}
