package fleet

import "context"

// A request is what the wrappers around tiers and buses, the Loader and an option note about the call of the cache that they are part of. It travels in
// the context, and a flight has the context of the caller that started it. Whoever made the call reads it
// when the call is over.
type request struct {
	key int

	missed bool   // the near tier had nothing that could be used
	farHit bool   // Redis had the value
	waited bool   // for another instance that holds the lease
	loaded bool   // the source was asked
	write  uint64 // id of the write, 0 for a read
}

type requestKey struct{}

// requestOf returns the request that ctx belongs to, or nil.
func requestOf(ctx context.Context) *request {
	r, _ := ctx.Value(requestKey{}).(*request)
	return r
}

// withRequest returns a context that carries r.
func withRequest(ctx context.Context, r *request) context.Context {
	return context.WithValue(ctx, requestKey{}, r)
}

// An answer says where the value of a read came from.
type answer int

const (
	fromNear answer = iota
	fromFar
	fromLoad // or from waiting for one
	answers
)

// answer returns where the value of a read without an error came from. Where neither the near tier nor Redis had it and the source was not
// asked, the load of another caller was waited for.
func (r *request) answer() answer {
	switch {
	case r.loaded || r.waited:
		return fromLoad
	case r.farHit:
		return fromFar
	case !r.missed:
		return fromNear
	}
	return fromLoad
}
