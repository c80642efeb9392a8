package backend

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// A Leaser is a Backend with the conditional writes that the fill lease needs. Every condition is
// on the head of the stored value, that is on its first bytes: the caller writes values whose head is unique, so
// that an equal head means an unchanged value. An absent key has no head and meets no
// condition. Each method is atomic. An empty head is an error.
//
// Call the functions Add, Replace, Patch and DeleteIf rather than the methods: for a Backend that
// is no Leaser they return an error that is errors.ErrUnsupported, and so do wrappers around one.
type Leaser interface {
	Backend
	// Add stores value under key for ttl if the key is absent, and returns added == true. Otherwise
	// it changes nothing and returns the value that is there.
	Add(ctx context.Context, key string, value []byte, ttl time.Duration) (existing []byte, added bool, err error)
	// Replace stores value under key for ttl if the value that is there begins with head.
	Replace(ctx context.Context, key string, head, value []byte, ttl time.Duration) (replaced bool, err error)
	// Patch overwrites the first bytes of the stored value with newHead if they equal head. The two are of
	// the same length. The rest of the value and its ttl stay as they are.
	Patch(ctx context.Context, key string, head, newHead []byte) (patched bool, err error)
	// DeleteIf removes key if the value that is there begins with head.
	DeleteIf(ctx context.Context, key string, head []byte) (deleted bool, err error)
}

// Add calls b.Add; see Leaser.
func Add(ctx context.Context, b Backend, key string, value []byte, ttl time.Duration) (existing []byte, added bool, err error) {
	if l, ok := b.(Leaser); ok {
		return l.Add(ctx, key, value, ttl)
	}
	return nil, false, unsupported(b, "Add")
}

// Replace calls b.Replace; see Leaser.
func Replace(ctx context.Context, b Backend, key string, head, value []byte, ttl time.Duration) (replaced bool, err error) {
	if l, ok := b.(Leaser); ok {
		return l.Replace(ctx, key, head, value, ttl)
	}
	return false, unsupported(b, "Replace")
}

// Patch calls b.Patch; see Leaser.
func Patch(ctx context.Context, b Backend, key string, head, newHead []byte) (patched bool, err error) {
	if l, ok := b.(Leaser); ok {
		return l.Patch(ctx, key, head, newHead)
	}
	return false, unsupported(b, "Patch")
}

// DeleteIf calls b.DeleteIf; see Leaser.
func DeleteIf(ctx context.Context, b Backend, key string, head []byte) (deleted bool, err error) {
	if l, ok := b.(Leaser); ok {
		return l.DeleteIf(ctx, key, head)
	}
	return false, unsupported(b, "DeleteIf")
}

func unsupported(b Backend, op string) error {
	return fmt.Errorf("backend: %T has no %s: %w", b, op, errors.ErrUnsupported)
}
