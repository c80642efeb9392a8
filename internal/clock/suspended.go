package clock

import "time"

// Suspended returns for how long this machine has been suspended, as far as it can tell. Only growth means anything: where the value
// begins depends on the system.
//
// It is for those who rely on an Instant that has not come yet. The monotonic clock of Linux stands still while the machine is
// suspended, and with it all that Now measures, though the world goes on. A virtual machine that was paused from the outside
// may not know of it, and then Suspended does not either.
//
// It reads the real clocks in a bubble of testing/synctest too, where systems have them. It may be called by many goroutines at
// once, and costs a few system calls.
func Suspended() time.Duration { return suspended() }
