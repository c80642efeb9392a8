// Package chain compares the history of a log with what a receiver has seen of it.
//
// Every entry of the log has a number, a random nonce, and the nonce of the entry before it. The receiver of a message
// can tell by them whether it has missed one, and whoever reads the head of the log over another connection whether the
// receiver is up to date. Numbers alone would not do: a store that goes back to an earlier state gives them out
// again, to other entries. Nonces do not repeat.
//
// A Chain does no input or output and knows no time, so it can be driven through every order of events.
package chain

// A Head is the latest entry of a log. The zero Head is unknown.
type Head struct {
	Epoch  uint64 // random, not 0; another one means another log: the old one is lost
	Number uint64 // of the entry, counted from 1; 0 in a log without entries
	Nonce  uint64 // random; that of an empty log is its epoch
}

// A Link is an entry and what it follows.
type Link struct {
	Head
	Prev uint64 // nonce of the entry before
}

// A Verdict is what a message, or a look at the log, says about what has been received.
type Verdict uint8

const (
	Next     Verdict = iota // the message continues the chain
	Known                   // nothing is missing
	Lost                    // messages are missing, or still on their way
	Diverged                // the log is not the one that was followed: it has gone back, or was replaced
	Unsure                  // too old to be compared
)

// window is how many nonces a Chain remembers, a power of two. A look at the log is compared with them, so they must
// cover what comes in while it is under way.
const window = 512

// A Chain is the history that a receiver has followed: every entry up to its head has been applied, or everything that it could concern has
// been dropped since. The zero Chain follows nothing yet. It is not safe for concurrent use.
type Chain struct {
	head   Head
	first  uint64         // number of the oldest entry in nonces
	nonces [window]uint64 // of the entries first to head.Number, by number
}

// Head returns the head, which is zero if nothing is followed.
func (c *Chain) Head() Head { return c.head }

// Receive takes note of a message, whose event has been applied. Next moves the head. After Lost and Diverged
// the caller drops what the log concerns and then calls Adopt with the head of the message; after Lost it may repair the gap instead.
func (c *Chain) Receive(l Link) Verdict {
	switch {
	case c.head.Epoch == 0:
		return Lost
	case l.Epoch != c.head.Epoch:
		return Diverged
	case l.Number <= c.head.Number:
		if nonce, ok := c.nonce(l.Number); ok && nonce != l.Nonce {
			return Diverged
		}
		return Known
	case l.Number > c.head.Number+1:
		return Lost
	case l.Prev != c.head.Nonce:
		return Diverged
	}
	c.head = l.Head
	c.nonces[l.Number%window] = l.Nonce
	if l.Number-c.first >= window {
		c.first = l.Number - window + 1
	}
	return Next
}

// Compare says what h means, which was read from the log after the log was known to reach sent: the head of c, or an entry that was written by the
// process itself. Known means that every entry up to h has been applied or dropped. After Lost and Diverged the caller drops and calls Adopt(h), and after Unsure it drops; then it is so too.
func (c *Chain) Compare(sent, h Head) Verdict {
	switch {
	case c.head.Epoch == 0:
		return Lost
	case h.Epoch != c.head.Epoch:
		return Diverged
	case h.Epoch == sent.Epoch && (h.Number < sent.Number || h.Number == sent.Number && h.Nonce != sent.Nonce):
		return Diverged // what was there is not there any more
	case h.Number > c.head.Number:
		return Lost
	}
	nonce, ok := c.nonce(h.Number)
	switch {
	case !ok:
		return Unsure
	case nonce != h.Nonce:
		return Diverged
	}
	return Known
}

// Adopt makes h the head. All that came before it has been dropped.
func (c *Chain) Adopt(h Head) {
	c.head, c.first = h, h.Number
	c.nonces[h.Number%window] = h.Nonce
}

// Rename notes that the log which is followed under the epoch old has another one from now on.
func (c *Chain) Rename(old, epoch uint64) {
	if c.head.Epoch == old {
		c.head.Epoch = epoch
	}
}

// nonce returns the nonce of an entry up to the head, if it is remembered.
func (c *Chain) nonce(number uint64) (nonce uint64, ok bool) {
	if number < c.first || number > c.head.Number {
		return 0, false
	}
	return c.nonces[number%window], true
}
