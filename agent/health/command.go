package health

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"
)

func (c *Checker) command(ctx context.Context, p Probe, timeout time.Duration) Outcome {
	var out tail
	cmd, err := c.build(p)
	if err == nil {
		err = run(ctx, cmd, &out)
	}
	var exit *exec.ExitError
	switch printed := out.String(); {
	case errors.Is(ctx.Err(), context.DeadlineExceeded) && err != nil:
		return Outcome{Code: -1, Message: join(fmt.Sprintf("killed, for it had not ended within %s", timeout), printed)}
	case err == nil:
		return Outcome{OK: true, Message: join("exit code 0", shorten(printed, maxMessage))}
	case errors.As(err, &exit):
		return Outcome{Code: exit.ExitCode(), Message: join(exit.Error(), printed)}
	default:
		return Outcome{Code: -1, Message: shorten(err.Error(), maxMessage)}
	}
}

// join puts what was printed after what happened.
func join(what, printed string) string {
	if printed == "" {
		return what
	}
	return what + ": " + printed
}

func (c *Checker) build(p Probe) (*exec.Cmd, error) {
	argv := p.Check.Command
	if len(argv) == 0 || argv[0] == "" {
		return nil, errors.New("the check has no command")
	}
	path, err := lookProgram(argv[0], p.Dir, p.Env)
	if err != nil {
		return nil, err
	}
	cmd := &exec.Cmd{
		Path: path, Args: argv, Dir: p.Dir,
		Env:         append(make([]string, 0, len(p.Env)+1), p.Env...), // not nil: that would be the agent's own
		SysProcAttr: &syscall.SysProcAttr{},
	}
	setUp(cmd)
	if p.User == "" {
		return cmd, nil
	}
	if c.runAs == nil {
		return nil, fmt.Errorf("cannot run the command as user %q: this agent does not switch users for checks", p.User)
	}
	if err := c.runAs(cmd, p.User); err != nil {
		return nil, fmt.Errorf("cannot run the command as user %q: %w", p.User, err)
	}
	return cmd, nil
}

// run runs cmd to its end, or kills its group when ctx is done first. What it prints goes to out, until it ended: what left
// its group is not waited for. The error is ctx's, or cmd's. The child is reaped
// here and only after the last signal to its group: until then the kernel gives its number to no other process.
func run(ctx context.Context, cmd *exec.Cmd, out *tail) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	// Where a child is told to die with its parent, the parent is the thread (prctl(2), PR_SET_PDEATHSIG): keep it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	g, err := startGroup(cmd, out)
	if err != nil {
		return fmt.Errorf("cannot run the command: %w", err)
	}
	defer g.close()
	var mu sync.Mutex
	ended := false
	cancelled := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(cancelled)
		mu.Lock()
		defer mu.Unlock()
		if !ended {
			g.kill()
		}
	})
	awaitExit(cmd)
	mu.Lock()
	ended = true
	g.kill() // what it left in the background
	mu.Unlock()
	err = cmd.Wait()
	if !stop() {
		<-cancelled
	}
	if errors.Is(err, exec.ErrWaitDelay) {
		err = nil // it ended well; what it started holds the pipe
	}
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// tail is an io.Writer that keeps the end of what is written, maxOutput bytes: that is where programs say what was wrong.
type tail struct {
	kept []byte
	cut  bool
}

func (t *tail) Write(p []byte) (int, error) {
	n := len(p)
	if len(p) > maxOutput {
		p, t.cut = p[len(p)-maxOutput:], true
	}
	if over := len(t.kept) + len(p) - maxOutput; over > 0 {
		t.kept, t.cut = append(t.kept[:0], t.kept[over:]...), true
	}
	t.kept = append(t.kept, p...)
	return n, nil
}

func (t *tail) String() string {
	s := shorten(string(t.kept), maxOutput)
	if t.cut {
		return "…" + s
	}
	return s
}
