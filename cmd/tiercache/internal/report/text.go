package report

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"strconv"
)

// WriteText writes d for a reader at a terminal.
func (d *Document) WriteText(w io.Writer) error {
	var b bytes.Buffer
	for _, line := range d.headline() {
		fmt.Fprintf(&b, "%-10s%s\n", line.Name, line.Text)
	}
	fmt.Fprintln(&b)
	for _, t := range d.tables() {
		t.write(&b)
	}
	for _, line := range d.Conclusion {
		fmt.Fprintf(&b, "- %s\n", line)
	}
	_, err := w.Write(b.Bytes())
	return err
}

// A heading says one thing about a replay.
type heading struct{ Name, Text string }

// headline says what was replayed, and on what.
func (d *Document) headline() []heading {
	s := d.Setup
	workload := fmt.Sprintf("zipf over %s, skew %g", plural(s.Keys, "key"), s.Skew)
	if s.Requests > 0 {
		workload += ", " + plural(s.Requests, "request")
	}
	if s.Workload == "trace" {
		workload = fmt.Sprintf("trace %s: %s for %s", s.Trace, plural(s.Requests, "request"), plural(s.Keys, "key"))
	}
	if s.Duration > 0 {
		workload += ", " + s.Duration.String() + " at most"
	}
	fleet := fmt.Sprintf("%s with %s each", plural(s.Instances, "instance"), plural(s.Concurrency, "worker"))
	if s.Writes > 0 {
		fleet += fmt.Sprintf(", %s%% of the requests are writes (%s)", strconv.FormatFloat(math.Round(1e6*s.Writes)/1e4, 'f', -1, 64), s.WriteOp)
	}
	stores := "no far tier"
	if s.Far {
		stores = fmt.Sprintf("%s Redis, codec %s, values of %s", s.Redis, s.Codec, plural(s.ValueBytes, "byte"))
	}
	stores += ", TTL " + s.TTL.String()
	if s.LoadTime > 0 {
		stores += ", source takes " + s.LoadTime.String()
	}
	return []heading{{"Workload", workload}, {"Fleet", fleet}, {"Stores", stores}}
}
