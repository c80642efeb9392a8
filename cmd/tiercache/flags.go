package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"time"

	"github.com/tiercache/tiercache/cmd/tiercache/internal/fleet"
	"github.com/tiercache/tiercache/cmd/tiercache/internal/trace"
	"github.com/tiercache/tiercache/codec"
)

// options are the flags of replay, checked.
type options struct {
	redis       string // empty: embedded
	trace       string // empty: zipf
	format      trace.Format
	keys        int
	skew        float64
	requests    int
	duration    time.Duration
	writes      float64
	writeOp     fleet.WriteOp
	instances   int
	concurrency int
	engines     []fleet.Engine
	memory      []int
	far         bool
	codec       codec.Codec
	codecName   string
	valueBytes  int
	ttl         time.Duration
	loadTime    time.Duration
	timeout     time.Duration
	seed        uint64
	json        bool
	html        string
}

const replayUsage = `Usage: tiercache replay [flags]

Replay runs a fleet of instances over one Redis, each with a near tier and a bus connection of its own, and sends it
the requests of a workload. It reports which tier answered how many of them and how fast, how often the source was asked, how
long invalidations took, and how many reads were older than an acknowledged write.

Lists of -memory and -engine make one run for each combination, and compare them.

With -trace the default is a single instance with one worker and a source that takes no time, so that the requests keep their
order: this tells the size of the near tier. More instances get the requests in turn. The trace is replayed once.

The exit status is 0, or 2 if nothing was done because of a bad flag, an unreadable trace or a Redis that does not answer, or 1 if
something failed later. After an interrupt what was measured until then is reported, and the status is 130; a second one kills.

`

// parseFlags returns the options that args stand for. After -h it prints the usage and returns flag.ErrHelp.
func parseFlags(args []string, stdout io.Writer) (*options, error) {
	o := &options{
		format:  trace.Auto,
		engines: []fleet.Engine{fleet.Ristretto},
		memory:  []int{1000},
		writes:  0.01,
		writeOp: fleet.Delete,
	}
	fs := flag.NewFlagSet("replay", flag.ContinueOnError)
	fs.SetOutput(io.Discard) // errors are ours to print, in one line
	fs.StringVar(&o.redis, "redis", "", "use the Redis at `address`, host:port or a redis:// URL (default: one in this process)")
	fs.StringVar(&o.trace, "trace", "", "replay the trace in `file`, which may be compressed with gzip (default: a zipf workload)")
	fs.Func("trace-format", "`format` of the trace: auto, arc, lirs or plain, one key a line (default auto)", set(&o.format, trace.ParseFormat))
	fs.IntVar(&o.keys, "keys", 10_000, "`number` of keys of the zipf workload")
	fs.Float64Var(&o.skew, "skew", 0.99, "`exponent` of the zipf workload: 0 for keys that are equally popular")
	fs.IntVar(&o.requests, "requests", 0, "stop after this `number` of requests (default 50000, with -trace or -duration no limit)")
	fs.DurationVar(&o.duration, "duration", 0, "stop after this `time` (default 10s, with -trace or -requests no limit)")
	fs.Func("writes", "`share` of the requests that are writes, as 1% or 0.01 (default 1%, with -trace 0)", set(&o.writes, parseShare))
	fs.Func("write-op", "`operation` by which a writer tells the cache: delete or set (default delete)", set(&o.writeOp, fleet.ParseWriteOp))
	fs.IntVar(&o.instances, "instances", 4, "`number` of instances (with -trace 1)")
	fs.IntVar(&o.concurrency, "concurrency", 8, "`number` of workers for each instance (with -trace 1)")
	fs.Func("engine", "`engine` of the near tier: ristretto or otter, or a list of them (default ristretto)", set(&o.engines, parseEngines))
	fs.Func("memory", "`entries` of each near tier, or a list of numbers (default 1000)", set(&o.memory, parseSizes))
	fs.BoolVar(&o.far, "far", true, "have a far tier in Redis; -far=false is for the near tiers alone")
	fs.StringVar(&o.codecName, "codec", "msgpack", "`codec` of the far tier: msgpack, msgpack-array, json, gob or raw, with +s2 or +zstd to compress")
	fs.IntVar(&o.valueBytes, "value-size", 100, "size of the values in `bytes`, before they are encoded")
	fs.DurationVar(&o.ttl, "ttl", 10*time.Minute, "`time` for which values are fresh")
	fs.DurationVar(&o.loadTime, "load-time", 2*time.Millisecond, "`time` that the source takes (with -trace 0)")
	fs.DurationVar(&o.timeout, "timeout", 250*time.Millisecond, "longest `time` that a call of Redis may take; then it has failed")
	fs.Uint64Var(&o.seed, "seed", 1, "`number` that the random choices depend on")
	fs.BoolVar(&o.json, "json", false, "print the report as JSON")
	fs.StringVar(&o.html, "html", "", "write the report to `file` as well, as a page with charts")
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			fmt.Fprint(stdout, replayUsage)
			fs.SetOutput(stdout)
			fs.PrintDefaults()
		}
		return nil, err
	}
	if fs.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %q", fs.Arg(0))
	}
	given := make(map[string]bool)
	fs.Visit(func(f *flag.Flag) { given[f.Name] = true })
	if err := o.check(given); err != nil {
		return nil, err
	}
	o.fillIn(given)
	return o, nil
}

