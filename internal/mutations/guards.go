package main

import "slices"

// mutations are the guards, from the near tier outwards.
var mutations = slices.Concat(nearGuards, loadGuards, storeGuards, busGuards)

// nearGuards decide what is served from memory.
var nearGuards = []mutation{
	{
		guard: "The fence is compared on each hit", off: "an entry is served whatever has invalidated it",
		file: "guard.go",
		old:  " && g.fence.Current(stamp) {", new: " {",
		pkg: ".", test: "TestH4EntryThatComesBackAfterItsDelete",
	},
	{
		guard: "Trust is checked on each hit", off: "an entry is served though the freshness lease has ended",
		file: "guard.go",
		old:  " && g.fence.Trusted(stamp, now)", new: "",
		pkg: ".", test: "TestBypassServesNothingPastTheBound",
	},
	{
		guard: "The stamp is taken before the far read", off: "what was read gets a stamp of now",
		file: "judge.go",
		old:  "stampFar(e, stamp)", new: "e.Stamp = c.fence.Stamp(e.Key, int(stamp.Partition))",
		pkg: ".", test: "TestH3FarReadThatADeleteHasOvertaken",
	},
	{
		guard: "The stamp of a value is as old as its load", off: "trust is counted from the end of the load",
		file: "load.go",
		old:  "e.Stamp = f.stamp\n\tswitch {", new: "e.Stamp = f.stamp\n\te.Stamp.AsOf = clock.Now()\n\tswitch {",
		pkg: ".", test: "TestValueOfALoadIsAsOldAsTheBeginOfTheLoad",
	},
	{
		guard: "No stamp is zero", off: "an entry that was never stamped is as good as any",
		file: "internal/fence/fence.go",
		old:  "f.parts[i].epoch.Store(1) // no stamp is zero", new: "",
		pkg: ".", test: "TestNearEntryWithoutAStampIsNotServed",
	},
	{
		guard: "An event moves the fence", off: "events are ignored",
		file: "events.go",
		old:  "h.fence.Bump(key, invalidate.Partition(h.name, key))", new: "_ = key",
		pkg: ".", test: "TestWritesReachOtherInstancesWithinAHop",
	},
	{
		guard: "A drop moves the fence", off: "drops are ignored",
		file: "events.go",
		old:  "h.fence.Drop(partition)", new: "",
		pkg: ".", test: "TestLostEventDropsItsPartition",
	},
	{
		guard: "A write moves the fence again when it is published", off: "what was read in between stays",
		file: "write_near.go",
		old:  "c.fence.Bump(key, part)\n\treturn c.eachNear(\"delete\"", new: "return c.eachNear(\"delete\"",
		pkg: ".", test: "TestH3FarReadDuringADeleteOfTheSameProcess",
	},
	{
		guard: "After a failed attempt the cache has another name", off: "its event is taken for an echo when it comes late",
		file: "events.go",
		old:  "c.origin.CompareAndSwap(origin, newOrigin())", new: "_ = newOrigin",
		pkg: ".", test: "TestEventOfAFailedAttemptIsAppliedWhenItComes",
	},
	{
		guard: "The far tier is written before the event is sent", off: "the event is sent first",
		file: "write_far.go",
		old:  "return c.tell(ctx, keys, c.eachFar(\"delete\", func(t tier.Tier[V]) error { return t.Delete(ctx, keys...) }))",
		new: `_, told := c.tell(ctx, keys, nil)
	err = c.eachFar("delete", func(t tier.Tier[V]) error { return t.Delete(ctx, keys...) })
	return err == nil, errors.Join(told, err)`,
		pkg: ".", test: "TestH11EventComesWhenTheFarTierIsWritten",
	},
	{
		guard: "A written value is as old as the beginning of the write", off: "it is as old as the end",
		file: "write_near.go",
		old:  "e.Stamp.AsOf = begun.AsOf", new: "_ = begun.AsOf",
		pkg: ".", test: "TestValueOfASetIsAsOldAsTheSet",
	},
	{
		guard: "Memory keeps no value of which the far tier failed", off: "it does",
		file: "write_near.go",
		old:  "if farOK && (alone", new: "if (alone",
		pkg: ".", test: "TestWritesWithoutRedisFailAndForgetTheOldValue",
	},
	{
		guard: "Of two writes at once memory keeps neither", off: "it keeps the last one",
		file: "write_near.go",
		old:  "alone := e.Stamp.Sum == begun.Sum+1\n", new: "alone := true\n",
		pkg: ".", test: "TestNearTierNeverKeepsWhatTheFarOneDoesNotHave",
	},
	{
		guard: "Memory compares the whole key", off: "an entry of another key with the same hash is served",
		file: "tier/memory.go",
		old:  "e != nil && e.Key == key {", new: "e != nil {",
		pkg: "./tier", test: "TestEntryOfAnotherKeyWithTheSameHashIsAMiss",
	},
	{
		guard: "A closed cache uses no tier", off: "Close waits for nobody",
		file: "internal/stripe/gate.go",
		old:  "s.out.Load()+s.counted.Load() != s.in.Load()", new: "s.in.Load() == 0",
		pkg: ".", test: "TestCloseWaitsForACallThatUsesATier",
	},
	{
		guard: "DeleteWait waits for the bound", off: "it returns when Delete has",
		file: "delete_wait.go",
		old:  "wait = bound + c.outage", new: "wait = c.outage",
		pkg: ".", test: "TestDeleteWaitReturnsWhenNobodyServesTheOldValue",
	},
	{
		guard: "The journal repeats what a rollback may have undone", off: "rollbacks are ignored",
		file: "journal_repeat.go",
		old:  "if h.journal.rolledBack() {", new: "if false {",
		pkg: ".", test: "TestWritesThatTheStoreHasLostAreRepeated",
	},
	{
		guard: "A write during a rollback is repeated as well", off: "it is recorded, and left alone",
		file: "journal.go",
		old:  "return j.rollbacks != rollbacks && j.start()", new: "return false",
		pkg: ".", test: "TestWriteDuringARollbackIsRepeated",
	},
}

