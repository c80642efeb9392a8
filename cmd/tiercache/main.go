// Tiercache answers questions about caches built with the module github.com/tiercache/tiercache.
//
// Its one command so far, replay, answers two: which tiers and sizes does a workload need, and do the instances of a program stay
// consistent? It runs a fleet of instances in this process, each with a near tier, a Redis client and a bus connection of its
// own, over one Redis, and replays a workload against them:
//
//	tiercache replay                                        # 4 instances, a zipf workload, an embedded Redis: some seconds
//	tiercache replay -redis 127.0.0.1:6379                  # the Redis of your program; the keys are removed afterwards
//	tiercache replay -engine ristretto,otter -memory 1000,2000,4000 -html report.html
//	tiercache replay -trace oltp.gz -far=false -memory 1000 # the requests that your program had; one instance, no Redis
//	tiercache replay -writes 10% -load-time 20ms -codec json+s2 -value-size 2000
//
// All flags are listed by tiercache replay -h.
//
// # Workloads
//
// A zipf workload asks for the k-th most popular of -keys keys in proportion to 1/k^skew. A trace is a text file, perhaps
// compressed with gzip, with a key on each line, or in the format of the ARC or of the LIRS papers, which is recognized by
// the first line. Keys of traces and of a -seed are the same in every run, so runs can be compared.
//
// # The report
//
// Every read was answered by the near tier, the far tier, or a load (of its own or one that it waited for); the three add up to
// the reads without an error. For each there is a share and the percentiles of its latency. Loads per missed value say how well the
// fleet shares its loads: 1 means that no value was loaded twice, as long as Redis does not lose it.
//
// The source knows the version of each value, and when the writer was told that its write had succeeded. A read is
// stale if a newer version had been acknowledged before the read began; its age is the time since then. Values that are overwritten while
// a read is under way make it neither stale nor fresh, so they do not count. The invalidation lag is the time from an acknowledgment until
// another instance has applied the event; it is 0 where the event was faster. Reads that are younger than the lag may be
// stale, without anything being wrong; a stale read that is much older, or an invalidation that never arrived, is what to look for.
//
// More than one engine or size makes a run for each combination, and a table to compare them.
//
// # JSON
//
// With -json the report is one document: "setup" has what all runs had in common, "runs" the results in the order of
// -engine and -memory, and "conclusion" the sentences of the text. "interrupted" says that a signal came, "failed", if it is there,
// why runs are missing. In a run, "near", "far" and "load" have "reads", "ratio" and "latency" each; "loads" and "missed_keys" are
// what "loads_per_missed_key" is made of; "invalidation" has "deliveries", "undelivered", "lag" and "partition_drops";
// "stale_reads" has "count", "ratio" and "age"; "read_errors", "write_errors" and "other_errors" come with "first_error";
// "tiers" has the counters of the tiers, summed over the instances. Durations are in nanoseconds, in fields whose names end in
// _ns; ratios are from 0 to 1. Percentiles are within one percent.
//
// # Exit status
//
//	0    the replay is done
//	1    it failed in its middle, or the report could not be written; what had been measured is printed if possible
//	2    nothing was done: a bad flag, an unreadable trace, a Redis that does not answer
//	130  a signal came, and what had been measured by then was printed; a second signal kills
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/redis/go-redis/v9"
)

func main() {
	redis.SetLogger(silence{}) // it would write to stderr what is in the errors that its calls return
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program as if it had not been caught
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// silence is a logger of nothing.
type silence struct{}

func (silence) Printf(context.Context, string, ...any) {}
