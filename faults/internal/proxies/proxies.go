// Package proxies puts a network that can be broken between instances and servers.
package proxies

import (
	"errors"
	"slices"
	"sync"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

// A Role is what a connection of an instance is for.
type Role int

const (
	Data         Role = iota // commands
	Subscription             // pub/sub
	roles
)

// A Route is where an instance finds a server: the numbers of the ports of two proxies in front of it.
type Route [roles]int

// A Board is where the ports of the proxies are posted. A proxy that is replaced gets another port.
type Board interface {
	SetPort(n, port int)
}

// A Toxic is something bad that happens to the bytes on a connection.
type Toxic struct {
	Type       string         `json:"type"`
	Stream     string         `json:"stream"` // upstream: to the server; downstream: from it
	Attributes map[string]any `json:"attributes"`
}

// A Network is a proxy for each instance, server and role. Its methods may be called by many goroutines at once.
type Network struct {
	server *toxiproxy.ApiServer
	board  Board
	lines  map[end]*line // not changed after New
}

// An end is where a line begins and ends.
type end struct {
	instance int
	addr     string
	role     Role
}

// New starts the proxies between instances, which are numbered from 0, and the servers at addrs.
func New(instances int, addrs []string, board Board) (*Network, error) {
	zerolog.SetGlobalLevel(zerolog.Disabled) // some toxics log past the logger that they are given
	n := &Network{
		server: toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop()),
		board:  board,
		lines:  make(map[end]*line),
	}
	for i := range instances {
		for _, addr := range addrs {
			for role := range roles {
				l := &line{network: n, addr: addr, number: len(n.lines)}
				if err := l.open(); err != nil {
					n.Close()
					return nil, err
				}
				n.lines[end{i, addr, role}] = l
			}
		}
	}
	return n, nil
}

// Close stops the proxies and closes what goes through them.
func (n *Network) Close() {
	for _, l := range n.lines {
		l.abandon()
	}
}

// Routes returns where instance finds the servers, by their own addresses.
func (n *Network) Routes(instance int) map[string]Route {
	routes := make(map[string]Route)
	for e, l := range n.lines {
		if e.instance == instance {
			r := routes[e.addr]
			r[e.role] = l.number
			routes[e.addr] = r
		}
	}
	return routes
}

// Poison lets toxics happen to all connections of instance that have one of the roles, until Heal.
func (n *Network) Poison(instance int, in []Role, toxics ...Toxic) error {
	return n.each(instance, func(role Role, l *line) error {
		if !slices.Contains(in, role) {
			return nil
		}
		return l.poison(toxics)
	})
}

// Heal ends all that Poison has done to instance.
func (n *Network) Heal(instance int) error {
	return n.each(instance, func(_ Role, l *line) error { return l.heal() })
}

// Mend repairs what has suffered from servers that were paused or gone. It is called when they are all back.
func (n *Network) Mend() error {
	return n.each(everyone, func(_ Role, l *line) error { return l.mend() })
}

// everyone stands for all instances.
const everyone = -1

// each calls f for all lines of an instance at once.
func (n *Network) each(instance int, f func(Role, *line) error) error {
	var done sync.WaitGroup
	var mu sync.Mutex
	var errs []error
	for e, l := range n.lines {
		if instance != everyone && e.instance != instance {
			continue
		}
		done.Go(func() {
			err := f(e.role, l)
			mu.Lock()
			defer mu.Unlock()
			errs = append(errs, err)
		})
	}
	done.Wait()
	return errors.Join(errs...)
}
