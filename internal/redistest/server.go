package redistest

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	patience = 30 * time.Second       // how long anything may take to come up on a busy machine
	poll     = 10 * time.Millisecond  // between two looks at it
	probing  = 500 * time.Millisecond // how long one look may take
	attempts = 5                      // ports tried before a server is given up
)

// A Server is one redis-server process.
type Server struct {
	t    testing.TB
	path string
	dir  string
	port int
	conf string   // configuration file, or ""
	args []string // after the port
	out  tail     // of all processes that this server has been

	mu      sync.Mutex
	process *process // guarded by mu; the current or the last one
}

// Single starts a redis-server that keeps nothing on disk. It ends with the test.
func Single(t testing.TB) *Server {
	t.Helper()
	return startStore(t)
}

// startStore runs a server of data that keeps nothing on disk and lets replicas in at once.
func startStore(t testing.TB, args ...string) *Server {
	t.Helper()
	return start(t, "", append([]string{"--save", "", "--appendonly", "no", "--repl-diskless-sync-delay", "0"}, args...)...)
}

// start runs redis-server on a free port.
func start(t testing.TB, conf string, args ...string) *Server {
	t.Helper()
	s := &Server{t: t, path: executable(t), dir: t.TempDir(), conf: conf, args: args}
	t.Cleanup(s.cleanup)
	var err error
	for range attempts {
		if s.port, err = freePort(); err != nil {
			continue
		}
		// The port was free a moment ago. Whoever took it since makes this fail, and another is tried.
		if err = s.launch(); err == nil {
			return s
		}
	}
	t.Fatalf("redistest: %v", err)
	return nil
}

// executable returns the path of redis-server, or ends the test.
func executable(t testing.TB) string {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	switch {
	case err == nil:
	case os.Getenv("TIERCACHE_REQUIRE_REDIS") != "":
		t.Fatalf("redistest: TIERCACHE_REQUIRE_REDIS is set, but there is no redis-server: %v", err)
	default:
		t.Skip("redistest: no redis-server on PATH; install Redis to run this test")
	}
	return path
}

// launch starts the process and waits until it answers.
func (s *Server) launch() error {
	var args []string
	if s.conf != "" {
		args = append(args, s.conf)
	}
	args = append(args, "--bind", "127.0.0.1", "--port", strconv.Itoa(s.port))
	p, err := launch(s.path, s.dir, append(args, s.args...), &s.out)
	if err != nil {
		return fmt.Errorf("start %s: %w", s.path, err)
	}
	s.mu.Lock()
	s.process = p
	s.mu.Unlock()
	for deadline := time.Now().Add(patience); ; {
		pid, err := probe(s.Addr())
		switch {
		case err == nil && pid == p.cmd.Process.Pid:
			return nil
		case p.ended():
			return fmt.Errorf("redis-server on %s ended at once:\n%s", s.Addr(), &s.out)
		case time.Now().After(deadline):
			p.kill()
			return fmt.Errorf("redis-server on %s does not answer (process %d, want %d): %v", s.Addr(), pid, p.cmd.Process.Pid, err)
		}
		select {
		case <-p.done:
		case <-time.After(poll):
		}
	}
}

// probe returns the process id of the server at addr. An answer alone would not do: it may come from a server of
// another test that was faster to take the port.
func probe(addr string) (pid int, err error) {
	conn, err := net.DialTimeout("tcp", addr, probing)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(probing)); err != nil {
		return 0, err
	}
	if _, err := conn.Write([]byte("INFO server\r\n")); err != nil {
		return 0, err
	}
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		if id, ok := strings.CutPrefix(lines.Text(), "process_id:"); ok {
			return strconv.Atoi(id)
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
func (s *Server) Addr() string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port))
}

// Client returns a new client, which is closed with the test. It has the defaults of go-redis, without
// maintenance notifications, where opts do not change them.
func (s *Server) Client(opts ...func(*redis.Options)) *redis.Client {
	return newClient(s.t, s.Addr(), opts)
}

// Stop kills the server, as SIGKILL does, and waits until it is gone. To stop a server twice does nothing.
func (s *Server) Stop() { s.current().kill() }

// Pause stops the process without closing its connections: it looks like a network that swallows
// everything. The test is skipped on systems that cannot do that.
func (s *Server) Pause() {
	s.t.Helper()
	if err := pause(s.current().cmd.Process); err != nil {
		s.t.Skipf("redistest: pause redis-server: %v", err)
	}
}

// Resume lets a paused server go on.
func (s *Server) Resume() {
	s.t.Helper()
	if err := resume(s.current().cmd.Process); err != nil {
		s.t.Fatalf("redistest: resume redis-server: %v", err)
	}
}

// Restart starts the server again on the same port, with no data, killing it first where it still runs. A
// node of a cluster remembers its place there.
func (s *Server) Restart() {
	s.t.Helper()
	s.Stop()
	var err error
	for range attempts {
		if err = s.launch(); err == nil {
			return
		}
	}
	s.t.Fatalf("redistest: restart: %v", err)
}

func (s *Server) current() *process {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.process
}

func (s *Server) cleanup() {
	if p := s.current(); p != nil {
		p.kill()
	}
	if s.t.Failed() {
		s.t.Logf("redis-server on %s wrote:\n%s", s.Addr(), &s.out)
	}
}

// eventually polls ok until it returns nil, and fails the test with its last error after a while.
func eventually(t testing.TB, what string, ok func() error) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; {
		err := ok()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("redistest: %s: %v", what, err)
		}
		time.Sleep(poll)
	}
}
