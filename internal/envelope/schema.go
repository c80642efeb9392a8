package envelope

import (
	"hash/fnv"
	"reflect"
	"strconv"
	"strings"
)

// Schema returns a fingerprint of the shape of t: of all that decides how a codec encodes its values. It is the same in every
// process and on every platform.
//
// The shape is made of kinds, of the names, order and msgpack and json tags of fields, and of the shapes of what is
// inside. Names of types are no part of it, so a type may be renamed or moved. Types that marshal themselves
// are the exception: their shape is their name and package path, since what they write cannot be seen from outside.
//
// A type may contain itself, so a shape is a graph. Two nodes have the same shape if no way through fields and elements,
// however long, tells them apart. Schema finds out as one minimizes an automaton: all nodes begin with the same number, and in each
// round a node gets the hash of its own description and of the numbers of its parts, so that after n rounds a number
// stands for all ways of length n. Where there are c different shapes in one type and c in another, a way shorter
// than 2c tells the types apart if any does. Types with different c stay different: in the smaller one the
// rounds stop earlier.
func Schema(t reflect.Type) uint64 {
	s := shapes{index: make(map[reflect.Type]int)}
	s.add(t)
	numbers := make([]uint64, len(s.nodes))
	for round, count := 0, 1; round < 2*count; round++ {
		next := make([]uint64, len(numbers))
		distinct := make(map[uint64]struct{})
		for i := range s.nodes {
			next[i] = s.nodes[i].hash(numbers)
			distinct[next[i]] = struct{}{}
		}
		numbers, count = next, len(distinct)
	}
	return numbers[0]
}

// A shape is one type: what it is by itself, and its parts as indexes of shapes.nodes.
type shape struct {
	self  string
	parts []int
}

// hash is FNV-1a, https://datatracker.ietf.org/doc/html/draft-eastlake-fnv.
func (s *shape) hash(numbers []uint64) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(s.self)) // a Hash has no errors
	for _, i := range s.parts {
		_, _ = h.Write(strconv.AppendUint([]byte{0}, numbers[i], 16))
	}
	return h.Sum64()
}

// shapes are the types reachable from the first one, in the order in which they are found.
type shapes struct {
	nodes []shape
	index map[reflect.Type]int
}

// add returns the index of t, and adds t and all its parts if they are new.
func (s *shapes) add(t reflect.Type) int {
	i, known := s.index[t]
	if known {
		return i
	}
	i = len(s.nodes)
	s.index[t] = i // before its parts, which may contain it
	s.nodes = append(s.nodes, shape{})
	var n shape
	switch kind := t.Kind(); {
	case t.Name() != "" && marshalsItself(t):
		n.self = "own " + strconv.Quote(t.PkgPath()) + " " + strconv.Quote(t.Name())
	case kind == reflect.Struct:
		n = s.fields(t)
	case kind == reflect.Array:
		n = shape{self: "array " + strconv.Itoa(t.Len()), parts: []int{s.add(t.Elem())}}
	case kind == reflect.Map:
		n = shape{self: "map", parts: []int{s.add(t.Key()), s.add(t.Elem())}}
	case kind == reflect.Slice, kind == reflect.Pointer:
		n = shape{self: kind.String(), parts: []int{s.add(t.Elem())}}
	default: // a basic type, or an interface, which may hold anything
		n.self = kind.String()
	}
	s.nodes[i] = n
	return i
}

func (s *shapes) fields(t reflect.Type) (n shape) {
	var self strings.Builder
	self.WriteString("struct")
	for f := range t.Fields() {
		self.WriteString(" " + strconv.Quote(f.Name))
		if !f.IsExported() {
			self.WriteString(" unexported")
		}
		if f.Anonymous {
			self.WriteString(" embedded")
		}
		for _, key := range []string{"msgpack", "json"} {
			if tag, ok := f.Tag.Lookup(key); ok {
				self.WriteString(" " + key + ":" + strconv.Quote(tag))
			}
		}
		n.parts = append(n.parts, s.add(f.Type))
	}
	n.self = self.String()
	return n
}

// marshalsItself reports whether t or a pointer to it has one of the methods by which encoders let a type write itself.
// The names are constants, for otherwise the linker would have to keep every method of the program.
func marshalsItself(t reflect.Type) bool {
	if t.Kind() == reflect.Interface {
		return false
	}
	p := t
	if t.Kind() != reflect.Pointer {
		p = reflect.PointerTo(t)
	}
	_, binary := p.MethodByName("MarshalBinary")
	_, text := p.MethodByName("MarshalText")
	_, json := p.MethodByName("MarshalJSON")
	_, gob := p.MethodByName("GobEncode")
	_, custom := p.MethodByName("EncodeMsgpack")
	_, msgpack := p.MethodByName("MarshalMsgpack")
	return binary || text || json || gob || custom || msgpack
}
