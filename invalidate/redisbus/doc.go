// Package redisbus carries invalidation events between processes by Redis pub/sub, and bounds how old what they keep can be.
//
// A process has one Bus, which all its caches share: however many subscribe, there is one pub/sub connection, and only
// while there are subscriptions.
//
// Redis forgets a message as soon as it has written it to the connections that are there, and a subscription cannot tell that it
// is deaf. So every event is also entered into a log, of which Redis keeps the latest entry: a number, a nonce, and in the message the nonce
// before it. A receiver sees by them that a message is missing. A poll reads the latest entries over another connection, and sees
// that the messages have stopped. In both cases the partition that is concerned is dropped.
//
// When everything up to the answer of a poll has been applied or dropped, what is kept is confirmed for Config.Bound from the instant at
// which that poll began. So whatever is lost, and whatever hangs, nothing older than the bound is trusted. While Redis does not answer
// nothing is confirmed.
//
// The bound does not hold for what Redis itself loses: after a failover the master may lack events that were acknowledged.
// The log shows that it has gone back, and handlers are told, see invalidate.RollbackHandler.
package redisbus
