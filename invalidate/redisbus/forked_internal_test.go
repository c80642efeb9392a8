package redisbus

import (
	"testing"

	"github.com/tiercache/tiercache/internal/chain"
)

// One new epoch is enough for a log that has gone back: whoever has seen another one need not give it a third, which would have every process
// repeat its writes again.
func TestLogThatHasAnotherEpochAlreadyGetsNoThird(t *testing.T) {
	h := &hub{count: new(counters), kick: make(chan struct{}, 1)}
	h.logs[3].Adopt(chain.Head{Epoch: 1, Number: 9, Nonce: 90})
	h.replace(3, chain.Head{Epoch: 1, Number: 7, Nonce: 70})
	if h.forked != partition(3) {
		t.Fatalf("forked = %b after a log went back, want partition 3", h.forked)
	}
	h.replace(3, chain.Head{Epoch: 2, Number: 7, Nonce: 70})
	if got := h.takeForked(); got != 0 {
		t.Errorf("forked = %b after another epoch was seen, want none", got)
	}
}