// loadGuards decide what becomes of a load.
var loadGuards = []mutation{
	{
		guard: "Nobody joins a flight that an invalidation has overtaken", off: "the fence is not asked",
		file: "singleflight.go",
		old:  "g.fence.Current(&f.stamp)", new: "true",
		pkg: ".", test: "TestH5FlightFromBeforeADelete",
	},
	{
		guard: "Nobody joins a flight that is not trusted", off: "its age is not looked at",
		file: "singleflight.go",
		old:  "g.fence.Trusted(&f.stamp, clock.Now())", new: "clock.Now() > 0",
		pkg: ".", test: "TestFlightThatTheBusDoesNotVouchForIsNotJoined",
	},
	{
		guard: "An overtaken entry does not displace a newer one", off: "it is stored, to be refused by readers",
		file: "load.go",
		old:  "if !c.fence.Current(&e.Stamp) {\n\t\treturn false, nil\n\t}", new: "",
		pkg: ".", test: "TestALateFillDoesNotDisplaceWhatWasSetMeanwhile",
	},
	{
		guard: "Memory is not filled where the far tier has refused", off: "it is",
		file: "load.go",
		old:  "c.refused(e.Key)\n\t\t\t\treturn", new: "c.refused(e.Key)\n\t\t\t\tcontinue",
		pkg: ".", test: "TestAFillThatTheStoreRefusesIsNotKeptNearEither",
	},
	{
		guard: "A load that everybody has left is not stored", off: "it is",
		file: "load.go",
		old:  "stop := context.AfterFunc(f.ctx, func() {", new: "stop := context.AfterFunc(context.Background(), func() {",
		pkg: ".", test: "TestLateLoadDoesNotDisplaceANewerOne",
	},
	{
		guard: "A lease in doubt is given back", off: "it is left to lapse",
		file: "load.go",
		old:  "if lease.doubt != nil {", new: "if false {",
		pkg: ".", test: "TestStallLeavesNoLeaseBehind",
	},
	{
		guard: "The context of a load is its own", off: "the first caller takes the load along",
		file: "singleflight.go",
		old:  "context.WithCancelCause(context.WithoutCancel(ctx))", new: "context.WithCancelCause(ctx)",
		pkg: ".", test: "TestACallerThatLeavesHarmsNoOther",
	},
	{
		guard: "A failed tier is a miss", off: "a record that cannot be read is an error",
		file: "tier/remote.go",
		old:  "s.Report(Problem{Kind: Unreadable, Tier: t.name, Key: key, Err: err})", new: "return nil, false, err",
		pkg: "./tier", test: "TestBytesThatAreNoRecordAreDiscarded",
	},
}
