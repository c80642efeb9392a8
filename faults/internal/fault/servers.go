package fault

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/tiercache/tiercache/faults/internal/servers"
)

// onServers returns what can happen to the servers of every topology and loses nothing that was acknowledged.
func onServers() []Fault {
	return []Fault{
		{Name: "server paused, half a bound", Run: pauseServer(0.5)},
		{Name: "FLUSHALL", Run: onMasters("flushall")},
		{Name: "SCRIPT FLUSH", Run: onMasters("script", "flush")},
		{Name: "5 MB, allkeys-lru", Run: crowd("allkeys-lru")},
		{Name: "5 MB, volatile-lru", Run: crowd("volatile-lru")},
		{Name: "CLIENT KILL TYPE pubsub", Run: killClients("pubsub")},
		{Name: "CLIENT KILL TYPE normal", Run: killClients("normal")},
		{Name: "rubbish in records", Spares: true, Run: rubbish},
	}
}

// pauseServer stops a master for some bounds.
func pauseServer(bounds float64) func(context.Context, *Env, *rand.Rand) error {
	return func(ctx context.Context, e *Env, r *rand.Rand) error {
		m, err := anyMaster(ctx, e, r)
		if err != nil {
			return err
		}
		if err := m.Pause(); err != nil {
			return err
		}
		last(ctx, times(e.Bound, bounds))
		return errors.Join(m.Resume(), e.Servers.Settle(context.WithoutCancel(ctx)))
	}
}

func anyMaster(ctx context.Context, e *Env, r *rand.Rand) (*servers.Node, error) {
	masters, err := e.Servers.Masters(ctx)
	if err != nil {
		return nil, err
	}
	return masters[r.IntN(len(masters))], nil
}

// onMasters sends a command to every master.
func onMasters(command ...any) func(context.Context, *Env, *rand.Rand) error {
	return func(ctx context.Context, e *Env, _ *rand.Rand) error {
		masters, err := e.Servers.Masters(ctx)
		if err != nil {
			return err
		}
		for _, m := range masters {
			if err := m.Admin.Do(ctx, command...).Err(); err != nil {
				return fmt.Errorf("%v: %w", command, err)
			}
		}
		return nil
	}
}

// crowd leaves too little memory for a while.
func crowd(policy string) func(context.Context, *Env, *rand.Rand) error {
	return func(ctx context.Context, e *Env, r *rand.Rand) (err error) {
		set := onMasters("config", "set", "maxmemory-policy", policy, "maxmemory", "5mb")
		reset := onMasters("config", "set", "maxmemory", "0", "maxmemory-policy", "noeviction")
		defer func() { err = errors.Join(err, reset(context.WithoutCancel(ctx), e, r)) }()
		if err := set(ctx, e, r); err != nil {
			return err
		}
		last(ctx, between(r, 2*e.Bound, 8*e.Bound))
		return nil
	}
}

// killClients closes connections again and again.
func killClients(kind string) func(context.Context, *Env, *rand.Rand) error {
	return func(ctx context.Context, e *Env, r *rand.Rand) error {
		masters, err := e.Servers.Masters(ctx)
		if err != nil {
			return err
		}
		for range 1 + r.IntN(8) {
			for _, m := range masters {
				if err := killOf(ctx, m, kind); err != nil {
					return err
				}
			}
			last(ctx, between(r, e.Bound/20, e.Bound/2))
		}
		return nil
	}
}

// killOf closes the connections of a kind, except those of sentinels: cut off from the master, they would put another in its place.
func killOf(ctx context.Context, m *servers.Node, kind string) error {
	list, err := m.Admin.Do(ctx, "client", "list", "type", kind).Text()
	if err != nil {
		return fmt.Errorf("CLIENT LIST: %w", err)
	}
	args := []any{"client", "kill", "type", kind, "id", 0}
	for line := range strings.Lines(list) {
		id, _, ok := strings.Cut(strings.TrimPrefix(line, "id="), " ")
		if !ok || strings.Contains(line, " name=sentinel-") {
			continue
		}
		args[len(args)-1] = id
		if err := m.Admin.Do(ctx, args...).Err(); err != nil && !strings.Contains(err.Error(), "No such client") {
			return fmt.Errorf("CLIENT KILL: %w", err)
		}
	}
	return nil
}

// rubbish overwrites a part of some records.
func rubbish(ctx context.Context, e *Env, r *rand.Rand) error {
	masters, err := e.Servers.Masters(ctx)
	if err != nil {
		return err
	}
	for range 50 {
		m := masters[r.IntN(len(masters))]
		key, err := m.Admin.RandomKey(ctx).Result()
		if err != nil || !strings.HasPrefix(key, e.Prefix) {
			continue // it may be empty
		}
		garbage := make([]byte, 1+r.IntN(16))
		for i := range garbage {
			garbage[i] = byte(r.Uint32())
		}
		size, err := m.Admin.StrLen(ctx, key).Result()
		if err != nil || size == 0 {
			continue
		}
		// Whoever deletes the key now finds it made anew of rubbish, without an end: that must be survived as well.
		if err := m.Admin.SetRange(ctx, key, r.Int64N(size), string(garbage)).Err(); err != nil {
			return fmt.Errorf("rubbish in %s: %w", key, err)
		}
	}
	return nil
}
