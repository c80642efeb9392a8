package tier

import (
	"reflect"
	"sync"
	"time"
	"unsafe"
)

// Cost returns the default cost of an entry: a function that estimates the bytes of memory that an entry takes, its struct, key, tags and
// value, without what an engine adds to store it. It is for tiers that are bounded in bytes, and may be called by many goroutines at once.
//
// The plan of the estimate is made once, from the type V. A value without pointers is part of the struct and costs nothing
// more. For any other value, Entry.Size is taken where it is known. Else strings, slices, maps, pointers and interfaces are followed, large
// ones by a sample of their elements. Memory that is reached twice is counted twice, except by pointers of types that
// can form a cycle. Channels, functions and time zones cost nothing. After a few thousand steps the estimate ends, and is too low.
func Cost[V any]() func(e *Entry[V]) int64 {
	plans := &planner{plans: make(map[reflect.Type]*plan)}
	value := plans.plan(reflect.TypeFor[V]())
	fixed := allocated(int64(unsafe.Sizeof(Entry[V]{})))
	return func(e *Entry[V]) int64 {
		n := fixed + allocated(int64(len(e.Key)))
		if len(e.Tags) > 0 {
			n += allocated(int64(cap(e.Tags)) * int64(unsafe.Sizeof(Tag{})))
			for i := range e.Tags {
				n += allocated(int64(len(e.Tags[i].Name)))
			}
		}
		switch {
		case e.Absent || value.beyond == nil:
			return n
		case e.Size > 0:
			return n + allocated(int64(e.Size))
		}
		w := walk{steps: maxSteps}
		if plans.cyclic {
			w.seen = make(map[unsafe.Pointer]struct{})
		}
		return n + value.of(reflect.ValueOf(&e.Value).Elem(), &w)
	}
}

const (
	maxSteps = 4096 // pointers, slices, maps and interfaces that one estimate follows
	sample   = 32   // elements of a slice or map that stand for all of them
)

// allocated rounds n up as the allocator does, roughly: its size classes are 16 bytes apart where most objects are.
func allocated(n int64) int64 { return (n + 15) &^ 15 }

// A plan says how to estimate the values of one type.
type plan struct {
	size int64 // of the value itself, as a part of something larger
	// beyond estimates what a value refers to. nil: values of this type refer to nothing.
	beyond func(v reflect.Value, w *walk) int64
	made   bool
}

// flat reports whether values of the type refer to nothing. A type that is a part of itself does refer to something,
// even while its plan is still being made.
func (p *plan) flat() bool { return p.made && p.beyond == nil }

// of estimates what v, of the type of the plan, refers to.
func (p *plan) of(v reflect.Value, w *walk) int64 {
	if p.beyond == nil {
		return 0
	}
	return p.beyond(v, w)
}

// A walk is the state of one estimate.
type walk struct {
	steps int                         // references that may still be followed
	seen  map[unsafe.Pointer]struct{} // pointers that have been followed; nil where there are no cycles
}

// step reports whether one more reference may be followed.
func (w *walk) step() bool {
	w.steps--
	return w.steps >= 0
}

// first reports whether the pointer has not been followed before.
func (w *walk) first(at unsafe.Pointer) bool {
	if w.seen == nil {
		return true
	}
	_, again := w.seen[at]
	w.seen[at] = struct{}{}
	return !again
}

// A planner makes and keeps the plans of a type and of all types it leads to.
type planner struct {
	mu    sync.Mutex // held while plans are made, so that those in use are complete
	plans map[reflect.Type]*plan
	// cyclic says that values may refer to themselves. It is decided when the first type is planned: only
	// interfaces lead to more types later, and with them it is true.
	cyclic bool
}

func (p *planner) plan(t reflect.Type) *plan {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.make(t)
}

