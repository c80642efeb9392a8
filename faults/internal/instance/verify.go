package instance

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tiercache/tiercache"
	"github.com/tiercache/tiercache/faults/internal/source"
)

// verifiers is how many goroutines compare keys.
const verifiers = 64

// attempts is how often a key is asked for that cannot be read: the client may still be finding its way after a fault.
const attempts = 50

// verify compares what the cache has for every key with the source, which nobody writes meanwhile.
func (i *instance) verify() (Reply, error) {
	i.calm.Store(true)
	defer i.calm.Store(false)
	return i.compare(func(k int) (uint64, bool, error) {
		found, err := i.cache.Lookup(context.Background(), source.Name(k), i.source.load(k))
		if isSource(err) {
			return 0, false, nil // a load that began before
		}
		v := found.Value
		if err == nil && v.Key != k {
			err = fmt.Errorf("key %d has the value of %d", k, v.Key)
		}
		return v.Version, true, err
	})
}

// verifyFar compares what Redis has for every key with the source.
func (i *instance) verifyFar() (Reply, error) {
	if i.cfg.Mode == Plain {
		return Reply{}, nil // it is compared by what its instances serve
	}
	far, err := openFar(i.cfg, i.rdb)
	if err != nil {
		return Reply{}, err
	}
	defer far.Close()
	r, err := i.compare(func(k int) (uint64, bool, error) {
		v, ok, err := far.Get(context.Background(), source.Name(k))
		if errors.Is(err, tiercache.ErrNotFound) {
			ok, err = false, nil
		}
		return v.Version, ok, err
	})
	if failed := far.Stats().Tiers[0].Errors; failed > 0 && err == nil {
		err = fmt.Errorf("the records could not be read %d times", failed)
	}
	return r, err
}

// compare asks get for every key. A key that it does not have is not compared.
func (i *instance) compare(get func(k int) (version uint64, ok bool, err error)) (Reply, error) {
	var mu sync.Mutex
	var reply Reply
	var failed error
	compare := func(k int) {
		version, ok, err := get(k)
		for n := 0; err != nil && n < attempts; n++ {
			time.Sleep(50 * time.Millisecond) // what is compared does not change meanwhile
			version, ok, err = get(k)
		}
		mu.Lock()
		defer mu.Unlock()
		switch {
		case err != nil:
			failed = fmt.Errorf("%s: %w", source.Name(k), err)
		case !ok:
		default:
			reply.Checked++
			if now := i.src.Version(k); version != now {
				reply.Wrong = append(reply.Wrong, Mismatch{Instance: i.cfg.Number, Key: source.Name(k), Has: version, Source: now})
			}
		}
	}
	var next atomic.Int64
	var done sync.WaitGroup
	for range verifiers {
		done.Go(func() {
			for k := next.Add(1) - 1; k < source.Keys; k = next.Add(1) - 1 {
				compare(int(k))
			}
		})
	}
	done.Wait()
	return reply, failed
}
