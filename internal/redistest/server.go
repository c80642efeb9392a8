package redistest

import (
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tiercache/tiercache/internal/redisproc"
)

const (
	patience = 30 * time.Second      // how long anything may take to come up on a busy machine
	poll     = 10 * time.Millisecond // between two looks at it
)

// A Server is one redis-server process.
type Server struct {
	t testing.TB
	p *redisproc.Server
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
	needExecutable(t)
	p, err := redisproc.Start(redisproc.Config{Dir: t.TempDir(), Conf: conf, Args: args})
	if err != nil {
		t.Fatalf("redistest: %v", err)
	}
	s := &Server{t: t, p: p}
	t.Cleanup(s.cleanup)
	return s
}

// needExecutable ends the test where there is no redis-server.
func needExecutable(t testing.TB) {
	t.Helper()
	_, err := exec.LookPath("redis-server")
	switch {
	case err == nil:
	case os.Getenv("TIERCACHE_REQUIRE_REDIS") != "":
		t.Fatalf("redistest: TIERCACHE_REQUIRE_REDIS is set, but there is no redis-server: %v", err)
	default:
		t.Skip("redistest: no redis-server on PATH; install Redis to run this test")
	}
}

// Addr returns the address of the server, host:port. It never changes.
func (s *Server) Addr() string { return s.p.Addr() }

// Client returns a new client, which is closed with the test. It has the defaults of go-redis, without
// maintenance notifications, where opts do not change them.
func (s *Server) Client(opts ...func(*redis.Options)) *redis.Client {
	return newClient(s.t, s.Addr(), opts)
}

// Stop kills the server, as SIGKILL does, and waits until it is gone. To stop a server twice does nothing.
func (s *Server) Stop() { s.p.Stop() }

// Pause stops the process without closing its connections: it looks like a network that swallows
// everything. The test is skipped on systems that cannot do that.
func (s *Server) Pause() {
	s.t.Helper()
	if err := s.p.Pause(); err != nil {
		s.t.Skipf("redistest: pause redis-server: %v", err)
	}
}

// Resume lets a paused server go on.
func (s *Server) Resume() {
	s.t.Helper()
	if err := s.p.Resume(); err != nil {
		s.t.Fatalf("redistest: resume redis-server: %v", err)
	}
}

// Restart starts the server again on the same port, with no data, killing it first where it still runs. A
// node of a cluster remembers its place there.
func (s *Server) Restart() {
	s.t.Helper()
	if err := s.p.Restart(); err != nil {
		s.t.Fatalf("redistest: restart: %v", err)
	}
}

func (s *Server) cleanup() {
	s.p.Stop()
	if s.t.Failed() {
		s.t.Logf("redis-server on %s wrote:\n%s", s.Addr(), s.p.Output())
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
