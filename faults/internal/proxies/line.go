package proxies

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/Shopify/toxiproxy/v2"
)

// patience is how long a proxy may take to change its toxics.
const patience = time.Second

// A line is one proxy, and those that have taken its place.
//
// A proxy changes the toxics of a connection by interrupting those that it has, and waits for ever for one that is about to hand data on to
// an end that is gone. That happens where connections are given up in the middle, which is all the time here. Such a proxy is left
// alone with its connections, which are silent then, and another takes its place for new ones.
//
// Nor does a proxy come back to itself when a server was paused: thousands of connections wait by then that nobody is interested in any
// more, and while it takes them one by one, those who wait behind them give up as well.
type line struct {
	network *Network
	addr    string // of the server
	number  int    // of its port

	mu    sync.Mutex       // held while the proxy is changed
	proxy *toxiproxy.Proxy // guarded by mu
	toxic bool             // guarded by mu
}

// open starts a proxy without toxics.
func (l *line) open() error {
	p := toxiproxy.NewProxy(l.network.server, strconv.Itoa(l.number), "127.0.0.1:0", l.addr)
	if err := p.Start(); err != nil {
		return fmt.Errorf("proxies: %w", err)
	}
	_, port, err := net.SplitHostPort(p.Listen)
	if err != nil {
		return fmt.Errorf("proxies: %w", err)
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		return fmt.Errorf("proxies: %w", err)
	}
	l.proxy, l.toxic = p, false
	l.network.board.SetPort(l.number, number)
	return nil
}

// abandon stops the proxy as far as it can be stopped.
func (l *line) abandon() {
	stopped := make(chan struct{})
	go func(p *toxiproxy.Proxy) {
		defer close(stopped)
		p.Stop()
	}(l.proxy)
	inTime(stopped)
}

// poison adds toxics.
func (l *line) poison(toxics []Toxic) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.toxic = true
	added := make(chan struct{})
	var err error
	go func() {
		defer close(added)
		err = addAll(l.proxy, toxics)
	}()
	if inTime(added) {
		return err
	}
	l.abandon()
	if err := l.open(); err != nil {
		return err
	}
	l.toxic = true
	return addAll(l.proxy, toxics) // it has no connections yet, so nothing to wait for
}

func addAll(p *toxiproxy.Proxy, toxics []Toxic) error {
	for _, t := range toxics {
		text, err := json.Marshal(t)
		if err != nil {
			return err
		}
		if _, err := p.Toxics.AddToxicJson(bytes.NewReader(text)); err != nil {
			return fmt.Errorf("proxies: %s: %w", text, err)
		}
	}
	return nil
}

// mend puts another proxy in the place of one that lets nothing through though it has no toxics.
func (l *line) mend() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.toxic || answers(l.proxy.Listen) {
		return nil
	}
	l.abandon()
	return l.open()
}

// answers reports whether a server of Redis answers at addr.
func answers(addr string) bool {
	conn, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		return false
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience / 4)); err != nil {
		return false
	}
	if _, err := conn.Write([]byte("PING\r\n")); err != nil {
		return false
	}
	_, err = conn.Read(make([]byte, 1)) // whatever it says
	return err == nil
}

// heal removes all toxics.
func (l *line) heal() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.toxic {
		return nil
	}
	removed := make(chan struct{})
	go func(p *toxiproxy.Proxy) {
		defer close(removed)
		p.Toxics.ResetToxics(context.Background())
	}(l.proxy)
	if inTime(removed) {
		l.toxic = false
		return nil
	}
	l.abandon()
	return l.open()
}

// inTime waits for done, and reports false if that takes too long.
func inTime(done <-chan struct{}) bool {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
		return false
	}
}
