package redisbus

import (
	"iter"

	"github.com/tiercache/tiercache/invalidate"
)

// partitions is a set of them.
type partitions uint32

const allPartitions partitions = 1<<invalidate.Partitions - 1

func partition(p int) partitions { return 1 << p }

func (s partitions) has(p int) bool { return s&(1<<p) != 0 }

// all yields the partitions of s.
func (s partitions) all() iter.Seq[int] {
	return func(yield func(int) bool) {
		for p := range invalidate.Partitions {
			if s.has(p) && !yield(p) {
				return
			}
		}
	}
}

// A member has an identity even where two have the same handler.
type member struct {
	invalidate.Handler
	ready partitions // dropped since their subscription is in place: from then on the member is told everything
}

// join drops what m has of the partitions of up that are new to it.
func (m *member) join(up partitions) {
	for p := range invalidate.Partitions {
		if up.has(p) && !m.ready.has(p) {
			m.Drop(p)
		}
	}
	m.ready |= up
}
