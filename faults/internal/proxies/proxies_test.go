package proxies_test

import (
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/tiercache/tiercache/faults/internal/proxies"
)

// board is where a test finds the ports.
type board struct{ ports sync.Map }

func (b *board) SetPort(n, port int) { b.ports.Store(n, port) }

// dial connects to the proxy of a role.
func (b *board) dial(t *testing.T, r proxies.Route, role proxies.Role) net.Conn {
	t.Helper()
	port, _ := b.ports.Load(r[role])
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatalf("Dial: %v", err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// echo returns what comes back for a word, or an error when nothing does.
func echo(conn net.Conn, word string) (string, error) {
	if err := conn.SetDeadline(time.Now().Add(200 * time.Millisecond)); err != nil {
		return "", err
	}
	if _, err := conn.Write([]byte(word)); err != nil {
		return "", err
	}
	got := make([]byte, len(word))
	_, err := io.ReadFull(conn, got)
	return string(got), err
}

// startEcho starts a server that sends back what it gets.
func startEcho(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("Listen: %v", err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go io.Copy(conn, conn)
		}
	}()
	return l.Addr().String()
}

func TestOneRoleOfOneInstanceIsSilencedAndHealed(t *testing.T) {
	addr := startEcho(t)
	var b board
	n, err := proxies.New(2, []string{addr}, &b)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	defer n.Close()
	victim, other := n.Routes(0)[addr], n.Routes(1)[addr]
	silence := proxies.Toxic{Type: "timeout", Stream: "downstream", Attributes: map[string]any{"timeout": 0}}
	if err := n.Poison(0, []proxies.Role{proxies.Subscription}, silence); err != nil {
		t.Fatalf("Poison: %v", err)
	}
	if got, err := echo(b.dial(t, victim, proxies.Subscription), "word"); err == nil {
		t.Errorf("echo = %q through a silent proxy", got)
	}
	for _, conn := range []net.Conn{b.dial(t, victim, proxies.Data), b.dial(t, other, proxies.Subscription)} {
		if got, err := echo(conn, "word"); got != "word" || err != nil {
			t.Errorf("echo = %q, %v through another proxy, want word", got, err)
		}
	}
	if err := n.Heal(0); err != nil {
		t.Fatalf("Heal: %v", err)
	}
	if got, err := echo(b.dial(t, victim, proxies.Subscription), "word"); got != "word" || err != nil {
		t.Errorf("echo = %q, %v after Heal, want word", got, err)
	}
}

// A proxy that sends to a client that is gone, or reads nothing, may never answer. There must be one that works all the same.
func TestProxyThatHangsIsReplaced(t *testing.T) {
	addr := startEcho(t)
	var b board
	n, err := proxies.New(1, []string{addr}, &b)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	defer n.Close()
	route := n.Routes(0)[addr]
	slices := proxies.Toxic{Type: "slicer", Stream: "downstream", Attributes: map[string]any{"average_size": 8, "size_variation": 7, "delay": 20}}
	if err := n.Poison(0, []proxies.Role{proxies.Data}, slices); err != nil {
		t.Fatalf("Poison: %v", err)
	}
	conn := b.dial(t, route, proxies.Data)
	go io.Copy(conn, zeros{}) // and nobody reads what comes back
	for deadline := time.Now().Add(10 * time.Second); ; {
		began := time.Now()
		if err := n.Heal(0); err != nil {
			t.Fatalf("Heal: %v", err)
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("Heal took %v", took)
		}
		got, err := echo(b.dial(t, route, proxies.Data), "word")
		if got == "word" && err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("echo = %q, %v, want word", got, err)
		}
	}
}

// zeros never end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }
