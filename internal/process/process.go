// Package process runs child processes that do not outlive their parent, and can be paused.
package process

import (
	"os/exec"
	"runtime"
)

// A Process is a child process. Its methods may be called by many goroutines at once.
type Process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
}

// Start starts cmd, whose SysProcAttr it sets. On Linux the child is killed when this process ends, however it does.
// The caller must not use cmd any more.
func Start(cmd *exec.Cmd) (*Process, error) {
	p := &Process{cmd: cmd, done: make(chan struct{})}
	cmd.SysProcAttr = dieWithParent()
	started := make(chan error, 1)
	go func() {
		// Linux ends the child when the thread that started it ends, not when the parent does, so
		// that thread is held for as long as the child runs.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		_ = cmd.Wait() // it is killed in the end, which is an error
		close(p.done)
	}()
	return p, <-started
}

// Pid returns the id of the process.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Kill ends the process, paused or not, and waits until it is gone. To kill a process twice does nothing.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // it may have ended by itself
	<-p.done
}

// Done returns a channel that is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Ended reports whether the process has ended.
func (p *Process) Ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// Pause stops the process without ending it, as SIGSTOP does. Its connections stay open and silent. On systems that cannot do that
// the error is errors.ErrUnsupported.
func (p *Process) Pause() error { return pause(p.cmd.Process) }

// Resume lets a paused process go on.
func (p *Process) Resume() error { return resume(p.cmd.Process) }
