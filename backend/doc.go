// Package backend defines the stores of bytes that a cache can have below its memory.
//
// Most code should use package tiercache, with a store such as the one of package redisstore. This package is for
// those who write a store of their own, or wrap one.
//
// A store implements Backend: three methods. It may implement four interfaces more, and a good one does:
//
//   - Batcher, because the lookup of a hundred keys that takes a hundred round trips is what a cache is
//     there to avoid.
//   - Leaser, because without conditional writes the processes of a fleet cannot agree on the one that
//     loads a missing value, nor tell a value loaded before an invalidation from one loaded after it.
//   - Locator, if a bus can work in the same store: then a deletion and the news of it are one step, and one round trip.
//   - Clock, because the clocks of those processes differ, and with them the ages of what they share.
//
// Code that uses a Backend calls the functions of this package, GetMany, SetMany, Add, Replace, Patch, DeleteIf, Locate and Now,
// and does not look for the interfaces itself. A wrapper does the same: it implements Batcher, Leaser, Locator
// and Clock, and its methods call the functions on what it wraps. So whatever the wrapped store can do
// survives the wrapping, and what it cannot do is done without, or is an error that is errors.ErrUnsupported, never a silent no-op.
// Prefix is an example.
//
// Package backendtest tells whether a store keeps the contract. Memory is the reference that it is
// checked against.
package backend
