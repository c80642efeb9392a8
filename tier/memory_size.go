package tier

import (
	"errors"
	"fmt"
)

// A memorySize is the size of a memory tier in the terms of its parts.
type memorySize struct {
	cost    int64 // limit of the engine
	entries int64 // expected in the engine when it is full
}

const (
	// expectedBytes is the cost of an entry as long as nothing is known of them. It decides how many counters of the engine
	// there are for a given MaxBytes; they take a tenth of it.
	expectedBytes = 512
	// engineBytes is what the engine takes for an entry besides the entry itself: a slot of 56 bytes in its map and one of 16 in the map of
	// its policy, each map being about half full on average. TestCostIsTheMemoryTaken checks it.
	engineBytes = 150
)

// size checks the configuration.
func (cfg MemoryConfig) size() (s memorySize, err error) {
	switch {
	case cfg.MaxBytes < 0:
		return s, fmt.Errorf("MaxBytes is %d, must not be negative", cfg.MaxBytes)
	case cfg.MaxEntries < 0:
		return s, fmt.Errorf("MaxEntries is %d, must not be negative", cfg.MaxEntries)
	case cfg.MaxBytes == 0 && cfg.MaxEntries == 0:
		return s, errors.New("one of MaxBytes and MaxEntries must be set")
	case cfg.MaxBytes > 0 && cfg.MaxEntries > 0:
		return s, errors.New("only one of MaxBytes and MaxEntries may be set")
	case cfg.MaxEntries > 0 && cfg.Cost != nil:
		return s, errors.New("a Cost needs MaxBytes")
	case cfg.MaxEntries > 0:
		return memorySize{cost: int64(cfg.MaxEntries), entries: int64(cfg.MaxEntries)}, nil
	}
	return memorySize{cost: cfg.MaxBytes, entries: max(cfg.MaxBytes/expectedBytes, 100)}, nil
}

// costOf returns the function that says how much of the limit an entry takes.
func costOf[V any](cfg MemoryConfig) func(e *Entry[V]) int64 {
	switch {
	case cfg.MaxEntries > 0:
		return func(*Entry[V]) int64 { return 1 }
	case cfg.Cost != nil:
		return func(e *Entry[V]) int64 { return max(cfg.Cost(e.Key, e.Value), 1) }
	}
	estimate := Cost[V]()
	return func(e *Entry[V]) int64 { return estimate(e) + engineBytes }
}
