package main

import (
	"log/slog"
	"time"

	"github.com/tiercache/tiercache"
	"github.com/tiercache/tiercache/invalidate"
	"github.com/tiercache/tiercache/tier"
)

// observer returns hooks that log what an operator wants to know of. Hits and misses are left to Stats: a hook for each of them
// is what a hit has no time for.
func observer(log *slog.Logger) tiercache.Observer {
	return tiercache.Observer{
		Load: func(key string, took time.Duration, err error) {
			if err != nil {
				log.Warn("load failed", "key", key, "took", took, "error", err)
				return
			}
			log.Debug("loaded", "key", key, "took", took)
		},
		FillRefused: func(key string) {
			log.Debug("load overtaken by an invalidation", "key", key)
		},
		Invalidated: func(e invalidate.Event) {
			log.Debug("invalidated", "op", e.Op.String(), "keys", e.Keys)
		},
		Dropped: func(partition int) {
			log.Info("events may have been lost", "partition", partition)
		},
		Problem: func(p tier.Problem) {
			if p.Kind == tier.Evicted || p.Kind == tier.Rejected {
				return // the tier is full, as a cache should be
			}
			log.Warn("tier problem", "kind", p.Kind.String(), "tier", p.Tier, "key", p.Key, "error", p.Err)
		},
		Error: func(err error) {
			log.Error("cache", "error", err)
		},
	}
}
