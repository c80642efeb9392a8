package main

import (
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// progress shows bars on a terminal, and nothing elsewhere.
type progress struct {
	terminal io.Writer // nil: none
}

func newProgress(stderr io.Writer) *progress {
	if f, ok := stderr.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return &progress{f}
	}
	return &progress{}
}

// A bar is the progress of one run.
type bar struct {
	bar      *progressbar.ProgressBar // nil: not shown
	requests int                      // 0: as many as there is time for
	duration time.Duration            // 0: no limit
}

// start shows a bar for a run that ends after so many requests or so long, whichever comes first.
func (p *progress) start(name string, requests int, duration time.Duration) *bar {
	if p.terminal == nil {
		return &bar{}
	}
	return &bar{
		bar: progressbar.NewOptions(1000,
			progressbar.OptionSetWriter(p.terminal),
			progressbar.OptionSetDescription(name),
			progressbar.OptionSetWidth(30),
			progressbar.OptionClearOnFinish(),
			progressbar.OptionUseANSICodes(true),
		),
		requests: requests,
		duration: duration,
	}
}

// update shows how far the run is.
func (b *bar) update(requests uint64, elapsed time.Duration) {
	if b.bar == nil {
		return
	}
	part := 0.0
	if b.requests > 0 {
		part = float64(requests) / float64(b.requests)
	}
	if b.duration > 0 {
		part = max(part, float64(elapsed)/float64(b.duration))
	}
	_ = b.bar.Set(min(int(1000*part), 999)) // a terminal that cannot be written to is no reason to stop
}

// end removes the bar.
func (b *bar) end() {
	if b.bar != nil {
		_ = b.bar.Finish()
	}
}
