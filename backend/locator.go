package backend

// A Locator is a Backend that can say where a value lies, so that somebody else can delete it there: a bus that has the
// same store announces a deletion and carries it out in one step.
//
// Whoever deletes by what Locate says goes past Delete, and past Delete of the wrappers in between. A wrapper whose Delete does more than to pass
// the call on returns nil for the store.
//
// Call the function Locate rather than the method: it works with every Backend.
type Locator interface {
	Backend
	// Locate returns the store that holds key, and the name of key in it. The store is a pointer, the same for all keys with which one
	// step can be made, or nil if nobody else can delete there.
	Locate(key string) (store any, name string)
}

// Locate calls b.Locate; see Locator. ok reports whether b is one and there is a store.
func Locate(b Backend, key string) (store any, name string, ok bool) {
	if l, is := b.(Locator); is {
		store, name = l.Locate(key)
	}
	return store, name, store != nil
}
