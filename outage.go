package tiercache

import (
	"fmt"
	"time"
)

// An OutagePolicy says what becomes of entries in this process while the bus cannot vouch for them, as when Redis cannot be reached for
// longer than the bound of the bus. It is the time for which they are served all the same. The zero value is Bypass.
type OutagePolicy time.Duration

// Bypass serves no entry that the bus does not vouch for: a read goes on to the farther tiers and to the source. No value is older than
// the bound of the bus, whatever fails.
const Bypass OutagePolicy = 0

// ServeStale serves an entry for d longer than the bus vouches for it, at once and without a look at farther tiers. An invalidation that
// could not get here may then stay unknown for d longer: values are up to the bound of the bus plus d old. In exchange an outage that is
// shorter than d costs the source nothing for what is in memory. Such values are counted (Stats.Unconfirmed), told to Observer.Hit as
// stale, and marked in the Result of a Lookup. It needs a bus with a bound: any other one is always trusted.
func ServeStale(d time.Duration) OutagePolicy { return OutagePolicy(d) }

// endless is the longest time for which an OutagePolicy is taken, so that sums with it do not overflow.
const endless = 100 * 365 * 24 * time.Hour

// validate reports a policy that is out of range, or of no effect with a bus of this bound.
func (p OutagePolicy) validate(bound time.Duration) error {
	switch {
	case p < 0:
		return fmt.Errorf("negative (%v)", time.Duration(p))
	case p > 0 && bound == 0:
		return fmt.Errorf("it is ServeStale(%v), which needs a Bus with a Bound", time.Duration(p))
	}
	return nil
}
