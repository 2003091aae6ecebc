//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"stathub/localstack/harness"
	"stathub/state"
)

// node is the name of the node, of this run alone: so is what is named after it.
func (a *agent) node() string { return filepath.Base(a.dir) }

// agent is the agent that is proved, and the folders it works with.
type agent struct {
	program string
	dir     string // of the run
	port    int
	cmd     *exec.Cmd
	ended   chan error
	log     *os.File
}

func (a *agent) store() string  { return filepath.Join(a.dir, "store") }
func (a *agent) bucket() string { return filepath.Join(a.dir, "bucket") }

func newAgent(ctx context.Context, program, dir string) (*agent, error) {
	if program == "" {
		program = filepath.Join(dir, "stathub-agent")
		build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", program, "stathub/agent/stathub-agent")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("cannot build the agent: %w\n%s", err, out)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	defer l.Close()
	log, err := os.Create(filepath.Join(dir, "agent.log"))
	if err != nil {
		return nil, err
	}
	return &agent{program: program, dir: dir, port: l.Addr().(*net.TCPAddr).Port, log: log}, nil
}

func (a *agent) start() error {
	a.cmd = exec.Command(a.program, "--node.id="+a.node(), "--server.port="+strconv.Itoa(a.port), "--store.directory="+a.store(),
		"--state.url=file://"+a.bucket())
	a.cmd.Stdout, a.cmd.Stderr = a.log, a.log
	a.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a Ctrl-C is the soak's, which then ends the agent
	if err := a.cmd.Start(); err != nil {
		return err
	}
	a.ended = make(chan error, 1)
	go func(cmd *exec.Cmd, ended chan error) { ended <- cmd.Wait() }(a.cmd, a.ended)
	return nil
}

// kill ends the agent with SIGKILL; an agent that had ended by itself is an error.
func (a *agent) kill() error {
	select {
	case err := <-a.ended:
		return fmt.Errorf("the agent ended by itself: %v; see %s", err, a.log.Name())
	default:
	}
	if err := a.cmd.Process.Kill(); err != nil {
		return err
	}
	<-a.ended
	return nil
}

// stop ends the agent as its owner would; it removes its control groups then, if nothing runs in them.
func (a *agent) stop() error {
	if err := a.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case err := <-a.ended:
		return err
	case <-time.After(30 * time.Second):
		return errors.Join(errors.New("the agent does not end at SIGTERM"), a.kill())
	}
}

// apply replaces the manifest as a careful person would.
func (a *agent) apply(entries []state.ManifestEntry) error {
	path := filepath.Join(a.bucket(), "manifests", a.node()+".json")
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return err
	}
	temp := filepath.Join(a.dir, "manifest.new")
	if err := os.WriteFile(temp, state.Encode(state.Manifest{Node: a.node(), Apps: entries}), 0o640); err != nil {
		return err
	}
	return os.Rename(temp, path)
}

// procs gives the instances as the agent tells of them.
func (a *agent) procs(ctx context.Context) ([]state.Proc, error) {
	var all []state.Proc
	_, err := harness.Call(ctx, "GET", a.url("/v1/proc"), nil, &all)
	return all, err
}

// tail gives the last lines of an instance's output.
func (a *agent) tail(ctx context.Context, pid, lines int) (string, error) {
	req, err := http.NewRequestWithContext(ctx, "GET", a.url(fmt.Sprintf("/v1/proc/%d/_stdout?tail=%d", pid, lines)), nil)
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s: %s: %s", req.URL, resp.Status, data)
	}
	return string(data), err
}

func (a *agent) url(path string) string { return fmt.Sprintf("http://127.0.0.1:%d%s", a.port, path) }

// dump ends the agent with SIGQUIT, at which a Go program prints its goroutines, and counts them.
func (a *agent) dump() (goroutines int, err error) {
	from, err := a.log.Seek(0, io.SeekEnd)
	if err != nil {
		return 0, err
	}
	if err := a.cmd.Process.Signal(syscall.SIGQUIT); err != nil {
		return 0, err
	}
	<-a.ended
	data, err := os.ReadFile(a.log.Name())
	if err != nil {
		return 0, err
	}
	return strings.Count(string(data[from:]), "\ngoroutine "), nil
}

// wipe empties the store directory.
func (a *agent) wipe() error {
	entries, err := os.ReadDir(a.store())
	if err != nil {
		return err
	}
	for _, e := range entries {
		path := filepath.Join(a.store(), e.Name())
		err := os.RemoveAll(path)
		for range 100 {
			if err == nil {
				break
			}
			err = os.RemoveAll(path) // the agent wrote there at the very moment
		}
		if err != nil {
			return err
		}
	}
	return nil
}
