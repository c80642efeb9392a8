// Package redisproc runs redis-server processes on the loopback interface, each on a port of its own.
package redisproc

import (
	"bufio"
	"fmt"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tiercache/tiercache/internal/process"
)

const (
	patience = 30 * time.Second       // how long a server may take to come up on a busy machine
	poll     = 10 * time.Millisecond  // between two looks at it
	probing  = 500 * time.Millisecond // how long one look may take
	attempts = 5                      // ports tried before a server is given up
)

// A Server is one redis-server, and the processes that it has been. Its methods may be called by many goroutines at once, except that
// only one may be in Restart.
type Server struct {
	path string
	cfg  Config
	port int
	out  tail // of all processes that this server has been

	mu      sync.Mutex
	process *process.Process // guarded by mu; the current or the last one
}

// A Config says how to run a server.
type Config struct {
	Dir  string   // where it runs; required
	Conf string   // configuration file, or ""
	Args []string // after the port
}

// Start runs redis-server on a free port and waits until it answers. The caller ends it with Stop.
func Start(cfg Config) (*Server, error) {
	path, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, err
	}
	s := &Server{path: path, cfg: cfg}
	for range attempts {
		if s.port, err = freePort(); err != nil {
			continue
		}
		// The port was free a moment ago. Whoever took it since makes this fail, and another is tried.
		if err = s.launch(); err == nil {
			return s, nil
		}
	}
	return nil, err
}

// launch starts the process and waits until it answers.
func (s *Server) launch() error {
	var args []string
	if s.cfg.Conf != "" {
		args = append(args, s.cfg.Conf)
	}
	args = append(args, "--bind", "127.0.0.1", "--port", strconv.Itoa(s.port))
	cmd := exec.Command(s.path, append(args, s.cfg.Args...)...)
	cmd.Dir = s.cfg.Dir
	cmd.Stdout, cmd.Stderr = &s.out, &s.out
	p, err := process.Start(cmd)
	if err != nil {
		return fmt.Errorf("start %s: %w", s.path, err)
	}
	s.mu.Lock()
	s.process = p
	s.mu.Unlock()
	for deadline := time.Now().Add(patience); ; {
		pid, err := probe(s.Addr())
		switch {
		case err == nil && pid == p.Pid():
			return nil
		case p.Ended():
			return fmt.Errorf("redis-server on %s ended at once:\n%s", s.Addr(), &s.out)
		case time.Now().After(deadline):
			p.Kill()
			return fmt.Errorf("redis-server on %s does not answer (process %d, want %d): %v", s.Addr(), pid, p.Pid(), err)
		}
		select {
		case <-p.Done():
		case <-time.After(poll):
		}
	}
}

// probe returns the process id of the server at addr. An answer alone would not do: it may come from another server
// that was faster to take the port. A server that is loading its data does not count as up.
func probe(addr string) (pid int, err error) {
	conn, err := net.DialTimeout("tcp", addr, probing)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(probing)); err != nil {
		return 0, err
	}
	if _, err := conn.Write([]byte("INFO server\r\nPING\r\n")); err != nil {
		return 0, err
	}
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		if id, ok := strings.CutPrefix(lines.Text(), "process_id:"); ok {
			if pid, err = strconv.Atoi(id); err != nil {
				return 0, err
			}
		}
		switch {
		case lines.Text() == "+PONG":
			return pid, nil
		case strings.HasPrefix(lines.Text(), "-"):
			return 0, fmt.Errorf("%s: %s", addr, lines.Text())
		}
	}
	if err := lines.Err(); err != nil {
		return 0, err
	}
	return 0, fmt.Errorf("%s closed the connection", addr)
}

// freePort returns a port that is free, as is the one 10000 above it, which a cluster node uses as well.
func freePort() (int, error) {
	for range 100 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return 0, err
		}
		port := l.Addr().(*net.TCPAddr).Port
		l.Close()
		if port+10000 > 65535 {
			continue
		}
		bus, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port+10000)))
		if err != nil {
			continue
		}
		bus.Close()
		return port, nil
	}
	return 0, fmt.Errorf("no free pair of ports")
}

// Addr returns the address of the server, host:port. It never changes.
func (s *Server) Addr() string { return net.JoinHostPort("127.0.0.1", s.Port()) }

// Port returns the port of the server.
func (s *Server) Port() string { return strconv.Itoa(s.port) }

// Dir returns the directory in which the server runs.
func (s *Server) Dir() string { return s.cfg.Dir }

// Output returns the end of what the server has written.
func (s *Server) Output() string { return s.out.String() }

// Stop kills the server, as SIGKILL does, and waits until it is gone. To stop a server twice does nothing.
func (s *Server) Stop() { s.current().Kill() }

// Pause stops the process without closing its connections: it looks like a network that swallows everything. On systems that
// cannot do that the error is errors.ErrUnsupported.
func (s *Server) Pause() error { return s.current().Pause() }

// Resume lets a paused server go on.
func (s *Server) Resume() error { return s.current().Resume() }

// Restart starts the server again on the same port, killing it first where it still runs. It has the data that
// its configuration and its directory give it. A node of a cluster remembers its place there.
func (s *Server) Restart() error {
	s.Stop()
	var err error
	for range attempts {
		if err = s.launch(); err == nil {
			return nil
		}
	}
	return err
}

func (s *Server) current() *process.Process {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.process
}
