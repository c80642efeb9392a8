package source

// Ports is how many ports a Source can hold.
const Ports = 4096

// Port returns port number n. It is 0 until SetPort was called.
func (s *Source) Port(n int) int { return int(s.table.ports[n].Load()) }

// SetPort changes port number n: where all processes find what the number stands for from now on.
func (s *Source) SetPort(n, port int) { s.table.ports[n].Store(uint32(port)) }
