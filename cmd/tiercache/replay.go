package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tiercache/tiercache/cmd/tiercache/internal/fleet"
	"github.com/tiercache/tiercache/cmd/tiercache/internal/report"
	"github.com/tiercache/tiercache/cmd/tiercache/internal/trace"
	"github.com/tiercache/tiercache/cmd/tiercache/internal/workload"
)

// replay is the command of that name. Whatever may be wrong with its arguments is found out before the first run.
func replay(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parseFlags(args, stdout)
	if err != nil {
		return usageError{fmt.Errorf("replay: %w", err)}
	}
	server, err := connect(ctx, o)
	if err != nil {
		return usageError{fmt.Errorf("replay: %w", err)}
	}
	load, err := readWorkload(o)
	if err != nil {
		return usageError{fmt.Errorf("replay: %w", err)}
	}
	page, err := createPage(o.html)
	if err != nil {
		return usageError{fmt.Errorf("replay: %w", err)}
	}
	defer page.discard()

	doc := &report.Document{Started: time.Now(), Setup: setup(o, server, load)}
	failure := runAll(ctx, o, server, load, doc, newProgress(stderr))
	if failure != nil && len(doc.Runs) == 0 {
		return fmt.Errorf("replay: %w", failure)
	}
	doc.Conclude() // of a comparison that has failed in its middle, too: the runs before that may have taken an hour
	if err := errors.Join(failure, write(doc, o, stdout, page)); err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	if doc.Interrupted {
		return errInterrupted
	}
	return nil
}

// connect returns the options of the Redis that the user has named, which answers, or nil for an embedded one.
func connect(ctx context.Context, o *options) (*redis.Options, error) {
	if o.redis == "" {
		return nil, nil
	}
	server, err := fleet.ParseRedis(o.redis)
	if err != nil {
		return nil, fmt.Errorf("-redis %q: %w", o.redis, err)
	}
	return server, fleet.Ping(ctx, server)
}

// readWorkload returns the requests to replay.
func readWorkload(o *options) (workload.Workload, error) {
	if o.trace == "" {
		return workload.NewZipf(o.keys, o.skew, o.seed, o.requests), nil
	}
	file, err := os.Open(o.trace)
	if err != nil {
		return nil, fmt.Errorf("-trace: %w", err)
	}
	defer file.Close()
	recorded, err := workload.Record(trace.Read(file, o.format), o.requests)
	if err != nil {
		return nil, fmt.Errorf("-trace %s: %w", o.trace, err)
	}
	return recorded, nil
}

func setup(o *options, server *redis.Options, load workload.Workload) report.Setup {
	s := report.Setup{
		Workload:    "zipf",
		Skew:        o.skew,
		Keys:        len(load.Keys()),
		Requests:    load.Requests(),
		Duration:    o.duration,
		Instances:   o.instances,
		Concurrency: o.concurrency,
		Far:         o.far,
		Redis:       "embedded",
		Codec:       o.codec.Name(),
		ValueBytes:  o.valueBytes,
		TTL:         o.ttl,
		LoadTime:    o.loadTime,
		Timeout:     o.timeout,
		Writes:      o.writes,
		WriteOp:     o.writeOp,
		Seed:        o.seed,
	}
	if server != nil {
		s.Redis = server.Addr // not the URL, which may have a password in it
	}
	if o.trace != "" {
		s.Workload, s.Skew, s.Trace = "trace", 0, filepath.Base(o.trace)
	}
	return s
}

// runAll makes a run for each combination of engine and size, and adds the results to doc. An interrupt or an error ends it.
func runAll(ctx context.Context, o *options, server *redis.Options, load workload.Workload, doc *report.Document, p *progress) error {
	runs := len(o.engines) * len(o.memory)
	for _, engine := range o.engines {
		for _, memory := range o.memory {
			bar := p.start(fmt.Sprintf("%d/%d %s %d", len(doc.Runs)+1, runs, engine, memory), load.Requests(), o.duration)
			res, err := fleet.Run(ctx, fleet.Config{
				Workload:    load,
				Instances:   o.instances,
				Concurrency: o.concurrency,
				Engine:      engine,
				Memory:      memory,
				Far:         o.far,
				Codec:       o.codec,
				ValueBytes:  o.valueBytes,
				TTL:         o.ttl,
				LoadTime:    o.loadTime,
				Writes:      o.writes,
				WriteOp:     o.writeOp,
				Seed:        o.seed,
				Redis:       server,
				Timeout:     o.timeout,
				Duration:    o.duration,
				Progress:    bar.update,
			})
			bar.end()
			if err == nil {
				doc.Runs = append(doc.Runs, res)
			}
			if ctx.Err() != nil {
				doc.Interrupted = true
				return nil
			}
			if err != nil {
				doc.Failed = err.Error()
				return err
			}
		}
	}
	return nil
}

// write prints the report, and puts the page where the user wants it.
func write(doc *report.Document, o *options, stdout io.Writer, page *pageFile) error {
	if page != nil {
		if err := doc.WriteHTML(page.temp); err != nil {
			return err
		}
		if err := page.keep(); err != nil {
			return err
		}
	}
	if o.json {
		return doc.WriteJSON(stdout)
	}
	return doc.WriteText(stdout)
}
