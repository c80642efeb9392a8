package fleet

import "time"

// A Result is what was measured in one run.
type Result struct {
	Engine        Engine        `json:"engine"`
	MemoryEntries int           `json:"memory_entries"`
	Elapsed       time.Duration `json:"elapsed_ns"`
	Interrupted   bool          `json:"interrupted"` // ended by the context

	Requests    uint64 `json:"requests"` // reads and writes, failed ones included
	Reads       uint64 `json:"reads"`
	Writes      uint64 `json:"writes"`
	ReadErrors  uint64 `json:"read_errors"`
	WriteErrors uint64 `json:"write_errors"`
	Hung        uint64 `json:"hung"` // of these errors, calls that were cut short a second after the end
	// OtherErrors are those that no caller was given: a tier that failed a read, a bus that was interrupted.
	OtherErrors uint64 `json:"other_errors"`
	FirstError  string `json:"first_error,omitempty"`

	// Who answered the reads. Near, Far and Load add up to the reads without an error.
	Near Answers `json:"near"`
	Far  Answers `json:"far"`
	Load Answers `json:"load"` // loaded, or waited for somebody's load

	Loads             uint64  `json:"loads"` // calls of the source, in all instances
	LoadErrors        uint64  `json:"load_errors"`
	MissedKeys        uint64  `json:"missed_keys"` // values that were loaded, each counted once in the fleet
	LoadsPerMissedKey float64 `json:"loads_per_missed_key"`

	WriteTime    Durations    `json:"write_time"`
	Invalidation Invalidation `json:"invalidation"`
	StaleReads   StaleReads   `json:"stale_reads"`

	Tiers []TierCounts `json:"tiers"` // nearest first, summed over the instances
}

// Answers are the reads that were answered in one way.
type Answers struct {
	Reads   uint64    `json:"reads"`
	Ratio   float64   `json:"ratio"` // of all reads without an error
	Latency Durations `json:"latency"`
}

// Durations sum up a histogram.
type Durations struct {
	Count uint64        `json:"count"`
	P50   time.Duration `json:"p50_ns"`
	P99   time.Duration `json:"p99_ns"`
	P999  time.Duration `json:"p999_ns"`
	Max   time.Duration `json:"max_ns"`
}

// Invalidation says how the news of writes got around. Every acknowledged write is to be delivered to each other instance.
type Invalidation struct {
	Deliveries  uint64    `json:"deliveries"`
	Undelivered uint64    `json:"undelivered"`     // when the run was over, and the last events had been waited for
	Lag         Durations `json:"lag"`             // from the acknowledgment; 0 where the event was faster
	SinceBegin  Durations `json:"lag_since_begin"` // from the beginning of the write
	Drops       uint64    `json:"partition_drops"` // because events may have been lost, one for each partition and instance
}

// StaleReads are the reads that were older than an acknowledged write.
type StaleReads struct {
	Count uint64    `json:"count"`
	Ratio float64   `json:"ratio"` // of the reads without an error
	Age   Durations `json:"age"`   // from the acknowledgment of the first newer version to the beginning of the read
}

// TierCounts are counters of one tier, as tiercache.TierStats explains them.
type TierCounts struct {
	Name      string `json:"name"`
	Hits      uint64 `json:"hits"`
	Misses    uint64 `json:"misses"`
	Fenced    uint64 `json:"fenced"`
	Untrusted uint64 `json:"untrusted"`
	Promotes  uint64 `json:"promotes"`
	Fills     uint64 `json:"fills"`
	Evicted   uint64 `json:"evicted"`
	Rejected  uint64 `json:"rejected"`
	Dropped   uint64 `json:"dropped"`
	Errors    uint64 `json:"errors"`
}
