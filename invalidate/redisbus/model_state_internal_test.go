package redisbus

import (
	"fmt"

	"github.com/tiercache/tiercache/internal/chain"
)

// The model is the whole protocol in small: two instances, one key, a source, a far tier with its fill lease, a log, and for each instance a
// channel that may lose, repeat and reorder. What decides is not modelled: events, verdicts, drops and confirmations are those of the real hub,
// chain and fence, see rig. A state is small and comparable, and times in it are ages, so that equal situations are equal values
// however they came about.

const (
	bound     = 1 // B, in ticks
	old       = bound + 1
	instances = 2
	writes    = 3
	ids       = 1 + 2*writes // of log entries: none, one for each write, one for the repetition of each
)

// A snap is a fence.Stamp by what has become of it.
type snap struct {
	bumped, dropped bool
	age             int8 // ticks since it was taken
}

// A record is what the far tier has of the key.
type record struct {
	kind recordKind
	n    int8 // the token of a lease, the version of a value
}

type recordKind uint8

const (
	nothing recordKind = iota
	lease
	value
)

// A head is a chain.Head in small.
type head struct{ epoch, number, nonce uint8 }

func (h head) real() chain.Head {
	return chain.Head{Epoch: uint64(h.epoch), Number: uint64(h.number), Nonce: uint64(h.nonce)}
}

func headOf(h chain.Head) head { return head{uint8(h.Epoch), uint8(h.Number), uint8(h.Nonce)} }

// A posted is an entry of the log, and what the store was before it.
type posted struct {
	head
	prev      uint8
	origin    int8 // under which name
	farBefore record
	before    head
}

// A write changes the source and then deletes the key.
type write struct {
	phase      writePhase
	by, origin int8
	deleted    bool // the far tier has done it
	executed   int8 // ticks since all of it was done; -1: it is not, or not any more
	returned   bool // with success: whoever reads now at the same instance must not see what was before
	heard      bool // the instance heard of a rollback since the write began
	again      bool // it is to be repeated
	undone     bool // a rollback has undone it
}

type writePhase uint8

const (
	unwritten writePhase = iota
	begun
	done // as far as the caller is concerned
)

// A flight is a read that goes beyond the near tier.
type flight struct {
	phase   flightPhase
	stamp   snap
	token   int8
	version int8
}

type flightPhase uint8

const (
	grounded flightPhase = iota
	stamped              // the stamp has been taken, and nothing was read
	found                // the far tier had a value
	leased               // the far tier had none, and we may fill it
	loaded               // the source was read
)

// A poll is one that is under way.
type poll struct {
	phase pollPhase
	age   int8         // ticks since it was sent
	sent  head         // how far the log had been received then
	head  head         // the answer
	stale bool         // it was sent before a rollback
	owed  [writes]bool // acknowledged writes of the instance that the store of the answer had lost
}

type pollPhase uint8

const (
	idle pollPhase = iota
	asked
	answered
	waiting // for messages that are on their way
)

// An instance is a process.
type instance struct {
	log     int32 // index in model.logs
	joined  bool  // the cache is a member of the hub
	acked   head  // the latest entry that was acknowledged to it
	server  int8  // that the polls have seen
	origin  int8
	until   int8 // ticks until the end of the freshness lease; -1: it has ended
	kept    bool // the near tier has an entry
	version int8 // of it
	stamp   snap // of it
	flight  flight
	loads   int8         // begun
	poll    poll         //
	channel [ids]uint8   // copies of messages on their way
	judged  [writes]bool // poll.owed of the last poll that was judged
}

// A state is everything.
type state struct {
	source    int8
	far       record
	log       head
	server    int8
	tokens    int8
	evictions int8
	losses    int8 // of the store: rollbacks, or that everything is gone
	repeats   int8 // of messages
	writes    [writes]write
	entries   [ids]posted
	instances [instances]instance
}

// A move is what happens next.
type move struct {
	kind kind
	i, n int8
}

type kind uint8

const (
	tick kind = iota
	beginWrite
	deleteFar // where deletion and log are two steps
	execute
	returnWrite
	failWrite
	repeatWrite
	deliver
	repeatMessage
	sendPoll
	answerPoll
	judgePoll
	endGrace
	joinHub
	takeOff
	readFar
	readSource
	fill
	fillNear // without the far tier
	loseRecord
	rollBack
	flush
	kinds
)

func (m move) String() string {
	who := fmt.Sprintf("instance %d: ", m.i)
	switch m.kind {
	case tick:
		return "a tick passes"
	case beginWrite:
		return who + fmt.Sprintf("write %d changes the source and moves the fence", m.n+1)
	case deleteFar:
		return fmt.Sprintf("write %d deletes the record in the far tier", m.n+1)
	case execute:
		return fmt.Sprintf("write %d is carried out in the store", m.n+1)
	case returnWrite:
		return fmt.Sprintf("write %d returns success", m.n+1)
	case failWrite:
		return fmt.Sprintf("write %d returns an error", m.n+1)
	case repeatWrite:
		return fmt.Sprintf("write %d is repeated from the journal", m.n+1)
	case deliver:
		return who + fmt.Sprintf("message of entry %d comes", m.n)
	case repeatMessage:
		return who + fmt.Sprintf("message of entry %d comes, and will again", m.n)
	case sendPoll:
		return who + "a poll is sent"
	case answerPoll:
		return who + "the poll is answered"
	case judgePoll:
		return who + "the poll is judged"
	case endGrace:
		return who + "messages are no longer waited for"
	case joinHub:
		return who + "the cache joins the hub"
	case takeOff:
		return who + "a read misses and takes its stamp"
	case readFar:
		return who + "it reads the far tier"
	case readSource:
		return who + "it reads the source"
	case fill:
		return who + "it fills the tiers"
	case fillNear:
		return who + "it fills the near tier alone"
	case loseRecord:
		return "the far tier loses the record"
	case rollBack:
		return fmt.Sprintf("the store goes back to before entry %d", m.n)
	case flush:
		return "the store loses everything"
	}
	return "?"
}
