package workload

import (
	"errors"
	"iter"
	"math"
	"sync/atomic"
)

// Recorded is the requests of a trace. They are held in memory, with four bytes for each: every run of a comparison
// replays them, and a trace that turns out to be damaged has to be refused before the first.
type Recorded struct {
	keys     []string
	requests []uint32 // indexes into keys
}

// Record reads a trace to its end, or until limit requests if limit is not 0.
func Record(trace iter.Seq2[[]byte, error], limit int) (*Recorded, error) {
	r := &Recorded{}
	index := make(map[string]uint32)
	for key, err := range trace {
		if err != nil {
			return nil, err
		}
		i, known := index[string(key)]
		if !known {
			if len(r.keys) > math.MaxUint32 {
				return nil, errors.New("more than 2^32 different keys")
			}
			i = uint32(len(r.keys))
			name := string(key)
			r.keys = append(r.keys, name)
			index[name] = i
		}
		r.requests = append(r.requests, i)
		if len(r.requests) == limit {
			break
		}
	}
	if len(r.requests) == 0 {
		return nil, errors.New("no requests in it")
	}
	return r, nil
}

// Keys returns the keys in the order of their first requests.
func (r *Recorded) Keys() []string { return r.keys }

// Requests returns the length of the trace.
func (r *Recorded) Requests() int { return len(r.requests) }

// Streams deals the requests to the instances in turn, as a load balancer does. The workers of an instance take
// the next one when they are ready for it, so that they keep the order as far as they can.
func (r *Recorded) Streams(instances, workers int) [][]Stream {
	streams := make([][]Stream, instances)
	for i := range streams {
		taken := new(atomic.Int64)
		next := func() (int, bool) {
			at := i + int(taken.Add(1)-1)*instances
			if at >= len(r.requests) {
				return 0, false
			}
			return int(r.requests[at]), true
		}
		for range workers {
			streams[i] = append(streams[i], next)
		}
	}
	return streams
}
