package redistest

import "syscall"

// dieWithParent asks the kernel to kill a server whose test binary was killed.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
