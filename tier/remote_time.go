package tier

import (
	"time"

	"github.com/tiercache/tiercache/internal/envelope"
)

// Records are read on other clocks than they were written on. They hold durations, and one point of wall time from which those count.

// unixMillis is the clock that processes share: it measures the age of records and the deadlines of leases.
func unixMillis() int64 { return time.Now().UnixMilli() }

// since returns the time that has passed since a point of wall time. The clock that it was read on may be ahead of ours.
func since(millis int64) time.Duration {
	const most = int64(longest / time.Millisecond)
	return time.Duration(min(max(unixMillis()-millis, 0), most)) * time.Millisecond
}

// setTimes writes the lifetime of an entry into h and returns how long to store it, 0 if it has expired. An entry that is stale already
// is written as created when it became stale, so that it stays as stale as it is, but not as created before 1970. Durations are
// rounded down.
func setTimes(h *envelope.Header, freshUntil, expiresAt Instant) (ttl time.Duration) {
	now, wall := Now(), max(unixMillis(), 0)
	if expiresAt <= now {
		return 0
	}
	expiresAt = min(expiresAt, now.Add(longest))
	freshUntil = min(max(freshUntil, now.Add(-time.Duration(wall)*time.Millisecond)), expiresAt)
	created := min(freshUntil, now)
	h.Created = wall - now.Sub(created).Milliseconds()
	h.Fresh = freshUntil.Sub(created).Truncate(time.Millisecond)
	h.Total = expiresAt.Sub(created).Truncate(time.Millisecond)
	return expiresAt.Sub(now).Truncate(time.Millisecond)
}

// times returns what setTimes wrote: since when the value is stored, and its lifetime, on the clock of this process. What was made stale by hand is stale since then,
// if it was not before.
func times(h *envelope.Header) (storedAt, freshUntil, expiresAt Instant) {
	now := Now()
	old := since(h.Created)
	freshUntil = now.Add(h.Fresh - old)
	if h.Kind.Stale() {
		freshUntil = min(freshUntil, now.Add(-since(h.Since())))
	}
	return now.Add(-old), freshUntil, now.Add(h.Total - old)
}
