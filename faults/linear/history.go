package linear

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/anishathalye/porcupine"

	"github.com/tiercache/tiercache"
)

// A cache is what is under test: a *tiercache.Cache[int64], or one that is broken on purpose.
type cache interface {
	Get(ctx context.Context, key string) (int64, bool, error)
	GetOrLoad(ctx context.Context, key string, load tiercache.Loader[int64], opts ...tiercache.CallOption) (int64, error)
	Set(ctx context.Context, key string, v int64, opts ...tiercache.CallOption) error
	Add(ctx context.Context, key string, v int64, opts ...tiercache.CallOption) (bool, error)
	Delete(ctx context.Context, keys ...string) error
}

// The shape of a history.
const (
	clients = 8
	calls   = 200 // of each client
	keys    = 2
)

// A recorder makes a history. Its clock ticks with every look at it, so no two points of time are the same.
type recorder struct {
	clock atomic.Int64
	mu    sync.Mutex
	ops   []porcupine.Operation // guarded by mu
	errs  []error               // guarded by mu
}

func (r *recorder) now() int64 { return r.clock.Add(1) }

// note records an operation that has just returned.
func (r *recorder) note(client int, began int64, in input) {
	op := porcupine.Operation{ClientId: client, Input: in, Call: began, Return: r.now()}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ops = append(r.ops, op)
}

func (r *recorder) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.errs = append(r.errs, err)
}

// run lets the clients work. Each has random numbers of its own, made from the seed; how they interleave is up to the scheduler.
func run(seed uint64, client func(r *recorder, id int, rng *rand.Rand)) ([]porcupine.Operation, error) {
	r := new(recorder)
	var wg sync.WaitGroup
	for id := range clients {
		wg.Go(func() { client(r, id, rand.New(rand.NewPCG(seed, uint64(id)))) })
	}
	wg.Wait()
	return r.ops, errors.Join(r.errs...)
}

func name(seed uint64, key int) string {
	return strconv.FormatUint(seed, 36) + ":" + strconv.Itoa(key)
}

// A sourced is the values of a source, which count up.
type sourced [keys]atomic.Int64

// loads makes a history of reads and updates in front of a source. An update writes the source first and then deletes the key.
//
// atomically says that a Delete takes effect at one point of time. In a cache with a shared tier it has several steps, and only its return
// says that what was loaded before it began is gone.
func loads(c cache, seed uint64, atomically bool) ([]porcupine.Operation, error) {
	source := new(sourced)
	ctx := context.Background()
	return run(seed, func(r *recorder, id int, rng *rand.Rand) {
		for range calls {
			key := rng.IntN(keys)
			n, began := name(seed, key), r.now()
			switch p := rng.IntN(100); {
			case p < 60:
				v, err := c.GetOrLoad(ctx, n, func(context.Context, string) (int64, error) {
					began := r.now()
					v := source[key].Load()
					r.note(id, began, input{key, sourceRead, int(v)})
					runtime.Gosched() // a slow source
					return v, nil
				})
				r.note(id, began, input{key, read, int(v)})
				if err != nil {
					r.fail(err)
				}
			case p < 85:
				v, ok, err := c.Get(ctx, n)
				if ok {
					r.note(id, began, input{key, read, int(v)})
				}
				if err != nil {
					r.fail(err)
				}
			default:
				written := source[key].Add(1)
				r.note(id, began, input{key, sourceWrite, int(written)})
				runtime.Gosched() // the way to the cache
				floor, began := int(source[key].Load()), r.now()
				if err := c.Delete(ctx, n); err != nil {
					r.fail(err)
				}
				if atomically {
					r.note(id, began, input{key, remove, floor})
				} else {
					r.note(id, r.now(), input{key, removed, floor})
				}
			}
		}
	})
}

// stores makes a history of a cache without a source. Every value is stored once.
func stores(c cache, seed uint64) ([]porcupine.Operation, error) {
	var last atomic.Int64
	ctx := context.Background()
	return run(seed, func(r *recorder, id int, rng *rand.Rand) {
		for range calls {
			key := rng.IntN(keys)
			n, began := name(seed, key), r.now()
			var err error
			switch p := rng.IntN(100); {
			case p < 60:
				var v int64
				var ok bool
				if v, ok, err = c.Get(ctx, n); ok {
					r.note(id, began, input{key, read, int(v)})
				}
			case p < 75:
				v := last.Add(1)
				err = c.Set(ctx, n, v)
				r.note(id, began, input{key, set, int(v)})
			case p < 90:
				v, a := last.Add(1), exists
				var added bool
				if added, err = c.Add(ctx, n, v); added {
					a = add
				}
				r.note(id, began, input{key, a, int(v)})
			default:
				err = c.Delete(ctx, n)
				r.note(id, began, input{key, remove, 0})
			}
			if err != nil {
				r.fail(err)
			}
		}
	})
}
