package redisbus

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"
)

// identify finds out whether another server has taken over, or the same one after a restart. Then the store may have gone back, even
// if no log shows it:
//
//   - A log that has gone back may have grown again just to where it was, by events of others, or beyond that. Then it looks like one that
//     goes on, or like one of which messages are missing. What is lost was acknowledged to the process that sent it, and its
//     message has come to nobody.
//   - In a cluster the node that takes over may have lost what was deleted, while the log of it is on another node and goes on.
//
// So every poll looks. It is two microseconds of the server.
func (p *poller) identify(ctx context.Context, l *look) {
	if !slices.Contains(l.errs[:], nil) {
		return // no log could be read: it would be one more timeout
	}
	ctx, cancel := context.WithTimeout(ctx, p.cfg.Timeout)
	defer cancel()
	servers, cut := bounded(ctx, p.Bus, func(ctx context.Context) map[string]string { return p.runIDs(ctx) })
	answered := false
	for addr, id := range servers {
		answered = answered || id != ""
		if known, seen := p.servers[addr]; id == "" && seen {
			servers[addr] = known
		} else if id == "" {
			delete(servers, addr) // when it answers, it is a new one
		}
	}
	if cut != nil || !answered {
		return
	}
	another := false
	for addr, id := range servers {
		another = another || id != p.servers[addr]
	}
	if another && p.servers != nil {
		p.count.takeovers.Add(1)
		p.hub.gone()
	}
	p.servers = servers
}

// runIDs returns what identifies the running servers that are masters, by their address. Those that cannot be asked have none.
func (b *Bus) runIDs(ctx context.Context) map[string]string {
	var mu sync.Mutex
	ids := make(map[string]string)
	ask := func(ctx context.Context, node *redis.Client) error {
		id := ""
		if info, err := node.Info(ctx, "server").Result(); err == nil {
			_, after, _ := strings.Cut(info, "run_id:")
			id, _, _ = strings.Cut(after, "\r")
		}
		mu.Lock()
		defer mu.Unlock()
		ids[node.Options().Addr] = id
		return nil
	}
	switch c := b.rdb.(type) {
	case *redis.ClusterClient:
		_ = c.ForEachMaster(ctx, ask) // an error is one of the list of masters: nobody is asked then
	case *redis.Client:
		_ = ask(ctx, c)
	}
	return ids
}
