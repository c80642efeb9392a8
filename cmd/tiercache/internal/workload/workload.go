// Package workload says which keys a fleet is asked for, and in which order.
package workload

// A Workload is a sequence of requests for keys. It does not change, so it can be replayed any number of times.
type Workload interface {
	// Keys returns the names of all keys that may be asked for. The caller must not change them.
	Keys() []string
	// Requests returns how many requests there are, 0 if there is no end.
	Requests() int
	// Streams divides one replay among the workers of a fleet: the result has a Stream for each worker of each
	// instance.
	Streams(instances, workers int) [][]Stream
}

// A Stream returns the next key that one worker asks for, as an index into Workload.Keys, and false at the end. It is
// for the use of one goroutine.
type Stream func() (key int, ok bool)
