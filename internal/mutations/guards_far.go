package main

// storeGuards decide what is kept in the store.
var storeGuards = []mutation{
	{
		guard: "A fill compares the lease", off: "it is a plain write",
		file: "tier/remote_lease.go",
		old:  "return backend.Replace(ctx, t.backend, l.physical, l.bytes(), r.bytes, r.ttl)",
		new:  "return true, t.backend.Set(ctx, l.physical, r.bytes, r.ttl)",
		pkg:  "./tier", test: "TestFillIsRefusedAfterAnInvalidation",
	},
	{
		guard: "A fill is of the generation in which it began", off: "a fill that a Clear has overtaken counts as new",
		file: "tier/remote_lease.go",
		old:  "if err != nil || generation != l.generation {", new: "if l.generation = generation; err != nil {",
		pkg: ".", test: "TestClearOvertakesRunningLoads",
	},
	{
		guard: "An entry is as old as what is known of its generation", off: "it is as young as the read",
		file: "judge.go",
		old:  "if asOf := e.Stamp.AsOf; asOf != 0 {", new: "if asOf := e.Stamp.AsOf; false {",
		pkg: ".", test: "TestClearThatIsNotHeardOfEndsWithTheBound",
	},
	{
		guard: "An entry that a lease finds is served only while it is trusted", off: "it is served",
		file: "load.go",
		old:  "if !c.fence.Trusted(&e.Stamp, clock.Now()) {", new: "if false {",
		pkg: ".", test: "TestClearThatIsNotHeardOfEndsWithTheBound",
	},
	{
		guard: "A lease that lives is respected", off: "each process loads",
		file: "tier/remote_lease.go",
		old:  "case r.head.Kind.Leased() && l.tier.now(ctx).millis() < r.head.Deadline:", new: "case false:",
		pkg: "./tier", test: "TestOneProcessLoadsAndTheOthersGetItsFill",
	},
	{
		guard: "A record ends the life of its copies", off: "a copy lives as long as a new entry",
		file: "tier/remote_time.go",
		old:  "return m.here.Add(-old), freshUntil, m.here.Add(h.Total - old)", new: "return m.here.Add(-old), freshUntil, m.here.Add(h.Total)",
		pkg: "./tier", test: "TestEntriesAgeInTheStore",
	},
	{
		guard: "Records have a checksum", off: "flipped bits are values",
		file: "internal/envelope/envelope.go",
		old:  "case binary.BigEndian.Uint32(data[crcAt:]) != crc32.Checksum(data[flagsAt:], table):", new: "case false:",
		pkg: "./tier", test: "TestFlippedBitsNeverChangeAValue",
	},
	{
		guard: "Records name the shape of their value", off: "another version of the type is decoded",
		file: "tier/remote_record.go",
		old:  "case h.Schema != t.schema:", new: "case false:",
		pkg: "./tier", test: "TestValueOfAnotherShapeIsAMissAndStays",
	},
	{
		guard: "An unreadable record is removed only if it is still there", off: "whatever is there is removed",
		file: "tier/remote.go",
		old:  "_, err := backend.DeleteIf(ctx, t.backend, physical, condition(data))", new: "err := t.backend.Delete(ctx, physical)",
		pkg: "./tier", test: "TestNewerValueSurvivesTheDiscardOfAnUnreadableOne",
	},
}

