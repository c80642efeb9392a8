package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/tiercache/tiercache/faults/internal/harness"
	"github.com/tiercache/tiercache/faults/internal/instance"
	"github.com/tiercache/tiercache/faults/internal/report"
	"github.com/tiercache/tiercache/faults/internal/servers"
)

func main() {
	if os.Getenv(instance.Env) != "" {
		if err := instance.Main(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "faults:", err)
			os.Exit(1)
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	switch err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "faults:", err)
		os.Exit(1)
	}
}

// options are what the command line says.
type options struct {
	run        harness.Config
	topologies []servers.Topology
	out        string
}

// run is the program. Its error says what was broken.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	out := stdout
	if o.out != "" {
		f, err := os.Create(o.out)
		if err != nil {
			return err
		}
		defer f.Close() // what it has written is on the screen as well
		out = io.MultiWriter(stdout, f)
	}
	var broken []string
	for _, topology := range o.topologies {
		cfg := o.run
		cfg.Topology, cfg.Log = topology, stderr
		cfg.For /= time.Duration(len(o.topologies))
		result, err := harness.Run(ctx, cfg)
		if err != nil {
			if result != nil {
				result.Details(stderr)
			}
			return fmt.Errorf("%s: %w", topology, err)
		}
		if err := result.Table(out); err != nil {
			return err
		}
		if wrong := result.Broken(); len(wrong) > 0 {
			broken = append(broken, wrong...)
			result.Details(stderr)
		}
	}
	if err := report.Legend(out); err != nil {
		return err
	}
	if len(broken) > 0 {
		return errors.New(strings.Join(broken, "\n"))
	}
	return nil
}

func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("faults", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.DurationVar(&o.run.For, "for", time.Minute, "how long there are faults, in all topologies together")
	flags.Uint64Var(&o.run.Seed, "seed", 1, "chooses the faults and the keys")
	topology := flags.String("topology", "single", "single, sentinel, cluster, several of these with commas, or all")
	flags.IntVar(&o.run.Instances, "instances", 6, "number of processes with a cache")
	flags.DurationVar(&o.run.Bound, "bound", 600*time.Millisecond, "the bound of the contract")
	mode := flags.String("mode", string(instance.Tiercache), "the cache under test: tiercache, or plain for the baseline")
	flags.IntVar(&o.run.Reads, "reads", 4000, "reads per second, of all instances")
	flags.IntVar(&o.run.Writes, "writes", 100, "writes per second, of all instances")
	flags.BoolVar(&o.run.Rollbacks, "rollbacks", true, "faults after which Redis has lost acknowledged changes happen, too")
	only := flags.String("faults", "", "regular expression of the names of the faults that happen")
	flags.StringVar(&o.out, "o", "", "file to write the tables to, besides the screen")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	o.run.Mode = instance.Mode(*mode)
	var err error
	if o.run.Only, err = regexp.Compile(*only); err != nil {
		return o, err
	}
	for name := range strings.SplitSeq(*topology, ",") {
		switch t := servers.Topology(name); {
		case name == "all":
			o.topologies = append(o.topologies, servers.All...)
		case slices.Contains(servers.All, t):
			o.topologies = append(o.topologies, t)
		default:
			return o, fmt.Errorf("unknown topology %q", name)
		}
	}
	switch {
	case flags.NArg() > 0:
		return o, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case o.run.Mode != instance.Tiercache && o.run.Mode != instance.Plain:
		return o, fmt.Errorf("unknown mode %q", *mode)
	case o.run.Instances < 1 || o.run.Instances > 100: // their proxies fit on the board
		return o, errors.New("instances must be 1 to 100")
	case o.run.For <= 0 || o.run.Bound < 100*time.Millisecond || o.run.Reads < 1 || o.run.Writes < 1:
		return o, errors.New("for, reads and writes must be positive, and bound at least 100ms")
	}
	return o, nil
}
