// Package invalidate defines the bus that tells the caches of many processes what to forget.
//
// A cache that keeps values in the memory of its process must hear of the writes of others. It publishes an
// Event for each write of its own and subscribes to those of everybody else. An event names what to
// forget and carries no values, so it may arrive late, twice or out of order. What may not happen is that it is
// lost and nobody notices: a Bus therefore reports every gap by Handler.Drop, and one that promises a Bound
// renews that promise by Handler.Confirm.
//
// Memory joins the caches of one process. The package redisbus joins processes that share a Redis. To write
// another Bus, implement the three methods, encode events with Event.AppendBinary where they leave the process, and
// run the tests of package invalidatetest against it.
//
// A cache in a single process has no need for a bus.
package invalidate
