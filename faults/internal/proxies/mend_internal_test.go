package proxies

import (
	"net"
	"sync"
	"testing"
)

// ports is a board.
type ports struct{ m sync.Map }

func (p *ports) SetPort(n, port int) { p.m.Store(n, port) }

func (p *ports) of(n int) any { port, _ := p.m.Load(n); return port }

func TestMendReplacesTheProxiesThatLetNothingThrough(t *testing.T) {
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("Listen: %v", err)
	}
	defer server.Close()
	go func() {
		for {
			conn, err := server.Accept()
			if err != nil {
				return
			}
			conn.Write([]byte("+PONG\r\n"))
			conn.Close()
		}
	}()
	addr := server.Addr().String()
	var board ports
	n, err := New(1, []string{addr}, &board)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	defer n.Close()
	route := n.Routes(0)[addr]
	broken, whole := board.of(route[Data]), board.of(route[Subscription])
	l := n.lines[end{0, addr, Data}]
	l.proxy.Stop()
	if err := n.Mend(); err != nil {
		t.Fatalf("Mend: %v", err)
	}
	if got := board.of(route[Data]); got == broken || !answers(l.proxy.Listen) {
		t.Errorf("the broken proxy has port %v, had %v, answers %t, want another that answers", got, broken, answers(l.proxy.Listen))
	}
	if got := board.of(route[Subscription]); got != whole {
		t.Errorf("the other proxy has port %v, want %v as before", got, whole)
	}
}

func TestMendLeavesToxicProxiesAlone(t *testing.T) {
	var board ports
	n, err := New(1, []string{"127.0.0.1:1"}, &board) // where nobody answers
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	defer n.Close()
	route := n.Routes(0)["127.0.0.1:1"]
	toxic, other := board.of(route[Data]), board.of(route[Subscription])
	if err := n.Poison(0, []Role{Data}, Toxic{Type: "timeout", Stream: "upstream", Attributes: map[string]any{"timeout": 0}}); err != nil {
		t.Fatalf("Poison: %v", err)
	}
	if err := n.Mend(); err != nil {
		t.Fatalf("Mend: %v", err)
	}
	if got := board.of(route[Data]); got != toxic {
		t.Errorf("the toxic proxy has port %v, want %v as before", got, toxic)
	}
	if got := board.of(route[Subscription]); got == other {
		t.Errorf("the other proxy still has port %v", got)
	}
}
