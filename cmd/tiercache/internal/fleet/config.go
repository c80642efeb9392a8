package fleet

import (
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tiercache/tiercache/cmd/tiercache/internal/workload"
	"github.com/tiercache/tiercache/codec"
	"github.com/tiercache/tiercache/invalidate"
)

// An Engine is what a near tier is built on.
type Engine string

// The engines.
const (
	Ristretto Engine = "ristretto"
	Otter     Engine = "otter"
)

// ParseEngine returns the engine of a name.
func ParseEngine(name string) (Engine, error) {
	switch e := Engine(name); e {
	case Ristretto, Otter:
		return e, nil
	}
	return "", fmt.Errorf("unknown engine %q (ristretto or otter)", name)
}

// A WriteOp is how a writer tells its cache of what it has written to the source.
type WriteOp string

// The ways to write.
const (
	Delete WriteOp = "delete" // the next read loads the value
	Set    WriteOp = "set"    // the new value is stored
)

// ParseWriteOp returns the operation of a name.
func ParseWriteOp(name string) (WriteOp, error) {
	switch op := WriteOp(name); op {
	case Delete, Set:
		return op, nil
	}
	return "", fmt.Errorf("unknown write operation %q (delete or set)", name)
}

// A Config describes a run. All fields of the first part are required, where 0 does not mean none.
type Config struct {
	Workload    workload.Workload
	Instances   int
	Concurrency int // workers of each instance
	Engine      Engine
	Memory      int // entries of each near tier
	Far         bool
	Codec       codec.Codec
	ValueBytes  int
	TTL         time.Duration
	LoadTime    time.Duration // that the source takes
	Writes      float64       // share of the requests that are writes
	WriteOp     WriteOp
	Seed        uint64

	Redis    *redis.Options                                      // nil: an embedded server
	Timeout  time.Duration                                       // longest that a call of Redis may take; 0: as store and bus have it
	Duration time.Duration                                       // 0: to the end of the workload
	Bus      func(redis.UniversalClient) (invalidate.Bus, error) // nil: Redis pub/sub
	Progress func(requests uint64, elapsed time.Duration)        // called from time to time; nil: nobody asks
}
