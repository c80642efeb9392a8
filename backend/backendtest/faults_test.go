package backendtest_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tiercache/tiercache/backend"
	"github.com/tiercache/tiercache/backend/backendtest"
)

// A fault is a way to break the contract, and the test that must notice.
type fault struct {
	caught string
	wrap   func(m *backend.Memory) backend.Backend
}

// The wrappers embed a Memory and break one method.
var faults = map[string]fault{
	"the time stands still": {"TimeGoesOn", func(m *backend.Memory) backend.Backend {
		then := time.Now()
		return broken{Memory: m, now: func(context.Context) (time.Time, error) { return then, nil }}
	}},
	"everybody has a time of his own": {"TimeIsTheSameForAll", func(m *backend.Memory) backend.Backend {
		var calls atomic.Int64
		return broken{Memory: m, now: func(context.Context) (time.Time, error) {
			return time.Now().Add(time.Duration(calls.Add(1)%3) * time.Minute), nil
		}}
	}},
	"the time waits for the end of the call": {"TimeOfACancelledCall", func(m *backend.Memory) backend.Backend {
		return broken{Memory: m, now: func(context.Context) (time.Time, error) {
			time.Sleep(time.Hour)
			return time.Now(), nil
		}}
	}},
	"no time is no error": {"TimeOfACancelledCall", func(m *backend.Memory) backend.Backend {
		return broken{Memory: m, now: func(context.Context) (time.Time, error) { return time.Time{}, nil }}
	}},
	"absent is an error": {"AbsentIsNoError", func(m *backend.Memory) backend.Backend {
		return broken{Memory: m, get: func(ctx context.Context, key string) ([]byte, bool, error) {
			v, ok, err := m.Get(ctx, key)
			if !ok && err == nil {
				err = os.ErrNotExist
			}
			return v, ok, err
		}}
	}},
	"empty is absent": {"ValuesComeBack", func(m *backend.Memory) backend.Backend {
		return broken{Memory: m, get: func(ctx context.Context, key string) ([]byte, bool, error) {
			v, ok, err := m.Get(ctx, key)
			return v, ok && len(v) > 0, err
		}}
	}},
	"nul ends a key": {"AnyStringIsAKey", func(m *backend.Memory) backend.Backend {
		cut := func(key string) string { before, _, _ := strings.Cut(key, "\x00"); return before }
		return broken{
			Memory: m,
			get: func(ctx context.Context, key string) ([]byte, bool, error) {
				return m.Get(ctx, strings.ReplaceAll(key, " ", ""))
			},
			set: func(ctx context.Context, key string, value []byte, ttl time.Duration) error {
				return m.Set(ctx, strings.ReplaceAll(cut(key), " ", ""), value, ttl)
			},
		}
	}},
	"results are shared": {"BuffersBelongToTheCaller", func(m *backend.Memory) backend.Backend {
		var mu sync.Mutex
		cache := make(map[string][]byte)
		return broken{Memory: m, get: func(ctx context.Context, key string) ([]byte, bool, error) {
			v, ok, err := m.Get(ctx, key)
			mu.Lock()
			defer mu.Unlock()
			if old, hit := cache[key]; hit && ok {
				return old, ok, err
			}
			cache[key] = v
			return v, ok, err
		}}
	}},
	"the value is kept": {"BuffersBelongToTheCaller", func(m *backend.Memory) backend.Backend {
		var mu sync.Mutex
		kept := make(map[string][]byte)
		return broken{
			Memory: m,
			set: func(ctx context.Context, key string, value []byte, ttl time.Duration) error {
				mu.Lock()
				kept[key] = value
				mu.Unlock()
				return m.Set(ctx, key, value, ttl)
			},
			get: func(ctx context.Context, key string) ([]byte, bool, error) {
				v, ok, err := m.Get(ctx, key)
				mu.Lock()
				defer mu.Unlock()
				return bytes.Clone(kept[key][:min(len(v), len(kept[key]))]), ok, err
			},
		}
	}},
	"only one key is deleted": {"DeleteRemovesAllItsKeys", func(m *backend.Memory) backend.Backend {
		return broken{Memory: m, delete: func(ctx context.Context, keys ...string) error {
			return m.Delete(ctx, keys[:min(1, len(keys))]...)
		}}
	}},
	"the context is ignored": {"CancelledContextIsAnError", func(m *backend.Memory) backend.Backend {
		return broken{Memory: m, set: func(_ context.Context, key string, value []byte, ttl time.Duration) error {
			return m.Set(context.Background(), key, value, ttl)
		}}
	}},
	"values never expire": {"ValuesExpire", func(m *backend.Memory) backend.Backend {
		return withTTL(m, func(time.Duration) time.Duration { return 0 })
	}},
	"values expire early": {"ValuesExpire", func(m *backend.Memory) backend.Backend {
		return withTTL(m, func(ttl time.Duration) time.Duration { return ttl / 3 })
	}},
	"no ttl is a short one": {"ZeroTTLKeeps", func(m *backend.Memory) backend.Backend {
		return withTTL(m, func(ttl time.Duration) time.Duration {
			if ttl == 0 {
				return time.Nanosecond
			}
			return ttl
		})
	}},
	"a negative ttl is for ever": {"NegativeTTLIsAnError", func(m *backend.Memory) backend.Backend {
		return withTTL(m, func(ttl time.Duration) time.Duration { return max(ttl, 0) })
	}},
	"a tiny ttl is rounded down": {"TinyTTLIsNotForEver", func(m *backend.Memory) backend.Backend {
		return withTTL(m, func(ttl time.Duration) time.Duration {
			if ttl < 0 {
				return ttl
			}
			return ttl.Truncate(time.Millisecond)
		})
	}},
	"the first ttl counts": {"SetReplacesTheTTL", func(m *backend.Memory) backend.Backend {
		return broken{Memory: m, set: func(ctx context.Context, key string, value []byte, ttl time.Duration) error {
			if old, ok, _ := m.Get(ctx, key); ok && ttl > 0 && len(old) == len(value) {
				_, err := m.Patch(ctx, key, old, value)
				return err
			}
			return m.Set(ctx, key, value, ttl)
		}}
	}},
	"duplicate keys are dropped": {"GetManyKeepsTheOrder", func(m *backend.Memory) backend.Backend {
		return broken{Memory: m, getMany: func(ctx context.Context, keys []string) ([][]byte, error) {
			seen := make(map[string]bool)
			var once []string
			for _, key := range keys {
				if !seen[key] {
					seen[key] = true
					once = append(once, key)
				}
			}
			return m.GetMany(ctx, once)
		}}
	}},
	"empty is nil in a batch": {"GetManyKeepsTheOrder", func(m *backend.Memory) backend.Backend {
		return broken{Memory: m, getMany: func(ctx context.Context, keys []string) ([][]byte, error) {
			values, err := m.GetMany(ctx, keys)
			for i, v := range values {
				values[i] = append([]byte(nil), v...)
			}
			return values, err
		}}
	}},
	"add stores always": {"AddLeavesWhatIsPresent", func(m *backend.Memory) backend.Backend {
		return broken{Memory: m, add: func(ctx context.Context, key string, value []byte, ttl time.Duration) ([]byte, bool, error) {
			return nil, true, m.Set(ctx, key, value, ttl)
		}}
	}},
	"add is not atomic": {"OneOfManyAddsWins", func(m *backend.Memory) backend.Backend {
		return broken{Memory: m, add: func(ctx context.Context, key string, value []byte, ttl time.Duration) ([]byte, bool, error) {
			v, ok, err := m.Get(ctx, key)
			if ok || err != nil {
				return v, false, err
			}
			time.Sleep(time.Millisecond)
			return nil, true, m.Set(ctx, key, value, ttl)
		}}
	}},
	"replace is not atomic": {"ReplaceLosesNoIncrement", func(m *backend.Memory) backend.Backend {
		return broken{Memory: m, replace: func(ctx context.Context, key string, head, value []byte, ttl time.Duration) (bool, error) {
			v, ok, err := m.Get(ctx, key)
			if !ok || err != nil || !bytes.HasPrefix(v, head) {
				return false, err
			}
			time.Sleep(time.Millisecond)
			return true, m.Set(ctx, key, value, ttl)
		}}
	}},
	"replace keeps the ttl": {"ReplaceSetsTheTTL", func(m *backend.Memory) backend.Backend {
		return broken{Memory: m, replace: func(ctx context.Context, key string, head, value []byte, ttl time.Duration) (bool, error) {
			if len(head) == len(value) && len(head) > 0 {
				return m.Patch(ctx, key, head, value)
			}
			return m.Replace(ctx, key, head, value, ttl)
		}}
	}},
	"a short value matches a long head": {"ReplaceComparesTheHead", func(m *backend.Memory) backend.Backend {
		return broken{Memory: m, replace: func(ctx context.Context, key string, head, value []byte, ttl time.Duration) (bool, error) {
			if v, ok, _ := m.Get(ctx, key); ok && len(v) > 0 && bytes.HasPrefix(head, v) {
				head = v
			}
			return m.Replace(ctx, key, head, value, ttl)
		}}
	}},
	"an empty head matches": {"BadLeaseArgumentsAreErrors", func(m *backend.Memory) backend.Backend {
		return broken{Memory: m, replace: func(ctx context.Context, key string, head, value []byte, ttl time.Duration) (bool, error) {
			if len(head) == 0 {
				return true, m.Set(ctx, key, value, ttl)
			}
			return m.Replace(ctx, key, head, value, ttl)
		}}
	}},
}

