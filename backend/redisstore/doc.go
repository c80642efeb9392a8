// Package redisstore stores the bytes of a cache in Redis 6.2 or later: a single server, one behind Sentinel, a Redis Cluster, or
// a Ring of independent servers.
//
// # Deadlines
//
// A cache that waits for its store is worse than none, so every call has a deadline of its own, Config.Timeout, besides
// that of its context. A go-redis client does not, by default, let a context cut a socket. With such a client, and
// with every cluster client, a command runs in a goroutine of its own and is left to itself at the deadline. With a
// *redis.Client or *redis.Ring whose option ContextTimeoutEnabled is set that detour is not needed; then a
// cancelled context is noticed at the latest after Config.Timeout.
//
// A write that failed with a timeout, as with any remote store, may have been carried out, and may yet be.
//
// # Reads ride together
//
// At most two reads by Get are under way at a time. Those that come meanwhile wait and go together as
// one command, an MGET, so the busier the store the larger its batches. Nobody waits for a timer, and a
// read that comes alone is sent at once, as a GET. In a cluster or a ring a batch is a pipeline to each node: its slowest node
// decides how long a batch takes.
//
// # Time
//
// A Store tells the time of its server, so that the processes that share it agree on the age of a value. See Now.
package redisstore
