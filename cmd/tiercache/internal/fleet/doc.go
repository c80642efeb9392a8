// Package fleet runs several instances of a program over one Redis and measures what their caches do.
//
// Each instance has a cache with a near tier, a Redis client and a bus of its own, as if it were a process. Workers
// send it the requests of a workload. The source behind the caches knows the version of every value and when each write was
// acknowledged, so that every read can be checked: a read is stale if a newer version had been acknowledged
// before it began.
//
// The parts: ledger.go is the source and the judge, instance.go one cache with all that belongs to it, probe.go
// and bus.go the wrappers that notice which tier has answered and when an event has arrived, worker.go a stream of requests,
// and fleet.go puts them together.
package fleet
