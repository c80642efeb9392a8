package harness

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"github.com/tiercache/tiercache/faults/internal/instance"
	"github.com/tiercache/tiercache/internal/process"
)

// answerWithin is how long an instance may take for a command: longer than a call of a cache that meets a broken Redis.
const answerWithin = 90 * time.Second

// A child is an instance as its parent sees it. Its methods may be called by many goroutines at once.
type child struct {
	*process.Process
	number int

	mu      sync.Mutex // held while a command is under way
	in      io.Writer
	answers chan instance.Reply
}

// startChild starts this program again, as an instance.
func startChild(cfg instance.Config, log io.Writer) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), instance.Env+"=1")
	cmd.Stderr = log
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	// The command itself copies what the instance writes, so that nothing is lost when it ends right after.
	out, copied := io.Pipe()
	cmd.Stdout = copied
	p, err := process.Start(cmd)
	if err != nil {
		return nil, err
	}
	c := &child{Process: p, number: cfg.Number, in: in, answers: make(chan instance.Reply, 1)}
	go func() {
		<-p.Done()
		_ = copied.Close() // it never fails
	}()
	go c.listen(out)
	if err := json.NewEncoder(in).Encode(cfg); err != nil {
		p.Kill()
		return nil, err
	}
	return c, nil
}

// listen hands on the answers until the process has ended. One that nobody has waited for makes those after it superfluous: the run is over.
func (c *child) listen(out io.Reader) {
	defer close(c.answers)
	for lines := json.NewDecoder(out); ; {
		var r instance.Reply
		if err := lines.Decode(&r); err != nil {
			return
		}
		select {
		case c.answers <- r:
		default:
		}
	}
}

// ask gives a command and waits for the answer. An instance that does not answer writes its stacks to the log and dies.
func (c *child) ask(ctx context.Context, command instance.Command) (instance.Reply, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fail := func(err error) (instance.Reply, error) {
		return instance.Reply{}, fmt.Errorf("instance %d: %s: %w", c.number, command, err)
	}
	if err := json.NewEncoder(c.in).Encode(command); err != nil {
		return fail(err)
	}
	timer := time.NewTimer(answerWithin)
	defer timer.Stop()
	select {
	case r, ok := <-c.answers:
		switch {
		case !ok:
			return fail(errors.New("it has ended"))
		case r.Error != "":
			return fail(errors.New(r.Error))
		}
		return r, nil
	case <-ctx.Done():
		return fail(ctx.Err())
	case <-timer.C:
		_ = syscall.Kill(c.Pid(), syscall.SIGQUIT) // it may have ended just now
		select {
		case <-c.Done():
		case <-time.After(5 * time.Second):
		}
		return fail(errors.New("no answer"))
	}
}
