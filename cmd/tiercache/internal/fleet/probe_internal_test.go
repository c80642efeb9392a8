package fleet

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/tiercache/tiercache/tier"
)

// A script is a tier that answers as it is told.
type script struct {
	farTier[int]
	entry *tier.Entry[int]
	lease tier.Lease[int]
	err   error
}

func (s script) Name() string { return "script" }

func (s script) Get(context.Context, string) (*tier.Entry[int], bool, error) {
	return s.entry, s.entry != nil, s.err
}

func (s script) Lease(context.Context, string, time.Duration, func(*tier.Entry[int]) bool) (tier.Lease[int], *tier.Entry[int], error) {
	return s.lease, s.entry, s.err
}

func TestProbesNoteWhereAnAnswerComesFrom(t *testing.T) {
	here, missing := script{entry: &tier.Entry[int]{}}, script{}
	granted, broken := script{lease: struct{ tier.Lease[int] }{}}, script{err: errors.New("broken")}
	miss := func(ctx context.Context) { requestOf(ctx).missed = true }
	far := func(s script) func(context.Context) {
		return func(ctx context.Context) { farProbe[int]{s}.Get(ctx, "k") }
	}
	lease := func(s script) func(context.Context) {
		return func(ctx context.Context) { farProbe[int]{s}.Lease(ctx, "k", time.Second, nil) }
	}
	load := func(ctx context.Context) { requestOf(ctx).loaded = true }
	for _, tt := range []struct {
		name  string
		calls []func(context.Context)
		want  answer
	}{
		{"a near hit", nil, fromNear},
		{"a far hit", []func(context.Context){miss, far(here)}, fromFar},
		{"filled by another while asking for a lease", []func(context.Context){miss, far(missing), lease(here)}, fromFar},
		{"waited for another instance", []func(context.Context){miss, far(missing), lease(missing), lease(here)}, fromLoad},
		{"waited for another caller", []func(context.Context){miss, far(missing)}, fromLoad},
		{"loaded", []func(context.Context){miss, far(missing), lease(granted), load}, fromLoad},
		{"loaded behind an overtaken far entry", []func(context.Context){miss, far(here), lease(granted), load}, fromLoad},
		{"loaded without Redis", []func(context.Context){miss, far(broken), lease(broken), load}, fromLoad},
	} {
		r := new(request)
		ctx := withRequest(t.Context(), r)
		for _, call := range tt.calls {
			call(ctx)
		}
		if got := r.answer(); got != tt.want {
			t.Errorf("%s: answer = %d, want %d", tt.name, got, tt.want)
		}
	}
}

func TestProbesWorkOutsideOfARequest(t *testing.T) {
	here := script{entry: &tier.Entry[int]{}}
	if _, ok, err := (farProbe[int]{here}).Get(t.Context(), "k"); !ok || err != nil {
		t.Errorf("far Get = %v, %v", ok, err)
	}
}

func TestATierWithoutThePowersOfASharedOneIsNoFarTier(t *testing.T) {
	if _, err := newFarProbe(tier.Memory[int](tier.MemoryConfig{MaxEntries: 1})); err == nil {
		t.Error("newFarProbe(Memory) = nil, want an error")
	}
}
