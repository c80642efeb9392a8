package chain_test

import (
	"testing"

	"github.com/tiercache/tiercache/internal/chain"
)

const epoch = 7

// at is an entry of the first history: the nonce of entry n is 1000+n.
func at(n uint64) chain.Head {
	if n == 0 {
		return chain.Head{Epoch: epoch, Nonce: epoch}
	}
	return chain.Head{Epoch: epoch, Number: n, Nonce: 1000 + n}
}

// link is the message of that entry.
func link(n uint64) chain.Link { return chain.Link{Head: at(n), Prev: at(n - 1).Nonce} }

// other is entry n of a second history, which leaves the first after entry branch.
func other(branch, n uint64) chain.Link {
	l := chain.Link{Head: chain.Head{Epoch: epoch, Number: n, Nonce: 2000 + n}, Prev: 2000 + n - 1}
	if n == branch+1 {
		l.Prev = at(branch).Nonce
	}
	return l
}

// following returns a chain that has adopted entry first and received those up to last.
func following(t *testing.T, first, last uint64) *chain.Chain {
	t.Helper()
	c := new(chain.Chain)
	c.Adopt(at(first))
	for n := first + 1; n <= last; n++ {
		if got := c.Receive(link(n)); got != chain.Next {
			t.Fatalf("Receive(%d) = %v, want Next", n, got)
		}
	}
	return c
}

func TestReceive(t *testing.T) {
	newer := chain.Link{Head: chain.Head{Epoch: 8, Number: 1, Nonce: 1}, Prev: 8}
	again := link(11) // what a client writes that repeats entry 10: the same nonce twice
	again.Prev, again.Nonce = at(10).Nonce, at(10).Nonce
	for _, c := range []struct {
		name string
		got  chain.Link
		want chain.Verdict
		head chain.Head // after it
	}{
		{"the next", link(11), chain.Next, at(11)},
		{"the next, written twice", again, chain.Next, again.Head},
		{"one is missing", link(12), chain.Lost, at(10)},
		{"the latest again", link(10), chain.Known, at(10)},
		{"an old one again", link(7), chain.Known, at(10)},
		{"the one that was adopted", link(5), chain.Known, at(10)},
		{"one from before", link(3), chain.Known, at(10)},
		{"the next of a log that went back", other(9, 11), chain.Diverged, at(10)},
		{"a number again, of another entry", other(9, 10), chain.Diverged, at(10)},
		{"an old number again", other(5, 6), chain.Diverged, at(10)},
		{"another epoch", newer, chain.Diverged, at(10)},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := following(t, 5, 10)
			if got := f.Receive(c.got); got != c.want {
				t.Errorf("Receive = %v, want %v", got, c.want)
			}
			if got := f.Head(); got != c.head {
				t.Errorf("Head() = %v, want %v", got, c.head)
			}
		})
	}
}

func TestCompare(t *testing.T) {
	for _, c := range []struct {
		name    string
		sent, h chain.Head
		want    chain.Verdict
	}{
		{"nothing new", at(10), at(10), chain.Known},
		{"received meanwhile", at(7), at(9), chain.Known},
		{"received meanwhile, but another", at(7), other(7, 9).Head, chain.Diverged},
		{"not received", at(10), at(11), chain.Lost},
		{"adopted meanwhile", at(3), at(4), chain.Unsure},
		{"gone back", at(10), at(9), chain.Diverged},
		{"gone back, and up to where it was", at(10), other(9, 10).Head, chain.Diverged},
		{"gone back to where it began", at(10), at(0), chain.Diverged},
		{"another epoch", at(10), chain.Head{Epoch: 8, Number: 10, Nonce: at(10).Nonce}, chain.Diverged},
		{"own entry not received", at(12), at(12), chain.Lost},
		{"own entry gone", at(11), at(10), chain.Diverged},
		{"own entry replaced", at(12), other(10, 12).Head, chain.Diverged},
		{"sent in another epoch", chain.Head{Epoch: 6, Number: 99, Nonce: 1}, at(10), chain.Known},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := following(t, 5, 10)
			if got := f.Compare(c.sent, c.h); got != c.want {
				t.Errorf("Compare = %v, want %v", got, c.want)
			}
			if got := f.Head(); got != at(10) {
				t.Errorf("Head() = %v after Compare, want %v", got, at(10))
			}
		})
	}
}

func TestNothingIsKnownBeforeTheFirstAdopt(t *testing.T) {
	var c chain.Chain
	if got := c.Receive(link(1)); got != chain.Lost {
		t.Errorf("Receive = %v, want Lost", got)
	}
	if got := c.Compare(chain.Head{}, at(0)); got != chain.Lost {
		t.Errorf("Compare = %v, want Lost", got)
	}
}

func TestEmptyLogIsFollowedFromItsFirstEntry(t *testing.T) {
	c := following(t, 0, 3)
	if got := c.Compare(at(0), at(3)); got != chain.Known {
		t.Errorf("Compare = %v, want Known", got)
	}
}

// What is older than the memory of a chain is not known, and never taken for something else.
func TestOldEntriesAreForgotten(t *testing.T) {
	c := following(t, 1, 2000)
	remembered := uint64(0)
	for n := uint64(1); n <= 2000; n++ {
		switch got := c.Compare(at(1), at(n)); {
		case got == chain.Known:
			remembered++
		case got != chain.Unsure || remembered > 0:
			t.Fatalf("Compare(%d) = %v after %d that are known", n, got, remembered)
		}
		if got := c.Receive(link(n)); got != chain.Known {
			t.Fatalf("Receive(%d) = %v, want Known", n, got)
		}
	}
	if remembered != 512 {
		t.Errorf("%d entries are known, want 512", remembered)
	}
}

func TestNumbersUpToTheLargestOfALog(t *testing.T) {
	const largest = 1<<53 - 1
	c := following(t, largest-3, largest)
	if got := c.Compare(at(largest-1), at(largest)); got != chain.Known {
		t.Errorf("Compare = %v, want Known", got)
	}
}
