package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// child is one program of the stack: this executable in another role.
type child struct {
	name string
	args []string // role first
	env  []string
	log  string // file that gets its output
}

const (
	stopTimeout  = 30 * time.Second // an agent may have to wait for its processes
	restartDelay = 2 * time.Second
)

// guard keeps the child running until ctx ends, then stops it and waits for its end. say tells the user what happens.
func (c *child) guard(ctx context.Context, say func(format string, args ...any)) error {
	for {
		err := c.run(ctx)
		if ctx.Err() != nil {
			return err
		}
		say("%s ended (%v); starting it again in %s; its log: %s", c.name, err, restartDelay, c.log)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(restartDelay):
		}
	}
}

// run runs the child once. When ctx ends it closes the child's standard input, which tells it to stop.
func (c *child) run(ctx context.Context) error {
	exe, err := os.Executable()
	if err != nil {
		return fmt.Errorf("cannot find this program's own file: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(c.log), 0o750); err != nil {
		return err
	}
	log, err := os.OpenFile(c.log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(exe, c.args...)
	cmd.Env = append(os.Environ(), c.env...)
	cmd.Stdout, cmd.Stderr = log, log
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("cannot start %s: %w", c.name, err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		return errorOr(err, "exit status 0")
	case <-ctx.Done():
		return c.stop(cmd, stdin, ended)
	}
}

func (c *child) stop(cmd *exec.Cmd, stdin io.Closer, ended <-chan error) error {
	stdin.Close()
	select {
	case err := <-ended:
		if err != nil {
			return fmt.Errorf("%s: %w; its log: %s", c.name, err, c.log)
		}
		return nil
	case <-time.After(stopTimeout):
		cmd.Process.Kill()
		<-ended
		return fmt.Errorf("%s did not stop within %s and was killed; its log: %s", c.name, stopTimeout, c.log)
	}
}

func errorOr(err error, text string) error {
	if err != nil {
		return err
	}
	return fmt.Errorf("%s", text)
}
