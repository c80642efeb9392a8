package tier

import (
	"testing"
	"testing/synctest"
	"time"
)

func wantKnown(t *testing.T, g *generation, epoch, want uint64, when string) {
	t.Helper()
	if got, _, ok := g.known(epoch); !ok || got != want {
		t.Errorf("known() %s = %d, %t, want %d", when, got, ok, want)
	}
}

func wantUnknown(t *testing.T, g *generation, epoch uint64, when string) {
	t.Helper()
	if got, _, ok := g.known(epoch); ok {
		t.Errorf("known() %s = %d, want nothing", when, got)
	}
}

func TestLaterReadingsOfTheGenerationWin(t *testing.T) {
	var g generation
	wantUnknown(t, &g, 0, "at first")
	early, late := g.begin(0), g.begin(0)
	g.learn(late, 2)
	g.learn(early, 1)
	wantKnown(t, &g, 0, 2, "after an earlier reading has ended late")
	g.learn(g.begin(0), 3)
	wantKnown(t, &g, 0, 3, "after another reading")
}

func TestReadingsThatBeganBeforeAClearAreNotBelieved(t *testing.T) {
	var g generation
	g.learn(g.begin(0), 1)
	under := g.begin(0)
	g.forget()
	wantUnknown(t, &g, 0, "after a Clear")
	g.learn(under, 1)
	wantUnknown(t, &g, 0, "after a reading from before the Clear")
	g.learn(g.begin(0), 2)
	wantKnown(t, &g, 0, 2, "after a reading from after it")
}

func TestReadingsBelongToTheEpochInWhichTheyBegan(t *testing.T) {
	var g generation
	r := g.begin(7)
	g.learn(r, 1)
	wantKnown(t, &g, 7, 1, "in the epoch of the reading")
	wantUnknown(t, &g, 8, "in the next epoch")
}

func TestTrustInTheGenerationCountsFromTheBeginOfTheReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g generation
		r := g.begin(0)
		time.Sleep(markTrust - 1)
		g.learn(r, 1)
		wantKnown(t, &g, 0, 1, "a nanosecond before the end")
		time.Sleep(time.Nanosecond)
		wantUnknown(t, &g, 0, "at the end")
	})
}
