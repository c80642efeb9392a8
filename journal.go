package tiercache

import (
	"sync"
	"time"

	"github.com/tiercache/tiercache/internal/clock"
)

// journalFor is how far back a store is taken to lose acknowledged writes when a replica takes over: long after it has fallen behind, others
// would have been chosen.
const journalFor = 30 * time.Second

// maxJournal is how many writes a journal remembers.
const maxJournal = 1 << 16

// A journal remembers the keys of a cache's own writes, so that they can be repeated when the store may have lost
// them. Values are not kept: to repeat a write is to delete the key.
//
// It goes back journalFor from the last moment for which the bus has vouched, not from now, so that an outage does not empty it. And it
// forgets nothing while a repetition is due or running.
type journal struct {
	leaseAge func(now clock.Instant) time.Duration // since the last moment for which the bus has vouched

	mu        sync.Mutex
	writes    []journalWrite // oldest first
	from      clock.Instant  // what is older is forgotten
	dropped   clock.Instant  // when the last write was that made room for others
	rollbacks uint64         // heard of
	due       bool           // a repetition has to begin, or to begin again
	running   bool           // one does
}

// A journalWrite is an acknowledged write.
type journalWrite struct {
	at  clock.Instant
	key string // or allKeys
}

// allKeys stands for the key in the record of a Clear. No key is empty.
const allKeys = ""

// begin returns what record is to be told when the write that begins now has been acknowledged. The journal may be nil, as in the
// other methods.
func (j *journal) begin() (rollbacks uint64) {
	if j == nil {
		return 0
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.rollbacks
}

// record remembers writes that have been acknowledged. If it returns true the caller starts the repetition: the store may have lost what it
// acknowledged before it was recorded.
func (j *journal) record(rollbacks uint64, keys ...string) (start bool) {
	if j == nil {
		return false
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	now := clock.Now()
	j.forget(now)
	for _, key := range keys {
		if len(j.writes) == maxJournal {
			j.dropped = j.writes[0].at
			j.drop(1)
		}
		j.writes = append(j.writes, journalWrite{now, key})
	}
	return j.rollbacks != rollbacks && j.start()
}

// trim forgets what is too old.
func (j *journal) trim() {
	if j == nil {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.forget(clock.Now())
}

// rolledBack has all writes repeated. If it returns true the caller starts that.
func (j *journal) rolledBack() (start bool) {
	if j == nil {
		return false
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.rollbacks++
	return j.start()
}

func (j *journal) start() bool {
	j.due = true
	first := !j.running
	j.running = true
	return first
}

// next returns what is to be repeated: keys, the last ones that were written first since the store has lost those most
// likely, or everything. ok is false if that is done, and then the repetition has ended.
func (j *journal) next() (keys []string, all, overflowed, ok bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if !j.due {
		j.running = false
		return nil, false, false, false
	}
	j.due = false
	if j.dropped != 0 && j.dropped >= j.from {
		return nil, true, true, true
	}
	seen := make(map[string]bool, len(j.writes))
	for i := len(j.writes) - 1; i >= 0; i-- {
		key := j.writes[i].key
		if key == allKeys {
			return nil, true, false, true
		}
		if !seen[key] {
			seen[key] = true
			keys = append(keys, key)
		}
	}
	return keys, false, false, true
}

// forget drops the writes that are too old at now.
func (j *journal) forget(now clock.Instant) {
	if j.due || j.running {
		return
	}
	j.from = max(j.from, now.Add(-j.leaseAge(now)-journalFor))
	n := 0
	for n < len(j.writes) && j.writes[n].at < j.from {
		n++
	}
	j.drop(n)
}

// drop drops the first n writes. The array is given up when nothing is left in it, or when append needs another one.
func (j *journal) drop(n int) {
	clear(j.writes[:n])
	j.writes = j.writes[n:]
	if len(j.writes) == 0 {
		j.writes = nil
	}
}
