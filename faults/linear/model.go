package linear

import (
	"fmt"

	"github.com/anishathalye/porcupine"
)

// An action is what an operation does.
type action uint8

const (
	sourceWrite action = iota // the source gets the next version
	sourceRead                // a Loader reads the source
	read                      // Get or GetOrLoad returns a value
	remove                    // Delete, which takes effect at once
	removed                   // the return of a Delete, by which what is older than the given version is gone
	set                       // Set of a value of its own
	add                       // Add of a value of its own
	exists                    // Add finds a value
)

func (a action) String() string {
	return [...]string{"source write", "source read", "read", "delete", "deleted", "set", "add", "add refused"}[a]
}

// An input is an operation on a key with a version: the one that it stores, returns, or names.
type input struct {
	key     int
	action  action
	version int
}

func (i input) String() string { return fmt.Sprintf("%s %d of key %d", i.action, i.version, i.key) }

// perKey splits a history: keys have nothing to do with each other.
func perKey(history []porcupine.Operation) [][]porcupine.Operation {
	var parts [][]porcupine.Operation
	for _, op := range history {
		key := op.Input.(input).key
		for len(parts) <= key {
			parts = append(parts, nil)
		}
		parts[key] = append(parts[key], op)
	}
	return parts
}

// maxVersions is how many versions of a key a history may have.
const maxVersions = 512

// versions is a set of them.
type versions [maxVersions / 64]uint64

func (v versions) has(i int) bool { return v[i/64]&(1<<(i%64)) != 0 }

func (v versions) with(i int) versions { v[i/64] |= 1 << (i % 64); return v }

// from returns the members of v that are not less than i.
func (v versions) from(i int) versions {
	for w := range i / 64 {
		v[w] = 0
	}
	v[i/64] &= ^uint64(0) << (i % 64)
	return v
}

// A loading is the state of a key with a source.
type loading struct {
	source int
	cached versions // those that reads may return: Loaders have returned them, and no Delete has removed them since
}

// loadingModel is a cache in front of a source that only it is asked for. A value may be read if a Loader has got it from the source, and no
// Delete has come since. A cache may forget, so a miss proves nothing, and a load may come at any time.
//
// Other than a register, a read may return an older version than the read before: the source is written first and the Delete comes later, and
// until it has returned both versions may be there.
var loadingModel = porcupine.Model{
	Partition: perKey,
	Init:      func() any { return loading{} },
	Step: func(state, in, _ any) (bool, any) {
		s, op := state.(loading), in.(input)
		switch op.action {
		case sourceWrite:
			ok := op.version == s.source+1
			s.source = op.version
			return ok, s
		case sourceRead:
			s.cached = s.cached.with(op.version)
			return op.version == s.source, s
		case read:
			return s.cached.has(op.version), s
		case remove:
			s.cached = versions{}
			return true, s
		case removed:
			s.cached = s.cached.from(op.version)
			return true, s
		}
		return false, s
	},
	DescribeOperation: func(in, _ any) string { return in.(input).String() },
}

// registerModel is a cache without a source: what is read is what was stored last. It may forget, so an Add may succeed where there was a
// value, but it never remembers wrongly. Version 0 is none.
var registerModel = porcupine.Model{
	Partition: perKey,
	Init:      func() any { return 0 },
	Step: func(state, in, _ any) (bool, any) {
		switch op := in.(input); op.action {
		case set, add:
			return true, op.version
		case remove:
			return true, 0
		case read:
			return state == op.version, state
		case exists:
			return state != 0, state
		}
		return false, state
	},
	DescribeOperation: func(in, _ any) string { return in.(input).String() },
}
