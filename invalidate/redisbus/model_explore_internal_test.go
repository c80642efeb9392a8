package redisbus

import (
	"fmt"
	"hash/maphash"
	"strings"
)

// A result is what an exploration has found.
type result struct {
	states, moves, depth int
	violation            string
	trace                []move
	complete             bool
}

// explore visits every state that can be reached, nearest first, until one is wrong.
func (m *model) explore(limit int) (r result) {
	type origin struct {
		parent int32
		by     move
	}
	seed := maphash.MakeSeed()
	first := m.begin()
	seen := map[uint64]struct{}{maphash.Comparable(seed, first): {}}
	origins := []origin{{parent: -1}}
	frontier, base := []state{first}, 0
	for ; len(frontier) > 0; r.depth++ {
		var next []state
		for at := range frontier {
			moves(func(v move) {
				if r.violation != "" {
					return
				}
				s := frontier[at]
				if !m.apply(&s, v) {
					return
				}
				r.moves++
				h := maphash.Comparable(seed, s)
				if _, ok := seen[h]; ok {
					return
				}
				seen[h] = struct{}{}
				origins = append(origins, origin{int32(base + at), v})
				next = append(next, s)
				r.violation = m.violated(&s)
			})
			if r.violation != "" || len(origins) > limit {
				r.states = len(origins)
				for o := origins[len(origins)-1]; r.violation != "" && o.parent >= 0; o = origins[o.parent] {
					r.trace = append([]move{o.by}, r.trace...)
				}
				return r
			}
		}
		base += len(frontier)
		frontier = next
	}
	r.states, r.complete = len(origins), true
	return r
}

func (r result) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d states, %d moves, depth %d", r.states, r.moves, r.depth)
	if r.violation != "" {
		fmt.Fprintf(&b, "\n%s", r.violation)
		for i, v := range r.trace {
			fmt.Fprintf(&b, "\n%4d. %v", i+1, v)
		}
	}
	return b.String()
}
