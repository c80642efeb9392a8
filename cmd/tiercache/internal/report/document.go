// Package report says what was measured: as a text for a terminal, as a page with charts, and as JSON.
package report

import (
	"encoding/json"
	"io"
	"time"

	"github.com/tiercache/tiercache/cmd/tiercache/internal/fleet"
)

// A Document is all that a replay has to tell. Its JSON form has durations in nanoseconds, in fields whose names end in _ns, and
// shares from 0 to 1.
type Document struct {
	Started     time.Time      `json:"started"`
	Setup       Setup          `json:"setup"`
	Interrupted bool           `json:"interrupted"`      // before all runs were done
	Failed      string         `json:"failed,omitempty"` // why not all runs could be made
	Runs        []fleet.Result `json:"runs"`
	Conclusion  []string       `json:"conclusion"`
}

// A Setup is what all runs have in common.
type Setup struct {
	Workload    string        `json:"workload"` // "zipf" or "trace"
	Skew        float64       `json:"skew,omitempty"`
	Trace       string        `json:"trace,omitempty"` // name of the file
	Keys        int           `json:"keys"`            // different ones
	Requests    int           `json:"requests"`        // in the workload; 0: no end
	Duration    time.Duration `json:"duration_ns"`     // limit; 0: none
	Instances   int           `json:"instances"`
	Concurrency int           `json:"concurrency"` // workers of each instance
	Far         bool          `json:"far"`
	Redis       string        `json:"redis"` // address, or "embedded"
	Codec       string        `json:"codec"`
	ValueBytes  int           `json:"value_bytes"`
	TTL         time.Duration `json:"ttl_ns"`
	LoadTime    time.Duration `json:"load_time_ns"`
	Timeout     time.Duration `json:"timeout_ns"` // of calls of Redis
	Writes      float64       `json:"writes"`     // share of the requests
	WriteOp     fleet.WriteOp `json:"write_op"`
	Seed        uint64        `json:"seed"`
}

// Conclude fills in Conclusion from what is in the other fields.
func (d *Document) Conclude() { d.Conclusion = conclude(d) }

// WriteJSON writes d as one JSON document.
func (d *Document) WriteJSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(d)
}
