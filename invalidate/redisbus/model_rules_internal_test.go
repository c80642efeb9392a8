package redisbus

import "fmt"

// Bugs that a model can have.
const (
	numbersForNonces seeds = 1 << iota
	leaseFromReceipt
	originKept // after a failed attempt
	noSecondBump
	adoptionWithoutDrop
	stampLate
	plainFill
	confirmBehind
	noRollbackClause
	noDropForLate
	sameEpoch
	noIdentity
	noAcks
)

type seeds uint

func (s seeds) has(o seeds) bool { return s&o != 0 }

// The order of the deletion in the far tier and the entry in the log.
type steps uint8

const (
	together    steps = iota // in one script
	deleteFirst              // as in a cluster
	logFirst                 // a bug
)

// A model is a set of states and moves.
type model struct {
	seeds       seeds
	steps       steps
	replay      bool   // there is a replay log
	fine        bool   // reads and polls take several moves
	late        bool   // the cache of instance 1 joins its hub late
	empty       bool   // the far tier has nothing at first
	writers     []int8 // the instances of the writes
	loads       [instances]int8
	polls       [instances]bool
	evictions   int8
	repeats     int8 // of messages
	hearsItself bool // an instance gets its own messages at once
	losses      int8 // of the store
	flushes     bool // they are losses of everything
	failures    bool // writes may fail

	rigs  [instances]*rig
	logs  []*followed
	known map[received]int32
}

func (m *model) begin() state {
	m.known = make(map[received]int32)
	for i := range m.rigs {
		m.rigs[i] = newRig(m)
	}
	var s state
	if !m.empty {
		s.far = record{value, 0}
	}
	m.beginLog(&s)
	var log followed
	log.Adopt(s.log.real())
	for i := range s.instances {
		s.instances[i] = instance{log: m.intern(&log), joined: i == 0 || !m.late, origin: int8(i), until: -1}
	}
	for n := range s.writes {
		s.writes[n].executed = -1
	}
	return s
}

// moves calls f with all moves that may be possible.
func moves(f func(move)) {
	for k := range kinds {
		switch k {
		case tick, loseRecord, flush:
			f(move{kind: k})
		case deleteFar, execute, returnWrite, failWrite, repeatWrite:
			for n := range int8(writes) {
				f(move{kind: k, n: n})
			}
		case beginWrite:
			for i := range int8(instances) {
				for n := range int8(writes) {
					f(move{kind: k, i: i, n: n})
				}
			}
		case deliver, repeatMessage:
			for i := range int8(instances) {
				for n := int8(1); n < ids; n++ {
					f(move{kind: k, i: i, n: n})
				}
			}
		case rollBack:
			for n := int8(1); n < ids; n++ {
				f(move{kind: k, n: n})
			}
		default:
			for i := range int8(instances) {
				f(move{kind: k, i: i})
			}
		}
	}
}

// violated says what is wrong with a state; empty: nothing.
func (m *model) violated(s *state) string {
	for n, w := range s.writes {
		if w.deleted && s.far.kind == value && s.far.n <= int8(n) {
			return fmt.Sprintf("I3: the far tier has version %d after write %d was carried out", s.far.n, n+1)
		}
	}
	for i := range s.instances {
		in := &s.instances[i]
		need, why := s.required(int8(i))
		if in.kept && in.version < need || in.flight.phase >= found && in.flight.version < need {
			r := m.rigs[i]
			r.load(in, false)
			if in.version < need && r.serves() {
				return fmt.Sprintf("%s: instance %d serves version %d, and version %d is due", why, i, in.version, need)
			}
			if in.flight.version < need && r.joinable() {
				return fmt.Sprintf("%s: a reader of instance %d is given version %d by a load, and version %d is due", why, i, in.flight.version, need)
			}
		}
		for n, w := range s.writes {
			if in.judged[n] && w.undone && !w.again {
				return fmt.Sprintf("I5: instance %d has seen the store that lost write %d, and does not repeat it", i, n+1)
			}
		}
	}
	return ""
}

// required returns the version that a read which begins now has to have at least.
func (s *state) required(i int8) (version int8, why string) {
	for n, w := range s.writes {
		switch {
		case w.undone:
		case w.returned && w.by == i:
			version, why = int8(n+1), "I1"
		case w.by == i && w.phase == begun: // its own message tells it nothing, and its caller has no answer yet
		case w.executed > bound:
			version, why = int8(n+1), "I2"
		}
	}
	return version, why
}
