//go:build unix

package health

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// defaultPath is what a shell searches when its environment has no PATH.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// setUp gives cmd a process group of its own. It stays in the agent's session: a session leader with the marker of the
// instance would be taken for the instance itself by an agent that looks for what an earlier one left.
func setUp(cmd *exec.Cmd) {
	cmd.SysProcAttr.Setpgid = true
	endWithAgent(cmd.SysProcAttr)
	if dir, err := filepath.Abs(cmd.Dir); err == nil && cmd.Dir != "" {
		cmd.Env = append(cmd.Env, "PWD="+dir)
	}
}

// group is a command with all that it starts, and the pipe that all of it prints to.
type group struct {
	cmd  *exec.Cmd
	pipe *os.File
	out  *tail
	done chan struct{} // closed when out is no longer written to
}

func startGroup(cmd *exec.Cmd, out *tail) (group, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return group{}, err
	}
	defer w.Close()
	g := group{cmd: cmd, pipe: r, out: out, done: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = w, w
	if err := cmd.Start(); err != nil {
		r.Close()
		return group{}, err
	}
	go func() {
		defer close(g.done)
		_, _ = io.Copy(out, r) // until nobody can write any more, or close
	}()
	return g, nil
}

// kill kills all that is left of the group. The caller has not reaped the command yet.
func (g group) kill() {
	_ = syscall.Kill(-g.cmd.Process.Pid, syscall.SIGKILL) // fails only where nothing is left, or all of it is another user's
}

// close takes what is still in the pipe, and waits for no more: what left the group may hold it open for ever.
func (g group) close() {
	defer g.pipe.Close()
	_ = g.pipe.SetReadDeadline(time.Now()) // a pipe has deadlines
	<-g.done
	_ = g.pipe.SetReadDeadline(time.Time{})
	conn, err := g.pipe.SyscallConn()
	if err != nil {
		return
	}
	block := make([]byte, 64<<10)
	for range maxPipe / len(block) {
		n := 0
		err := conn.Read(func(fd uintptr) bool {
			n, _ = syscall.Read(int(fd), block) // does not block: the pipe is the poller's
			return true
		})
		if err != nil || n <= 0 {
			return
		}
		_, _ = g.out.Write(block[:n]) // never fails
	}
}

// maxPipe is more than a pipe holds (pipe(7)).
const maxPipe = 1 << 20

// lookProgram finds the file of a program as execvp(3) does, with the child's PATH and from the child's directory.
func lookProgram(name, dir string, env []string) (string, error) {
	if strings.Contains(name, "/") {
		return name, nil // if relative, then to dir
	}
	path := defaultPath
	for _, kv := range env {
		if v, ok := strings.CutPrefix(kv, "PATH="); ok {
			path = v
		}
	}
	for _, folder := range filepath.SplitList(path) {
		p := folder + "/" + name
		if folder == "" {
			p = "./" + name
		}
		file := p
		if !filepath.IsAbs(p) {
			file = filepath.Join(dir, p)
		}
		if st, err := os.Stat(file); err == nil && !st.IsDir() && st.Mode()&0o111 != 0 {
			return p, nil
		}
	}
	return "", fmt.Errorf("cannot find the program %q: %w", name, errors.New("not in PATH="+path))
}
