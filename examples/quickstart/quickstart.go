package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tiercache/tiercache"
	"github.com/tiercache/tiercache/layered"
)

// A Report is what the source takes a while to make.
type Report struct {
	Name string
	Made time.Time
}

// makeReport stands for a slow query.
func makeReport(ctx context.Context, name string) (Report, error) {
	select {
	case <-time.After(300 * time.Millisecond):
		return Report{Name: name, Made: time.Now()}, nil
	case <-ctx.Done():
		return Report{}, ctx.Err()
	}
}

func show(ctx context.Context, rdb redis.UniversalClient, out io.Writer) error {
	layers := layered.New(rdb) // one for the whole process
	defer layers.Close()
	reports, err := layered.Cache[Report](layers, "reports", tiercache.Resilient())
	if err != nil {
		return err
	}
	ask := func() error {
		began := time.Now()
		r, err := reports.GetOrLoad(ctx, "sales", makeReport)
		fmt.Fprintf(out, "made at %s, took %v\n", r.Made.Format("15:04:05.000"), time.Since(began))
		return err
	}
	for range 3 { // a load, and then memory
		if err := ask(); err != nil {
			return err
		}
	}
	if err := reports.Delete(ctx, "sales"); err != nil { // here, in Redis, and in all other processes
		return err
	}
	return ask() // another load
}
