package instance

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tiercache/tiercache/faults/internal/checker"
	"github.com/tiercache/tiercache/faults/internal/source"
)

// maxTexts is how many unexpected errors are kept as text.
const maxTexts = 10

// An instance is what this process is.
type instance struct {
	cfg    Config
	src    *source.Source
	source *loader
	rdb    redis.UniversalClient
	cache  subject
	stats  func() map[string]uint64
	bus    func() map[string]uint64
	tally  *checker.Tally
	calm   atomic.Bool

	reading, writing     sync.WaitGroup
	endReads, stopWrites context.CancelFunc // nil before begin
	rounds               uint64             // how often the writers were started

	writes, waited, failedDeletes, sourceErrors, callerErrors atomic.Uint64

	mu          sync.Mutex
	errorTexts  []string // guarded by mu
	lastFailure error    // guarded by mu; of a delete
}

// Main is the main function of an instance: it does what it reads from in until that ends, and answers on out.
func Main(in io.Reader, out io.Writer) error {
	redis.SetLogger(silence{})
	lines := json.NewDecoder(bufio.NewReader(in))
	var cfg Config
	if err := lines.Decode(&cfg); err != nil {
		return fmt.Errorf("instance: %w", err)
	}
	i, err := start(cfg)
	if err != nil {
		return fmt.Errorf("instance %d: %w", cfg.Number, err)
	}
	answers := json.NewEncoder(out)
	for {
		var c Command
		if err := lines.Decode(&c); err != nil {
			return fmt.Errorf("instance %d: parent has left: %w", cfg.Number, err)
		}
		r, err := i.obey(c)
		r.Command = c
		if err != nil {
			r.Error = err.Error()
		}
		if err := answers.Encode(r); err != nil {
			return err
		}
		if c == End {
			return nil
		}
	}
}

func start(cfg Config) (*instance, error) {
	src, err := source.Open(cfg.Source)
	if err != nil {
		return nil, err
	}
	i := &instance{cfg: cfg, src: src, rdb: newClient(cfg, src.Port), tally: checker.NewTally(cfg.Bound)}
	i.source = &loader{src: src, calm: &i.calm, panics: cfg.Mode == Tiercache}
	i.cache, i.stats, i.bus, err = open(cfg, i.rdb)
	return i, err
}

func (i *instance) obey(c Command) (Reply, error) {
	switch c {
	case Begin:
		i.begin()
		return Reply{}, nil
	case Quiet:
		return Reply{}, i.quiet()
	case Verify:
		return i.verify()
	case Far:
		return i.verifyFar()
	case Report:
		return Reply{Tally: i.report()}, nil
	case End:
		return Reply{}, i.end()
	}
	return Reply{}, fmt.Errorf("unknown command %q", c)
}

// Streams of random numbers: readers and writers of all instances have their own.
const (
	streams     = 1 << 10 // of one instance
	writeStream = 1 << 9  // first one of the writers
)

// begin starts the writers, and the readers where they are not reading yet.
func (i *instance) begin() {
	first := uint64(i.cfg.Number) * streams
	if i.endReads == nil {
		ctx, cancel := context.WithCancel(context.Background())
		i.endReads = cancel
		for n := range uint64(readers) {
			i.reading.Go(func() { i.read(ctx, first+n) })
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	i.stopWrites = cancel
	for n := range uint64(writers) {
		i.writing.Go(func() { i.write(ctx, first+writeStream+n+writers*i.rounds) })
	}
	i.rounds++
}

// quiet stops the writers and waits until all they have begun is acknowledged, which must not take long without faults.
func (i *instance) quiet() error {
	if i.stopWrites != nil {
		i.stopWrites()
	}
	acknowledged := make(chan struct{})
	go func() {
		i.writing.Wait()
		close(acknowledged)
	}()
	timer := time.NewTimer(quietWithin)
	defer timer.Stop()
	select {
	case <-acknowledged:
		return nil
	case <-timer.C:
		i.mu.Lock()
		defer i.mu.Unlock()
		return fmt.Errorf("deletes fail for %v: %w", quietWithin, i.lastFailure)
	}
}

// quietWithin is longer than it takes a client to find its way after the worst of faults.
const quietWithin = 30 * time.Second

// end stops all that begin has started and closes the cache.
func (i *instance) end() error {
	if err := i.quiet(); err != nil {
		return err
	}
	if i.endReads != nil {
		i.endReads()
	}
	i.reading.Wait()
	return errors.Join(i.cache.Close(), i.rdb.Close())
}

func (i *instance) report() *Tally {
	i.mu.Lock()
	texts := append([]string(nil), i.errorTexts...)
	i.mu.Unlock()
	return &Tally{
		Number:        i.cfg.Number,
		Checks:        i.tally.Sum(),
		Writes:        i.writes.Load(),
		Waited:        i.waited.Load(),
		FailedDeletes: i.failedDeletes.Load(),
		SourceErrors:  i.sourceErrors.Load(),
		CallerErrors:  i.callerErrors.Load(),
		ErrorTexts:    texts,
		Cache:         i.stats(),
		Bus:           i.bus(),
		RSS:           resident(),
		Goroutines:    runtime.NumGoroutine(),
	}
}

// resident returns the bytes of memory that this process has.
func resident() uint64 {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0 // not on Linux
	}
	fields := strings.Fields(string(text))
	if len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.ParseUint(fields[1], 10, 64)
	return pages * uint64(os.Getpagesize())
}
