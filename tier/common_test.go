package tier_test

import (
	"testing"

	"github.com/tiercache/tiercache/tier"
)

// open opens a tier for the time of a test.
func open[V any](tb testing.TB, t tier.Tier[V], report func(tier.Problem)) {
	tb.Helper()
	err := t.(tier.Opener).Open(tier.Scope{Cache: "c", Report: report})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := t.(tier.Closer).Close(); err != nil {
			tb.Error(err)
		}
	})
}
