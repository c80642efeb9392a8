// Package tiercache is a typed cache of several tiers: values in the memory of the process, above bytes in a
// store that many processes share, kept consistent by a bus that carries invalidations.
//
// A program that wants memory over Redis with the usual settings needs package layered only. This
// package is for those who choose tiers, codecs, bus and profile themselves:
//
//	users, err := tiercache.New(tiercache.Config[User]{
//		Name: "users",
//		Tiers: []tier.Tier[User]{
//			tier.Memory[User](tier.MemoryConfig{MaxBytes: 64 << 20}),
//			tier.Remote[User](store, codec.MsgPack{}),
//		},
//		Bus:     bus,
//		Profile: tiercache.Profile{TTL: time.Minute, StaleFor: time.Hour},
//	})
//
// # One GetOrLoad
//
//  1. The nearest tier is asked. An entry that is fresh, and that no invalidation has overtaken, is returned: no lock of
//     the cache's own, no allocation.
//  2. Otherwise the farther tiers are asked, nearest first. What they hold is copied to the nearer ones.
//  3. Otherwise the callers of the key share one flight. It takes the fill lease at the shared tier,
//     so that one process in the fleet loads, or waits for the process that has it.
//  4. The flight calls the Loader, on a context that no single caller can cancel.
//  5. The value is stored from far to near, each time only if no invalidation came in between.
//
// # What is true of every value
//
// Once Delete or Set has returned nil, a read that starts afterwards in the same process does not return what was
// there before. Other processes follow when the event reaches them: at once on a healthy network, and when a subscription was
// interrupted, as soon as it is back, since then everything held in memory is given up.
//
// Values that come from a tier in memory are shared between all readers: treat them as read-only, or
// set Config.Clone.
//
// A cache of a single process without Redis needs one tier and no bus. A program that needs neither loads nor
// invalidation between processes is served as well by ristretto or otter alone.
package tiercache
