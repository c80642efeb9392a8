// Package harness runs instances over a Redis that is made to fail, and tells whether the caches kept their promise.
package harness

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"time"

	"github.com/tiercache/tiercache/faults/internal/fault"
	"github.com/tiercache/tiercache/faults/internal/instance"
	"github.com/tiercache/tiercache/faults/internal/proxies"
	"github.com/tiercache/tiercache/faults/internal/report"
	"github.com/tiercache/tiercache/faults/internal/servers"
	"github.com/tiercache/tiercache/faults/internal/source"
)

// A Config describes a run. All fields but Only are required.
type Config struct {
	For       time.Duration // how long there are faults
	Seed      uint64
	Topology  servers.Topology
	Instances int
	Bound     time.Duration
	Mode      instance.Mode
	Reads     int            // per second, of all instances
	Writes    int            // per second, of all instances
	Log       io.Writer      // for progress
	Only      *regexp.Regexp // of the names of the faults that happen; nil: all
	Rollbacks bool           // whether those happen after which Redis has lost changes
}

// The bus may take this long for a call, whatever the bound.
const timeout = 250 * time.Millisecond

// Poll is how often the bus compares its log.
func (c Config) Poll() time.Duration { return c.Bound / 3 }

// Detection is how long the instances may take to notice a rollback and to repeat what was lost: until the next poll, and the time of two
// calls.
func (c Config) Detection() time.Duration { return c.Poll() + 2*timeout }

// roundLength is how long there are faults before everything is compared.
const roundLength = 45 * time.Second

// A run is one topology under faults.
type run struct {
	cfg      Config
	src      *source.Source
	env      *fault.Env
	lanes    []*lane
	children []*child
	masters  []string     // addresses; only one fault at a time changes them
	alone    sync.RWMutex // held for reading by ordinary faults, for writing by those that are alone

	mu     sync.Mutex
	result *report.Result // guarded by mu while there are faults
}

// Run runs instances and faults, and returns what was seen. An error says that the run itself went wrong.
func Run(ctx context.Context, cfg Config) (*report.Result, error) {
	dir, err := os.MkdirTemp(memoryDir(), "tiercache-faults-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	src, err := source.Create(filepath.Join(dir, "source"))
	if err != nil {
		return nil, err
	}
	defer src.Close()
	fleet, err := servers.Start(ctx, cfg.Topology, dir)
	if err != nil {
		return nil, err
	}
	defer fleet.Close()
	network, err := proxies.New(cfg.Instances, fleet.Addrs(), src)
	if err != nil {
		return nil, err
	}
	defer network.Close()
	r := &run{
		cfg: cfg,
		src: src,
		env: &fault.Env{Servers: fleet, Network: network, Bound: cfg.Bound, Prefix: instance.CacheName + ":"},
		result: &report.Result{
			Topology: string(cfg.Topology), Mode: string(cfg.Mode), Seed: cfg.Seed, Instances: cfg.Instances,
			Bound: cfg.Bound, Detection: cfg.Detection(),
		},
		lanes: newLanes(cfg),
	}
	defer r.killAll()
	if err := r.startAll(filepath.Join(dir, "source")); err != nil {
		return nil, err
	}
	return r.result, r.do(ctx)
}

// memoryDir returns a directory in memory, if there is one: servers write each change there before they answer.
func memoryDir() string {
	const shm = "/dev/shm"
	if info, err := os.Stat(shm); err == nil && info.IsDir() {
		return shm
	}
	return os.TempDir()
}

func (r *run) startAll(path string) error {
	for n := range r.cfg.Instances {
		c, err := startChild(instance.Config{
			Number: n, Seed: r.cfg.Seed, Mode: r.cfg.Mode, Topology: r.cfg.Topology,
			Addrs: r.env.Servers.Addrs(), Sentinels: r.env.Servers.SentinelAddrs(), Routes: r.env.Network.Routes(n),
			Source: path, Bound: r.cfg.Bound, Poll: r.cfg.Poll(), Timeout: timeout,
			Reads: max(1, r.cfg.Reads/r.cfg.Instances), Writes: max(1, r.cfg.Writes/r.cfg.Instances),
		}, r.cfg.Log)
		if err != nil {
			return err
		}
		r.children = append(r.children, c)
		r.env.Instances = append(r.env.Instances, c)
	}
	return nil
}

func (r *run) killAll() {
	for _, c := range r.children {
		c.Kill()
	}
}

// do runs rounds of faults until the time is up.
func (r *run) do(ctx context.Context) error {
	r.noteMasters(ctx)
	began := time.Now()
	for round := 1; ; round++ {
		left := r.cfg.For - time.Since(began)
		if left <= 0 || ctx.Err() != nil {
			break
		}
		if _, err := r.askAll(ctx, instance.Begin); err != nil {
			return err
		}
		faults, cancel := context.WithTimeout(ctx, min(left, roundLength))
		r.breakThings(faults)
		cancel()
		if err := r.compare(ctx); err != nil {
			return err
		}
		if err := r.collect(ctx); err != nil {
			return err
		}
		fmt.Fprintf(r.cfg.Log, "%s, round %d: %s\n", r.cfg.Topology, round, r.result.Line())
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	_, err := r.askAll(ctx, instance.End)
	r.result.Took = time.Since(began)
	return err
}

// compare lets everything come to rest, waits for as long as the contract allows, and compares what
// Redis and all instances have with the source.
func (r *run) compare(ctx context.Context) error {
	if err := r.env.Servers.Settle(ctx); err != nil {
		return err
	}
	r.checkMasters(ctx)
	if _, err := r.askAll(ctx, instance.Quiet); err != nil {
		return err
	}
	time.Sleep(r.cfg.Bound + time.Second)
	far, err := r.children[0].ask(ctx, instance.Far)
	if err != nil {
		return err
	}
	near, err := r.askAll(ctx, instance.Verify)
	if err != nil {
		return err
	}
	r.result.FarCompared += far.Checked
	r.result.FarWrong = append(r.result.FarWrong, far.Wrong...)
	for _, reply := range near {
		r.result.Compared += reply.Checked
		r.result.Lost = append(r.result.Lost, reply.Wrong...)
	}
	return nil
}

// collect takes over what the instances have counted.
func (r *run) collect(ctx context.Context) error {
	replies, err := r.askAll(ctx, instance.Report)
	if err != nil {
		return err
	}
	var tallies []*instance.Tally
	for _, reply := range replies {
		tallies = append(tallies, reply.Tally)
	}
	r.result.Take(tallies)
	return nil
}

// askAll asks all instances at once.
func (r *run) askAll(ctx context.Context, command instance.Command) ([]instance.Reply, error) {
	replies := make([]instance.Reply, len(r.children))
	errs := make([]error, len(r.children))
	var done sync.WaitGroup
	for n, c := range r.children {
		done.Go(func() { replies[n], errs[n] = c.ask(ctx, command) })
	}
	done.Wait()
	return replies, errors.Join(errs...)
}

// problem notes that something of the harness itself did not work.
func (r *run) problem(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.result.Problems = append(r.result.Problems, err.Error())
}