// busGuards decide what is confirmed. Most are noticed by the model.
var busGuards = []mutation{
	{
		guard: "Entries of a log are told apart by nonces", off: "messages are compared by their numbers",
		file: "internal/chain/chain.go",
		old:  "case l.Prev != c.head.Nonce:", new: "case false:",
		pkg: "./internal/chain", test: "TestReceive",
	},
	{
		guard: "Heads of a log are told apart by nonces", off: "heads are compared by their numbers",
		file: "internal/chain/chain.go",
		old:  "case nonce != h.Nonce:", new: "case nonce != h.Nonce && false:",
		pkg: "./internal/chain", test: "TestCompare",
	},
	{
		guard: "A log that is shorter than it was has gone back", off: "that is not looked at",
		file: "internal/chain/chain.go",
		old:  "case h.Epoch == sent.Epoch && (h.Number < sent.Number || h.Number == sent.Number && h.Nonce != sent.Nonce):", new: "case false:",
		pkg: "./invalidate/redisbus", test: "TestNoOrderOfEventsBreaksTheContract",
	},
	{
		guard: "A log of another epoch is another log", off: "epochs are not compared",
		file: "internal/chain/chain.go",
		old:  "case h.Epoch != c.head.Epoch:", new: "case false:",
		pkg: "./internal/chain", test: "TestCompare",
	},
	{
		guard: "The freshness lease is counted from the sending of the poll", off: "it is counted from the answer",
		file: "invalidate/redisbus/hub.go",
		old:  "h.confirm(p, l.began, bound)", new: "h.confirm(p, time.Now(), bound)",
		pkg: "./invalidate/redisbus", test: "TestNoOrderOfEventsBreaksTheContract",
	},
	{
		guard: "Nothing is confirmed while messages are missing", off: "it is, and waited for later",
		file: "invalidate/redisbus/hub.go",
		old:  "missing |= partition(p)\n\t\t\tcontinue", new: "missing |= partition(p)",
		pkg: "./invalidate/redisbus", test: "TestNoOrderOfEventsBreaksTheContract",
	},
	{
		guard: "What a poll finds missing is dropped", off: "the head is adopted without a drop",
		file: "invalidate/redisbus/hub.go",
		old:  "h.drop(p)\n\t\t\tlog.Adopt(head)\n\t\t\tlog.catchUp()", new: "log.Adopt(head)\n\t\t\tlog.catchUp()",
		pkg: "./invalidate/redisbus", test: "TestNoOrderOfEventsBreaksTheContract",
	},
	{
		guard: "What a message finds missing is dropped", off: "the head is adopted without a drop",
		file: "invalidate/redisbus/hub.go",
		old:  "h.drop(e.partition)\n\t\tlog.Adopt(e.Head)", new: "log.Adopt(e.Head)",
		pkg: "./invalidate/redisbus", test: "TestNoOrderOfEventsBreaksTheContract",
	},
	{
		guard: "What another log makes doubtful is dropped", off: "the log is followed without a drop",
		file: "invalidate/redisbus/hub.go",
		old:  "h.drop(p)\n\th.logs[p].Adopt(head)", new: "h.logs[p].Adopt(head)",
		pkg: "./invalidate/redisbus", test: "TestNoOrderOfEventsBreaksTheContract",
	},
	{
		guard: "A late member drops what it has before it is confirmed", off: "it is confirmed like the others",
		file: "invalidate/redisbus/member.go",
		old:  "m.Drop(p)", new: "_ = p",
		pkg: "./invalidate/redisbus", test: "TestNoOrderOfEventsBreaksTheContract",
	},
	{
		guard: "What was acknowledged has to be in the log", off: "only what was received has to be",
		file: "invalidate/redisbus/follow.go",
		old:  "if h.Epoch == heads[p].Epoch && h.Number > heads[p].Number {", new: "if false {",
		pkg: "./invalidate/redisbus", test: "TestNoOrderOfEventsBreaksTheContract",
	},
	{
		guard: "Another server is a possible rollback", off: "only its logs are looked at",
		file: "invalidate/redisbus/identify.go",
		old:  "if another && p.servers != nil {", new: "if false {",
		pkg: "./invalidate/redisbus", test: "TestFailoverIsFollowed",
	},
	{
		guard: "A lease is asked for once", off: "the client repeats the request when a connection breaks",
		file: "backend/redisstore/lease.go",
		old:  "addScript.Run(ctx, once{s.rdb},", new: "addScript.Run(ctx, s.rdb,",
		pkg: "./backend/redisstore", test: "TestWhatCreatesIsSentOnce",
	},
	{
		guard: "A log that has gone back gets another epoch", off: "it keeps its epoch",
		file: "invalidate/redisbus/poll.go",
		old:  "\tp.renew(ctx)\n", new: "",
		pkg: "./invalidate/redisbus", test: "TestRollbackIsToldToThoseWhoCannotSeeIt",
	},
	{
		guard: "A message that makes no sense is a loss", off: "it is skipped",
		file: "invalidate/redisbus/bus.go",
		old:  "b.count.undecodable.Add(1)\n\t\th.dropAll()", new: "b.count.undecodable.Add(1)",
		pkg: "./invalidate/redisbus", test: "TestUndecodableMessageDropsEverything",
	},
	{
		guard: "A silent subscription is replaced", off: "a ping that was sent is a ping that was answered",
		file: "invalidate/redisbus/link.go",
		old:  "if w.silence() > l.pingTimeout {", new: "if false {",
		pkg: "./invalidate/redisbus", test: "TestSilentConnectionIsNoticed",
	},
	{
		guard: "Clients that read from replicas are refused", off: "a replica may confirm what it does not know",
		file: "invalidate/redisbus/bus.go",
		old:  "o.ReadOnly || o.RouteByLatency || o.RouteRandomly", new: "o.ClientName == \"none\"",
		pkg: "./invalidate/redisbus", test: "TestH21ClientsThatReadFromReplicasAreRefused",
	},
	{
		guard: "A sleep of the machine drops everything", off: "it goes unnoticed",
		file: "invalidate/redisbus/poll.go",
		old:  "if asleep := p.suspended(); asleep > p.asleep+shortestSleep {", new: "if asleep := p.suspended(); asleep > p.asleep+1000*time.Hour {",
		pkg: "./invalidate/redisbus", test: "TestSuspendDropsEverything",
	},
	{
		guard: "A strict poll is a write", off: "its error is ignored",
		file: "invalidate/redisbus/script.go",
		old:  "errs[p] = touched[p].Err()", new: "_ = touched[p].Err()",
		pkg: "./invalidate/redisbus", test: "TestStrictPollAsksForAWrite",
	},
	{
		guard: "An event is acknowledged when enough replicas have it", off: "when the master has",
		file: "invalidate/redisbus/publish.go",
		old:  "if n < b.cfg.Replicas {", new: "if false {",
		pkg: "./invalidate/redisbus", test: "TestEventThatNoReplicaHasIsAnError",
	},
	{
		guard: "Epochs and nonces are random", off: "they are all the same",
		file: "invalidate/redisbus/script.go",
		old:  "if n := rand.Uint64(); n != 0 {\n\t\t\treturn n", new: "if n := rand.Uint64(); n != 0 {\n\t\t\treturn 1",
		pkg: "./invalidate/redisbus", test: "TestLogThatHasGoneBackIsNoticed",
	},
	{
		guard: "A deaf subscription is replaced", off: "it is kept",
		file: "invalidate/redisbus/poll.go",
		old:  "if deaf != 0 {", new: "if false {",
		pkg: "./invalidate/redisbus", test: "TestSubscriptionThatIsDeafIsReplaced",
	},
	{
		guard: "Messages are read without a timeout", off: "a timeout loses the part of one that was read",
		file: "invalidate/redisbus/link.go",
		old:  "msg, err := ps.Receive(ctx)",
		new:  "msg, err := ps.ReceiveTimeout(ctx, 20*time.Millisecond)\n\t\tif n, ok := err.(interface{ Timeout() bool }); ok && n.Timeout() {\n\t\t\tcontinue\n\t\t}",
		pkg:  "./invalidate/redisbus", test: "TestH33MessageThatComesInPieces",
	},
}
