package tier

import (
	"context"
	"math"
	"time"

	"github.com/tiercache/tiercache/backend"
	"github.com/tiercache/tiercache/internal/envelope"
)

// Records are read in other processes than they were written in. They hold durations, and one point of time from which those count, on the
// clock of the store: the clocks of the processes differ, and are set while they run.

// A moment is one point of time on two clocks.
type moment struct {
	here  Instant       // that of this process
	store time.Duration // that of the store, since 1970
}

// now returns the present moment. The clock of the store may have to be asked for first, so it is looked at before ours.
func (t *RemoteTier[V]) now(ctx context.Context) moment {
	store := backend.Now(ctx, t.backend).UnixNano()
	return moment{Now(), time.Duration(max(store, 0))}
}

// millis returns the time of the store in milliseconds of Unix time, which is what records count in.
func (m moment) millis() int64 { return m.store.Milliseconds() }

// since returns the time that has passed between a point of time of the store and m. Where nobody asks the store for its time
// the clocks of the processes have to do, so the point may lie ahead.
func (m moment) since(millis int64) time.Duration {
	const most = int64(math.MaxInt64 / time.Millisecond)
	at := time.Duration(min(max(millis, 0), most)) * time.Millisecond
	return max(m.store-at, 0)
}

// setTimes writes the lifetime of an entry into h and returns how long to store it, 0 if it has expired. An entry that is stale already
// is written as created when it became stale, so that it stays as stale as it is, but not as created before 1970. All is
// rounded down, so that what is read from the record ends no later than e, nor than the record itself.
func (m moment) setTimes(h *envelope.Header, freshUntil, expiresAt Instant) (ttl time.Duration) {
	if expiresAt <= m.here {
		return 0
	}
	expiresAt = min(expiresAt, m.here.Add(longest))
	freshUntil = min(max(freshUntil, m.here.Add(-m.store)), expiresAt)
	ttl = expiresAt.Sub(m.here).Truncate(time.Millisecond)
	created := min(freshUntil, m.here)
	old := m.here.Sub(created)
	h.Created = (m.store - old).Milliseconds()
	h.Fresh = freshUntil.Sub(created).Truncate(time.Millisecond)
	h.Total = old.Truncate(time.Millisecond) + ttl
	return ttl
}

// times returns what setTimes wrote: since when the value is stored, and its lifetime, on the clock of this process. What was made
// stale by hand is stale since then, if it was not before.
func (m moment) times(h *envelope.Header) (storedAt, freshUntil, expiresAt Instant) {
	old := m.since(h.Created)
	freshUntil = m.here.Add(h.Fresh - old)
	if h.Kind.Stale() {
		freshUntil = min(freshUntil, m.here.Add(-m.since(h.Since())))
	}
	return m.here.Add(-old), freshUntil, m.here.Add(h.Total - old)
}
