// Faults proves the coherence contract of tiercache with real processes, over a real Redis that fails all the time.
//
//	go run ./faults -for 5m -seed 7 -topology all
//
// It starts the servers (one alone; a master with two replicas and three sentinels; a cluster of three masters with a
// replica each) and several instances: processes with a cache, as a service has them. Each instance reaches each server by two
// proxies of its own, one for its subscription and one for everything else, so that either can be cut, slowed down or
// silenced alone. While the instances read and write, faults happen: servers are killed, paused, emptied, filled up, replaced by others
// and rolled back, slots migrate, connections break in every way, and instances are paused. The seed chooses the faults. Those of servers,
// of the network and of instances overlap. None comes twice before all others of its kind have come once.
//
// # What is checked
//
// The source is a table of versions in memory that all processes share. A write raises the version of a key and then deletes the key in
// the cache until that succeeds: that is its acknowledgement, and its time is noted. Every read is judged as soon as it
// has returned: one that started at t must reflect every write that was acknowledged before t minus the bound, every write that
// its own instance had acknowledged before t, and every write before t that waited for all instances. All times are of the
// one monotonic clock of the machine, so nothing is sampled and nothing is estimated.
//
// Every 45 s the faults end. One second and a bound later every instance, and Redis itself, must have what
// the source has for every key. Then they go on.
//
// The output is a table for each topology, as Markdown. The exit code is 1 if something that must be 0 is not; what is known about it is
// then on the standard error.
//
// # The baseline
//
// With -mode plain the instances have the cache that people write themselves: a map over Redis, DEL and PUBLISH, and deletes on message.
// More than one read in a hundred must be beyond the bound then, or the exit code is 1 as well: a check that finds nothing wrong
// with it checks nothing.
//
// # Reading the source
//
// Packages internal/source and internal/checker hold what is true, instance is the process with the cache, plain the baseline,
// servers and proxies what the instances talk to and through, fault what goes wrong, harness the order of things, and report
// the tables.
//
// It needs redis-server and redis-cli, 7.0 or later, and a system with mmap, signals and CLOCK_MONOTONIC, such as Linux.
package main
