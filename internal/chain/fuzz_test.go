package chain_test

import (
	"math/rand/v2"
	"testing"

	"github.com/tiercache/tiercache/internal/chain"
)

// FuzzChain lets a log grow, lose its end and start anew, while its messages are lost, repeated and reordered and polls are answered late. A
// model that keeps the whole of every history says what has been applied or dropped.
func FuzzChain(f *testing.F) {
	f.Fuzz(func(t *testing.T, steps []byte) { run(t, steps[:min(len(steps), 2000)]) })
}

func TestRandomHistories(t *testing.T) {
	for seed := range uint64(3000) {
		random := rand.New(rand.NewPCG(seed, 0))
		steps := make([]byte, 200)
		for i := range steps {
			steps[i] = byte(random.Uint32())
		}
		run(t, steps)
	}
}

// run takes each step, and a last look in the end.
func run(t *testing.T, steps []byte) {
	w := &world{t: t, epoch: 1, nonces: 100}
	for _, s := range steps {
		w.step(s>>4, uint64(s&15))
	}
	w.poll()
	for range len(w.answers) {
		w.answer(0)
	}
}

// An item is an entry of a history, with what it follows.
type item struct {
	chain.Link
	before  *item // nil: the log was new
	order   int   // in which the items of all histories were written
	applied bool
}

// world is a log, the messages and answers that are on their way, and a receiver.
type world struct {
	t        *testing.T
	chain    chain.Chain
	log      *item // the latest entry; nil: none
	epoch    uint64
	nonces   uint64
	executed int // number of items
	dropped  int // how many of them were executed before the latest drop
	flying   []*item
	answers  []answer
}

// answer is that of a poll which is on its way.
type answer struct {
	sent, head chain.Head
	log        *item
}

func (w *world) head() chain.Head {
	if w.log == nil {
		return chain.Head{Epoch: w.epoch, Nonce: w.epoch}
	}
	return w.log.Head
}

func (w *world) step(what byte, n uint64) {
	switch what {
	case 0, 1, 2, 3: // an event
		w.nonces++
		w.append()
		if n == 0 { // and the client repeats it
			w.append()
		}
	case 4, 5, 6, 7: // the first message arrives
		w.deliver(0, true)
	case 8: // another one does, before those in front of it
		w.deliver(n, true)
	case 9: // one that arrives again later
		w.deliver(n, false)
	case 10: // one is lost
		if i := int(n); i < len(w.flying) {
			w.flying = append(w.flying[:i:i], w.flying[i+1:]...)
		}
	case 11: // the log goes back
		for range n {
			if w.log != nil {
				w.log = w.log.before
			}
		}
	case 12: // it is lost as a whole
		if n < 4 {
			w.nonces++
			w.log, w.epoch = nil, w.nonces
		}
	case 13:
		w.poll()
	default:
		w.answer(n)
	}
}

// append writes an entry of the latest nonce.
func (w *world) append() {
	head := w.head()
	next := chain.Head{Epoch: w.epoch, Number: head.Number + 1, Nonce: w.nonces}
	w.log = &item{Link: chain.Link{Head: next, Prev: head.Nonce}, before: w.log, order: w.executed}
	w.executed++
	w.flying = append(w.flying, w.log)
}

func (w *world) deliver(n uint64, gone bool) {
	i := int(n)
	if i >= len(w.flying) {
		return
	}
	m := w.flying[i]
	if gone {
		w.flying = append(w.flying[:i:i], w.flying[i+1:]...)
	}
	m.applied = true // whatever the chain says
	switch v := w.chain.Receive(m.Link); v {
	case chain.Lost, chain.Diverged:
		w.drop()
		w.chain.Adopt(m.Head)
	case chain.Next, chain.Known:
	default:
		w.t.Fatalf("Receive = %v", v)
	}
}

// drop covers all that has been executed: what is stored from now on is read after it.
func (w *world) drop() { w.dropped = w.executed }

func (w *world) poll() {
	w.answers = append(w.answers, answer{sent: w.chain.Head(), head: w.head(), log: w.log})
}

// answer lets the answer to a poll arrive, and checks what is made of it.
func (w *world) answer(n uint64) {
	i := int(n)
	if i >= len(w.answers) {
		return
	}
	a := w.answers[i]
	w.answers = append(w.answers[:i:i], w.answers[i+1:]...)
	switch v := w.chain.Compare(a.sent, a.head); v {
	case chain.Known:
		for it := a.log; it != nil; it = it.before {
			if !it.applied && it.order >= w.dropped {
				w.t.Fatalf("entry %v is neither applied nor dropped, and %v is Known", it.Link, a.head)
			}
		}
	case chain.Lost, chain.Diverged:
		w.drop()
		w.chain.Adopt(a.head)
	case chain.Unsure:
		w.drop()
	default:
		w.t.Fatalf("Compare = %v", v)
	}
}
