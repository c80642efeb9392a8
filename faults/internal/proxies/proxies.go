// Package proxies puts a network that can be broken between instances and servers.
package proxies

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

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

// A Route is where an instance finds a server: the addresses of two proxies in front of it.
type Route [roles]string

// A Toxic is something bad that happens to the bytes on a connection.
type Toxic struct {
	Type       string         `json:"type"`
	Stream     string         `json:"stream"` // upstream: to the server; downstream: from it
	Attributes map[string]any `json:"attributes"`
}

// A Network is a proxy for each instance, server and role. Its methods may be called by many goroutines at once.
type Network struct {
	proxies map[end]*toxiproxy.Proxy // not changed after New
}

type end struct {
	instance int
	addr     string
	role     Role
}

// New starts the proxies between instances, which are numbered from 0, and the servers at addrs.
func New(instances int, addrs []string) (*Network, error) {
	zerolog.SetGlobalLevel(zerolog.Disabled) // some toxics log past the logger that they are given
	n := &Network{proxies: make(map[end]*toxiproxy.Proxy)}
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	for i := range instances {
		for _, addr := range addrs {
			for role := range roles {
				e := end{i, addr, role}
				p := toxiproxy.NewProxy(server, fmt.Sprint(e), "127.0.0.1:0", addr)
				if err := p.Start(); err != nil {
					n.Close()
					return nil, fmt.Errorf("proxies: %w", err)
				}
				n.proxies[e] = p
			}
		}
	}
	return n, nil
}

// Close stops the proxies and closes what goes through them.
func (n *Network) Close() {
	for _, p := range n.proxies {
		p.Stop()
	}
}

// Routes returns where instance finds the servers, by their own addresses.
func (n *Network) Routes(instance int) map[string]Route {
	routes := make(map[string]Route)
	for e, p := range n.proxies {
		if e.instance == instance {
			r := routes[e.addr]
			r[e.role] = p.Listen
			routes[e.addr] = r
		}
	}
	return routes
}

// Poison lets toxics happen to all connections of instance that have one of the roles, until Heal.
func (n *Network) Poison(instance int, in []Role, toxics ...Toxic) error {
	var errs []error
	for e, p := range n.proxies {
		for _, role := range in {
			if e.instance != instance || e.role != role {
				continue
			}
			for _, t := range toxics {
				text, err := json.Marshal(t)
				if err == nil {
					_, err = p.Toxics.AddToxicJson(bytes.NewReader(text))
				}
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(errs...)
}

// Heal ends all that Poison has done to instance.
func (n *Network) Heal(ctx context.Context, instance int) {
	for e, p := range n.proxies {
		if e.instance == instance {
			p.Toxics.ResetToxics(ctx)
		}
	}
}
