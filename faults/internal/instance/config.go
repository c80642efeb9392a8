// Package instance is a process with a cache: it reads, writes and checks what it reads, and does what the parent says.
//
// The parent writes a Config as a line of JSON to its standard input, and then commands, one a line. The instance answers
// each with a line of JSON on its standard output.
package instance

import (
	"time"

	"github.com/tiercache/tiercache/faults/internal/checker"
	"github.com/tiercache/tiercache/faults/internal/proxies"
	"github.com/tiercache/tiercache/faults/internal/servers"
)

// Env is the environment variable by which a program learns that it is to be an instance.
const Env = "TIERCACHE_FAULTS_INSTANCE"

// CacheName is the name of the cache.
const CacheName = "faults"

// A Mode says which cache an instance has.
type Mode string

const (
	Tiercache Mode = "tiercache"
	Plain     Mode = "plain"
)

// A Config is all that an instance has to know.
type Config struct {
	Number    int
	Seed      uint64
	Mode      Mode
	Topology  servers.Topology
	Addrs     []string                 // of the servers with data, as they name themselves
	Sentinels []string                 // their addresses
	Routes    map[string]proxies.Route // by address
	Source    string                   // path of the shared file
	Bound     time.Duration
	Poll      time.Duration // of the bus
	Timeout   time.Duration // of the bus and the store
	Reads     int           // per second
	Writes    int           // per second
}

// A Command is what the parent asks for.
type Command string

const (
	Begin  Command = "begin"  // read and write
	Quiet  Command = "quiet"  // stop writing, and answer when every write is acknowledged; reads go on
	Verify Command = "verify" // compare what the cache has for every key with the source
	Far    Command = "far"    // compare what Redis has for every key with the source
	Report Command = "report" // say what was counted so far
	End    Command = "end"    // close the cache and leave
)

// A Reply answers a command.
type Reply struct {
	Command Command
	Error   string     // why it could not be done
	Wrong   []Mismatch // for Verify and Far
	Checked int        // for Verify and Far: entries compared
	Tally   *Tally     // for Report
}

// A Mismatch is a key for which a cache or Redis has not what the source has.
type Mismatch struct {
	Instance int
	Key      string
	Has      uint64
	Source   uint64
}

// A Tally is what an instance has counted.
type Tally struct {
	Number int
	Checks checker.Sum

	Writes        uint64            // acknowledged
	Waited        uint64            // of these, by waiting until no instance serves an older value
	FailedDeletes uint64            // attempts that were repeated
	SourceErrors  uint64            // errors and panics of the source that reached a caller, as they should
	CallerErrors  uint64            // other errors that reached a caller
	ErrorTexts    []string          // the first of these
	Cache         map[string]uint64 // the counters of the cache, the near tier's as near.X, the far tier's as far.X
	Bus           map[string]uint64 // the counters of the bus

	RSS        uint64 // bytes
	Goroutines int
}