func (p *planner) make(t reflect.Type) *plan {
	if known, ok := p.plans[t]; ok {
		if !known.made && !p.cyclic {
			p.cyclic = true // t is a part of itself
		}
		return known
	}
	made := &plan{size: int64(t.Size())}
	p.plans[t] = made
	switch t.Kind() {
	case reflect.String:
		made.beyond = func(v reflect.Value, _ *walk) int64 { return allocated(int64(v.Len())) }
	case reflect.Slice:
		made.beyond = beyondSlice(p.make(t.Elem()))
	case reflect.Map:
		made.beyond = beyondMap(p.make(t.Key()), p.make(t.Elem()))
	case reflect.Pointer:
		if t != reflect.TypeFor[*time.Location]() { // shared by all times of the zone
			made.beyond = beyondPointer(p.make(t.Elem()))
		}
	case reflect.Interface:
		if !p.cyclic {
			p.cyclic = true
		}
		made.beyond = p.beyondInterface
	case reflect.Array:
		made.beyond = beyondArray(p.make(t.Elem()))
	case reflect.Struct:
		made.beyond = p.beyondStruct(t)
	}
	made.made = true
	return made
}

func beyondSlice(elem *plan) func(reflect.Value, *walk) int64 {
	return func(v reflect.Value, w *walk) int64 {
		if v.Cap() == 0 || !w.step() {
			return 0
		}
		return allocated(int64(v.Cap())*elem.size) + elements(v, elem, w)
	}
}

func beyondArray(elem *plan) func(reflect.Value, *walk) int64 {
	if elem.flat() {
		return nil
	}
	return func(v reflect.Value, w *walk) int64 { return elements(v, elem, w) }
}

// elements estimates what the elements of a slice or an array refer to.
func elements(v reflect.Value, elem *plan, w *walk) int64 {
	n := v.Len()
	if elem.beyond == nil || n == 0 {
		return 0
	}
	var sum int64
	looked := min(n, sample)
	for i := range looked {
		sum += elem.beyond(v.Index(int(int64(i)*int64(n)/int64(looked))), w) // spread evenly
	}
	return scale(sum, looked, n)
}

func beyondMap(key, elem *plan) func(reflect.Value, *walk) int64 {
	return func(v reflect.Value, w *walk) int64 {
		n := v.Len()
		if v.IsNil() || !w.step() {
			return 0
		}
		// Slots with a control byte each, of which about two thirds are in use, in tables that begin with eight.
		sum := mapHeader + allocated(int64(max(n*3/2, 8))*(key.size+elem.size+1))
		if n == 0 || key.beyond == nil && elem.beyond == nil {
			return sum
		}
		var refs int64
		looked := 0
		for it := v.MapRange(); looked < sample && it.Next(); looked++ {
			refs += key.of(it.Key(), w) + elem.of(it.Value(), w)
		}
		return sum + scale(refs, looked, n)
	}
}

const mapHeader = 48

// scale makes an estimate of n things from the sum of those looked at.
func scale(sum int64, looked, n int) int64 {
	if looked == n {
		return sum
	}
	return int64(float64(sum) * float64(n) / float64(looked))
}

func beyondPointer(elem *plan) func(reflect.Value, *walk) int64 {
	return func(v reflect.Value, w *walk) int64 {
		if v.IsNil() || !w.step() || !w.first(v.UnsafePointer()) {
			return 0
		}
		return allocated(elem.size) + elem.of(v.Elem(), w)
	}
}

// beyondInterface plans for the type that it finds.
func (p *planner) beyondInterface(v reflect.Value, w *walk) int64 {
	if v.IsNil() || !w.step() {
		return 0
	}
	v = v.Elem()
	in := p.plan(v.Type())
	switch v.Kind() {
	case reflect.Pointer, reflect.Map, reflect.Chan, reflect.Func, reflect.UnsafePointer:
		return in.of(v, w) // the interface holds the reference itself
	}
	return allocated(in.size) + in.of(v, w)
}

func (p *planner) beyondStruct(t reflect.Type) func(reflect.Value, *walk) int64 {
	type field struct {
		index int
		plan  *plan
	}
	var fields []field
	for i := range t.NumField() {
		if f := p.make(t.Field(i).Type); !f.flat() {
			fields = append(fields, field{i, f})
		}
	}
	if len(fields) == 0 {
		return nil
	}
	return func(v reflect.Value, w *walk) int64 {
		var sum int64
		for _, f := range fields {
			sum += f.plan.of(v.Field(f.index), w)
		}
		return sum
	}
}