// A broken calls the functions that are not nil in place of the methods of Memory.
type broken struct {
	*backend.Memory
	get     func(ctx context.Context, key string) ([]byte, bool, error)
	set     func(ctx context.Context, key string, value []byte, ttl time.Duration) error
	delete  func(ctx context.Context, keys ...string) error
	getMany func(ctx context.Context, keys []string) ([][]byte, error)
	add     func(ctx context.Context, key string, value []byte, ttl time.Duration) ([]byte, bool, error)
	replace func(ctx context.Context, key string, head, value []byte, ttl time.Duration) (bool, error)
	now     func(ctx context.Context) (time.Time, error)
}

func (b broken) Get(ctx context.Context, key string) ([]byte, bool, error) {
	if b.get == nil {
		return b.Memory.Get(ctx, key)
	}
	return b.get(ctx, key)
}

func (b broken) Set(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	if b.set == nil {
		return b.Memory.Set(ctx, key, value, ttl)
	}
	return b.set(ctx, key, value, ttl)
}

func (b broken) Now(ctx context.Context) (time.Time, error) {
	if b.now == nil {
		return b.Memory.Now(ctx)
	}
	return b.now(ctx)
}

func (b broken) Delete(ctx context.Context, keys ...string) error {
	if b.delete == nil {
		return b.Memory.Delete(ctx, keys...)
	}
	return b.delete(ctx, keys...)
}

