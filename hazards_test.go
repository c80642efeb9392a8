package tiercache_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A hazard is a way in which a cache of several tiers and processes can come to serve an old value, to fail, or to overload what it is for.
type hazard struct {
	number   int
	what     string
	tests    []string // force it, and see it refused
	excluded []string // force it, and see it happen, since the contract leaves it out
}

// Where tests are that are not here.
const (
	inTier = "tier."
	inKeys = "internal/keys."
	inBus  = "invalidate/redisbus."
)

var hazards = []hazard{
	{number: 1, what: "a load that an invalidation overtakes fills memory", tests: []string{
		"TestH1FillThatADeleteHasOvertaken",
		"TestAnOvertakenFillIsNotFound",
	}},
	{number: 2, what: "a load that an invalidation overtakes fills the store, and from there every process", tests: []string{
		"TestLoadThatAnInvalidationOvertookPoisonsNobody",
		"TestLoadIsOvertakenInRedisEvenWhereTheEventIsLost",
		inTier + "TestFillIsRefusedAfterAnInvalidation",
	}, excluded: []string{
		"TestExcludedH2CopyToANearerSharedTier",
	}},
	{number: 3, what: "an answer of the store arrives after the event", tests: []string{
		"TestH3FarReadThatADeleteHasOvertaken",
		"TestAnotherProcessesFillIsNotKeptOnceItIsOvertaken",
	}},
	{number: 4, what: "an engine brings back what was deleted", tests: []string{
		"TestH4EntryThatComesBackAfterItsDelete",
	}},
	{number: 5, what: "a reader joins a load from before the invalidation", tests: []string{
		"TestH5FlightFromBeforeADelete",
		"TestNobodyGetsTheOldValueAfterAnInvalidation",
	}},
	{number: 6, what: "a message is lost while the subscription is interrupted", tests: []string{
		inBus + "TestLostMessageIsFoundByAPoll",
		inBus + "TestNextMessageShowsThatOneWasLost",
		inBus + "TestKilledConnectionIsReplaced",
		inBus + "TestNoOrderOfEventsBreaksTheContract",
	}},
	{number: 7, what: "a connection is half open, and nothing shows it", tests: []string{
		inBus + "TestSilentConnectionIsNoticed",
		inBus + "TestNothingIsConfirmedWhileRedisIsSilent",
	}},
	{number: 8, what: "the subscription is to a server that answers pings and gets no messages", tests: []string{
		inBus + "TestSubscriptionThatIsDeafIsReplaced",
	}},
	{number: 9, what: "a slow receiver is cut off by the server", tests: []string{
		inBus + "TestBusyHandlerIsNoSilence",
		inBus + "TestManyEventsAreNoLoss",
		"TestASlowHookHoldsUpNobodyAndIsLeftOut",
	}},
	{number: 10, what: "an instance takes its own late event for an echo, or each echo for news", tests: []string{
		"TestEventOfAFailedAttemptIsAppliedWhenItComes",
		"TestOwnEventsThatComeBackEvictNothing",
	}},
	{number: 11, what: "a process dies between the deletion and the event, or the event overtakes the deletion", tests: []string{
		"TestDeleteIsOneStepWhereTheBusCanDelete",
		"TestH11EventComesWhenTheFarTierIsWritten",
	}},
	{number: 12, what: "a process dies between the change and the invalidation", excluded: []string{"TestExcludedH12DeathBeforeTheDelete"}},
	{number: 13, what: "the invalidation comes before the commit", excluded: []string{"TestExcludedH13DeleteBeforeTheCommit"}},
	{number: 14, what: "the source is a replica that lags", excluded: []string{"TestExcludedH14SourceThatLags"}},
	{number: 15, what: "a copy outlives what it was copied from", tests: []string{
		"TestH15PromotedEntryThatOutlivesItsRecord",
		inTier + "TestACopyEndsBeforeItsRecord",
	}},
	{number: 16, what: "clocks differ, or jump, or stand still while the machine sleeps", tests: []string{
		"TestLifetimesDoNotDependOnTheWallClock",
		"TestLifetimesDoNotDependOnTheClockOfRedis",
		inBus + "TestSuspendDropsEverything",
	}, excluded: []string{"TestExcludedH16FirstInstantAfterASleep"}},
	{number: 17, what: "a failover loses acknowledged writes, and numbers are given out again", tests: []string{
		inBus + "TestLogThatHasGoneBackIsNoticed",
		inBus + "TestMessageAfterARollbackIsNotTakenForAnOldOne",
		inBus + "TestRollbackThatIsOvertakenIsNoticed",
		inBus + "TestRollbackOfWhatOnlyThePublisherKnowsIsNoticed",
		inBus + "TestNoOrderOfEventsBreaksTheContract",
		"TestWritesThatTheStoreHasLostAreRepeated",
	}},
	{number: 18, what: "an old master still answers some, while others write to the new one", tests: []string{
		inBus + "TestStrictPollAsksForAWrite",
	}, excluded: []string{inBus + "TestExcludedH18OldMasterThatStillAnswers"}},
	{number: 19, what: "the store is emptied, and counts from the beginning", tests: []string{
		inBus + "TestLogThatHasGoneBackIsNoticed",
		inBus + "TestRestartedServerDropsEverything",
		inBus + "TestNoOrderOfEventsBreaksTheContract",
		"TestLoadsAndWritesGoOnAfterFlushAll",
	}},
	{number: 20, what: "the store evicts a lease or a log", tests: []string{
		"TestH20LeaseThatTheStoreHasEvicted",
		inBus + "TestLogThatHasGoneBackIsNoticed",
	}},
	{number: 21, what: "the store is read from a replica that lags", tests: []string{
		inBus + "TestH21ClientsThatReadFromReplicasAreRefused",
	}, excluded: []string{"TestExcludedH21ReplicaThatLags"}},
	{number: 22, what: "slots of a cluster move", tests: []string{
		inBus + "TestLogMovesToAnotherNode",
		inBus + "TestShardChannels",
	}},
	{number: 23, what: "an absence is remembered beyond the insert", tests: []string{
		"TestH23AbsenceThatAnInsertHasEnded",
		"TestAddReplacesARememberedAbsenceEverywhere",
	}},
	{number: 24, what: "many load one key at once", tests: []string{
		"TestAThousandCallersShareOneLoad",
		"TestAFleetLoadsAKeyOnce",
		"TestALoadThatFailsPassesTheLeaseOn",
	}},
	{number: 25, what: "a load takes longer than its lease", tests: []string{
		"TestH25LoadThatIsSlowerThanItsLease",
		inTier + "TestLapsedLeaseGoesToTheNext",
	}},
	{number: 26, what: "a record cannot be read", tests: []string{
		"TestH26RecordThatCannotBeRead",
		inTier + "TestNewerValueSurvivesTheDiscardOfAnUnreadableOne",
	}},
	{number: 27, what: "two versions of a type share a store", tests: []string{
		inTier + "TestValueOfAnotherShapeIsAMissAndStays",
		"TestInstancesThatDisagreeAboutTheEncodingDoNotMisreadEachOther",
	}},
	{number: 28, what: "two keys are taken for each other", tests: []string{
		"TestNoTwoKeysAreTakenForEachOther",
		inTier + "TestEntryOfAnotherKeyWithTheSameHashIsAMiss",
		inKeys + "TestBracesInKeysDoNotChooseTheSlot",
	}},
	{number: 29, what: "a large value holds up the store", tests: []string{
		"TestValueThatIsTooLargeIsKeptOutOfTheFarTier",
	}},
	{number: 30, what: "a step is carried out although it failed, or twice", tests: []string{
		inBus + "TestRepeatedScriptIsNoLoss",
		"TestClearThatWasNotAcknowledgedIsAppliedWhenItComes",
	}, excluded: []string{"TestExcludedH30SetThatIsCarriedOutLater"}},
	{number: 31, what: "the source is changed in one order and the store in another", excluded: []string{"TestExcludedH31SetsThatArriveInAnotherOrder"}},
	{number: 32, what: "one caller's end is everybody's: its context, a panic, Goexit", tests: []string{
		"TestACallerThatLeavesHarmsNoOther",
		"TestAPanicOfTheLoaderGoesToAllCallers",
		"TestALoaderThatEndsItsGoroutineIsAnError",
	}},
	{number: 33, what: "a message is torn by a timeout in the middle of it", tests: []string{
		inBus + "TestH33MessageThatComesInPieces",
	}},
	{number: 34, what: "a process stops between the check and the use", tests: []string{
		"TestH34EntryThatWasInHandDuringAPause",
	}, excluded: []string{"TestExcludedH34PauseAfterTheCheck"}},
	{number: 35, what: "a Clear crosses loads and reads", tests: []string{
		"TestClearThatIsNotHeardOfEndsWithTheBound",
		"TestClearOvertakesRunningLoads",
		"TestClearForgetsWhatWasReadMeanwhile",
	}},
	{number: 36, what: "an engine keeps the older of two writes", tests: []string{
		"TestH36EngineThatKeepsTheOlderOfTwoSets",
	}},
	{number: 37, what: "Close races with the traffic", tests: []string{
		"TestCloseEndsTheTrafficOfAllMethods",
		"TestCloseWaitsForACallThatUsesATier",
	}},
}

