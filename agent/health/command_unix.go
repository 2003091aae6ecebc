//go:build unix

package health

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
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

// group is a command with all that it starts.
type group struct{ cmd *exec.Cmd }

func startGroup(cmd *exec.Cmd) (group, error) { return group{cmd}, cmd.Start() }

// kill kills all that is left of the group. The caller has not reaped the command yet.
func (g group) kill() {
	_ = syscall.Kill(-g.cmd.Process.Pid, syscall.SIGKILL) // fails only where nothing is left, or all of it is another user's
}

func (group) close() {}

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