// set returns a function for flag.FlagSet.Func that parses a value into *p.
func set[T any](p *T, parse func(string) (T, error)) func(string) error {
	return func(s string) error {
		v, err := parse(s)
		if err == nil {
			*p = v
		}
		return err
	}
}

// check reports the first flag that is out of range or does not go with the others.
func (o *options) check(given map[string]bool) (err error) {
	if o.codec, err = parseCodec(o.codecName); err != nil {
		return fmt.Errorf("-codec: %w", err)
	}
	for _, c := range []struct {
		bad  bool
		text string
	}{
		{o.keys < 1 || o.keys > 1<<30, "-keys must be from 1 to 2^30"},
		{!(o.skew >= 0 && o.skew <= 10), "-skew must be from 0 to 10"},
		{o.requests < 0, "-requests must not be negative"},
		{given["requests"] && o.requests == 0, "-requests must be at least 1"},
		{o.duration < 0 || given["duration"] && o.duration == 0, "-duration must be positive"},
		{o.instances < 1 || o.instances > 1000, "-instances must be from 1 to 1000"},
		{o.concurrency < 1 || o.concurrency > 10_000, "-concurrency must be from 1 to 10000"},
		{o.valueBytes < 0 || o.valueBytes > 4<<20, "-value-size must be from 0 to 4194304"},
		{o.ttl <= 0, "-ttl must be positive"},
		{o.timeout <= 0, "-timeout must be positive"},
		{o.loadTime < 0, "-load-time must not be negative"},
		{given["trace-format"] && o.trace == "", "-trace-format goes with -trace"},
		{o.trace != "" && (given["keys"] || given["skew"]), "-keys and -skew are of the zipf workload and do not go with -trace"},
		{given["trace"] && o.trace == "", "-trace names no file"},
		{given["html"] && o.html == "", "-html names no file"},
		{given["redis"] && o.redis == "", "-redis names no server"},
		{!o.far && given["codec"], "-codec is of the far tier and does not go with -far=false"},
	} {
		if c.bad {
			return errors.New(c.text)
		}
	}
	return nil
}

// fillIn sets the defaults that depend on other flags.
func (o *options) fillIn(given map[string]bool) {
	if o.trace == "" {
		// Runs that are to be compared need the same requests: a near tier that had less time to fill has fewer hits.
		if !given["duration"] && !given["requests"] {
			o.requests, o.duration = 50_000, 10*time.Second
		}
		return
	}
	if !given["instances"] {
		o.instances = 1
	}
	if !given["concurrency"] {
		o.concurrency = 1
	}
	if !given["writes"] {
		o.writes = 0
	}
	if !given["load-time"] {
		o.loadTime = 0
	}
}
