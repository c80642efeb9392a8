package tiercache

import (
	"time"

	"github.com/tiercache/tiercache/invalidate"
	"github.com/tiercache/tiercache/tier"
)

// An Observer is a set of optional hooks. They are called outside locks and may use the cache, except that only the following three
// may close it. Invalidated, Dropped and Problem are called soon
// after the fact, one at a time; where they are too slow for what happens, calls are left out (Stats.NoticesDropped). The others are
// called by many goroutines at once, those that did the work, and a slow hook slows down its caller. A hook must not change what it is
// given. New hooks may be added: name the fields when you write one.
type Observer struct {
	// Hit is called for a value served by a tier.
	Hit func(tier, key string, stale bool)
	// Miss is called when no tier could answer.
	Miss func(key string)
	// Load is called after a Loader has returned, with its error, and before its callers get the result: it must not wait for a
	// load of the same key.
	Load func(key string, took time.Duration, err error)
	// FillRefused is called when the value of a load was not stored, because an invalidation had overtaken it or the load had been given up.
	FillRefused func(key string)
	// Invalidated is called after an event of another cache instance was applied.
	Invalidated func(e invalidate.Event)
	// Dropped is called after a partition was dropped because events may have been lost.
	Dropped func(partition int)
	// Repeated is called after writes of this instance were repeated as deletions, because the store may have lost them, with the number
	// of their keys; -1 if everything was cleared instead.
	Repeated func(keys int)
	// Problem is called for what a tier reports besides errors: unreadable values, evictions and so on.
	Problem func(p tier.Problem)
	// Error is called for errors that no caller is given: a tier that failed a read or a fill, a bus that failed.
	Error func(err error)
}

func (o *Observer) hit(tier, key string, stale bool) {
	if o.Hit != nil {
		o.Hit(tier, key, stale)
	}
}

func (o *Observer) miss(key string) {
	if o.Miss != nil {
		o.Miss(key)
	}
}

func (o *Observer) fillRefused(key string) {
	if o.FillRefused != nil {
		o.FillRefused(key)
	}
}

func (o *Observer) repeated(keys int) {
	if o.Repeated != nil {
		o.Repeated(keys)
	}
}

func (o *Observer) error(err error) {
	if o.Error != nil {
		o.Error(err)
	}
}