func TestEveryHazardHasATest(t *testing.T) {
	declared := make(map[string]map[string]bool) // tests by directory
	check := func(h hazard, test string, excluded bool) {
		at := strings.LastIndex(test, ".")
		dir, name := filepath.FromSlash(test[:max(at, 0)]), test[at+1:]
		if declared[dir] == nil {
			declared[dir] = testsOf(t, dir)
		}
		if !declared[dir][name] {
			t.Errorf("H%d: there is no %s", h.number, test)
		}
		if strings.HasPrefix(name, fmt.Sprintf("TestExcludedH%d", h.number)) != excluded {
			t.Errorf("H%d: %s is not named for what it shows", h.number, test)
		}
	}
	for i, h := range hazards {
		if h.number != i+1 || h.what == "" {
			t.Errorf("hazard %d has number %d and is %q", i+1, h.number, h.what)
		}
		if len(h.tests)+len(h.excluded) == 0 {
			t.Errorf("H%d has no test", h.number)
		}
		for _, test := range h.tests {
			check(h, test, false)
		}
		for _, test := range h.excluded {
			check(h, test, true)
		}
	}
}

// testsOf returns the functions in the test files of dir.
func testsOf(t *testing.T, dir string) map[string]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	names := make(map[string]bool)
	for _, path := range files {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil {
				names[f.Name.Name] = true
			}
		}
	}
	return names
}

// What the contract leaves out is on the page about it, with the test that shows it, and nothing else is.
func TestExclusionsAreDocumented(t *testing.T) {
	page := string(must(os.ReadFile("docs/consistency.md")))
	documented := make(map[string]bool)
	for _, name := range regexp.MustCompile(`TestExcluded\w+`).FindAllString(page, -1) {
		documented[name] = true
	}
	for _, h := range hazards {
		for _, test := range h.excluded {
			name := test[strings.LastIndex(test, ".")+1:]
			if !documented[name] {
				t.Errorf("docs/consistency.md does not name %s", name)
			}
			delete(documented, name)
		}
	}
	for name := range documented {
		t.Errorf("docs/consistency.md names %s, which is in no hazard", name)
	}
}