func (b broken) GetMany(ctx context.Context, keys []string) ([][]byte, error) {
	if b.getMany == nil {
		return b.Memory.GetMany(ctx, keys)
	}
	return b.getMany(ctx, keys)
}

func (b broken) Add(ctx context.Context, key string, value []byte, ttl time.Duration) ([]byte, bool, error) {
	if b.add == nil {
		return b.Memory.Add(ctx, key, value, ttl)
	}
	return b.add(ctx, key, value, ttl)
}

func (b broken) Replace(ctx context.Context, key string, head, value []byte, ttl time.Duration) (bool, error) {
	if b.replace == nil {
		return b.Memory.Replace(ctx, key, head, value, ttl)
	}
	return b.replace(ctx, key, head, value, ttl)
}

func withTTL(m *backend.Memory, change func(time.Duration) time.Duration) backend.Backend {
	return broken{Memory: m, set: func(ctx context.Context, key string, value []byte, ttl time.Duration) error {
		return m.Set(ctx, key, value, change(ttl))
	}}
}

// The test binary runs itself, as a test cannot see another one fail, with the fault to try in this variable.
const faultVariable = "TIERCACHE_BACKENDTEST_FAULT"

func TestFault(t *testing.T) {
	name := os.Getenv(faultVariable)
	if name == "" {
		t.Skip("only run by TestEveryFaultIsCaught")
	}
	open := func(*testing.T) backend.Backend { return faults[name].wrap(backend.NewMemory()) }
	backendtest.Test(t, open, backendtest.Options{Bubble: true})
}

func TestEveryFaultIsCaught(t *testing.T) {
	for name, f := range faults {
		t.Run(name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestFault$/^"+f.caught+"$", "-test.timeout=1m")
			cmd.Env = append(os.Environ(), faultVariable+"="+name)
			out, err := cmd.CombinedOutput()
			if err == nil || !bytes.Contains(out, []byte("--- FAIL: TestFault/"+f.caught)) {
				t.Errorf("%s has not noticed the fault (%v):\n%s", f.caught, err, out)
			}
		})
	}
}
