package redisbus

import (
	"flag"
	"strings"
	"testing"
)

var thorough = flag.Bool("thorough", false, "explore the larger models as well, which takes minutes and gigabytes")

// mostStates is where an exploration ends. Only the largest models have more, and of these all that is near is explored.
const mostStates = 4_000_000

// The model is cut in pieces that can be explored to the end: what is not looked at in one of them is in another. Each holds for
// every order of what happens, for every loss, delay and reordering of messages, and for polls that come, stay away or take their time.
var models = []struct {
	name  string
	model model
	large bool // explored only if that is wanted
}{
	{name: "one write", model: model{writers: []int8{0}, loads: on(1, 1), polls: both(1)}},
	{name: "repeated messages", model: model{writers: []int8{0}, loads: on(0, 1), polls: both(1), repeats: 1}},
	{name: "reads in steps", model: model{writers: []int8{0}, loads: on(0, 2), polls: both(1), fine: true}},
	{name: "two writes of one instance", model: model{writers: []int8{0, 0}, loads: on(0, 1), polls: both(1)}, large: true},
	{name: "two writes of two instances, polls", model: model{writers: []int8{0, 1}, loads: on(0, 1), polls: both(1)}},
	{name: "writes that fail", model: model{writers: []int8{0}, loads: on(1, 0), polls: both(0), failures: true}},
	{name: "deletion and log in two steps", model: model{writers: []int8{0}, loads: on(0, 1), polls: both(1), steps: deleteFirst}},
	{name: "fills", model: model{writers: []int8{0}, loads: on(1, 1), evictions: 1, empty: true, fine: true}},
	{name: "fills of two writes", model: model{writers: []int8{0, 1}, loads: on(1, 2), evictions: 1, empty: true}, large: true},
	{name: "late member", model: model{writers: []int8{0}, loads: on(0, 1), polls: both(1), late: true}},
	{name: "replay log", model: model{writers: []int8{0, 0}, loads: on(0, 1), polls: both(1), replay: true}, large: true},
	{name: "replay log, one write", model: model{writers: []int8{0}, loads: on(0, 1), polls: both(1), replay: true}},
	{name: "everything is lost", model: model{writers: []int8{0}, loads: on(0, 1), polls: both(1), flushes: true, losses: 1}},
	{name: "rollback, seen by the writer", model: model{writers: []int8{0, 1}, polls: both(0), losses: 1}},
	{name: "rollback, and three writes", model: model{writers: []int8{0, 1, 1}, polls: both(0), losses: 1}, large: true},
	{name: "rollback, seen by a reader", model: model{writers: []int8{0}, loads: on(0, 1), polls: both(1), losses: 1}},
	{name: "rollback of a server without a name", model: model{seeds: noIdentity, hearsItself: true, writers: []int8{0, 1}, polls: both(0), losses: 1}},
	{name: "rollback of a server without a name, deaf", model: model{seeds: noIdentity, writers: []int8{0}, polls: both(0), losses: 1}},
	{name: "rollback, all polls", model: model{writers: []int8{0}, loads: on(0, 1), polls: both(0, 1), losses: 1}, large: true},
}

func on(first, second int8) [instances]int8 { return [instances]int8{first, second} }

func both(polling ...int) (p [instances]bool) {
	for _, i := range polling {
		p[i] = true
	}
	return p
}

func TestNoOrderOfEventsBreaksTheContract(t *testing.T) {
	for _, tc := range models {
		t.Run(tc.name, func(t *testing.T) {
			if tc.large && !*thorough {
				t.Skip("large: run with -thorough")
			}
			r := tc.model.explore(mostStates)
			t.Log(r)
			if r.violation != "" {
				t.Error("this must not be possible")
			} else if !r.complete && !tc.large {
				t.Error("not explored to the end")
			}
		})
	}
}

// An exploration that finds nothing proves something only if it would find what is there.
func TestEveryBugOfTheProtocolIsFound(t *testing.T) {
	for _, tc := range []struct {
		name  string
		model model
		want  string // the promise that is broken
	}{
		{"numbers instead of nonces", model{seeds: numbersForNonces, writers: []int8{0, 0}, loads: on(0, 1), polls: both(1), losses: 1}, "I2"},
		{"lease counted from the receipt of the answer", model{seeds: leaseFromReceipt, writers: []int8{0}, loads: on(0, 1), polls: both(1)}, "I2"},
		{"origin kept after a failed attempt", model{seeds: originKept, writers: []int8{0}, loads: on(1, 0), polls: both(0), failures: true}, "I2"},
		{"no second move of the fence", model{seeds: noSecondBump, writers: []int8{0}, loads: on(1, 0)}, "I1"},
		{"head adopted without a drop", model{seeds: adoptionWithoutDrop, writers: []int8{0}, loads: on(0, 1), polls: both(1)}, "I2"},
		{"stamp taken after the read", model{seeds: stampLate, writers: []int8{0}, loads: on(0, 1)}, "I2"},
		{"fill without the compare", model{seeds: plainFill, writers: []int8{0}, loads: on(0, 1), empty: true}, "I3"},
		{"message before the deletion", model{steps: logFirst, writers: []int8{0}, loads: on(0, 1), polls: both(1)}, "I2"},
		{"confirmed although messages are missing", model{seeds: confirmBehind, writers: []int8{0}, loads: on(0, 1), polls: both(1)}, "I2"},
		{"no rollback clause", model{seeds: noRollbackClause | noIdentity, hearsItself: true, writers: []int8{0}, polls: both(0), losses: 1}, "I5"},
		{"no look at who the server is", model{seeds: noIdentity, writers: []int8{0, 1}, polls: both(0), losses: 1}, "I5"},
		{"no look at what was acknowledged", model{seeds: noIdentity | noAcks, writers: []int8{0}, polls: both(0), losses: 1}, "I5"},
		{"no drop for a late member", model{seeds: noDropForLate, writers: []int8{0}, loads: on(0, 1), polls: both(1), late: true}, "I2"},
		{"the epoch is not random", model{seeds: sameEpoch, writers: []int8{0}, loads: on(0, 1), polls: both(1), flushes: true, losses: 1}, "I2"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := tc.model.explore(2_000_000)
			t.Log(r)
			if !strings.HasPrefix(r.violation, tc.want) {
				t.Errorf("found %q, want a violation of %s", r.violation, tc.want)
			}
		})
	}
}
