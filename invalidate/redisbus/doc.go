// Package redisbus carries invalidation events between processes by Redis pub/sub.
//
// A process has one Bus, which all its caches share: however many subscribe, there is one pub/sub connection, and only
// while there are subscriptions.
//
// Redis forgets a message as soon as it has written it to the connections that are there. The bus therefore takes every
// interruption it sees for a loss: when the connection is back, all partitions are dropped. A connection that
// is silent though it was pinged is closed and counts as interrupted, because a network that swallows everything
// gives no other sign.
//
// That repairs what the bus can see, and it is no promise. A message can also be lost between two nodes of a
// cluster, or by a failover, and a process that is cut off serves what it has until the watchdog notices. Bound is
// 0 for that reason. Let entries expire: their TTL is the limit of staleness that holds whatever happens.
package redisbus
