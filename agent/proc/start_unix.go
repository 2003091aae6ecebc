//go:build unix

package proc

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// defaultPath is what a shell searches when its environment has no PATH.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// launch is a Spec made ready for fork: nothing in it needs a decision any more.
type launch struct {
	path  string // the program's file
	argv  []string
	env   []string
	dir   string
	who   *account // nil: the agent's own
	files []*os.File
}

// prepare looks everything up and opens the files. The caller closes them.
func prepare(spec Spec) (*launch, error) {
	if len(spec.Argv) == 0 || spec.Argv[0] == "" {
		return nil, &StartError{Op: "find program", Err: errors.New("the command is empty")}
	}
	for _, s := range slices.Concat(spec.Argv, spec.Env, []string{spec.Dir}) {
		if strings.IndexByte(s, 0) >= 0 {
			return nil, &StartError{Op: "execute", Path: spec.Argv[0], Err: errors.New("an argument, variable or directory contains a NUL byte")}
		}
	}
	l := &launch{argv: slices.Clone(spec.Argv), dir: spec.Dir, env: slices.Clone(spec.Env)}
	var err error
	if l.who, err = lookupAccount(spec.User); err != nil {
		return nil, err
	}
	if spec.Dir != "" {
		if dir, err := filepath.Abs(spec.Dir); err == nil {
			l.env = append(l.env, "PWD="+dir)
		}
	}
	if l.who != nil {
		l.env = l.who.environ(l.env)
	}
	l.env = lastOfEach(l.env)
	if l.path, err = lookProgram(spec.Argv[0], spec.Dir, l.env); err != nil {
		if dirErr := l.checkDir(); dirErr != nil { // the likelier cause of a relative program that is missing
			return nil, dirErr
		}
		return nil, err
	}
	if err := l.open(spec.Stdout, spec.Stderr); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

// lastOfEach drops all but the last setting of each variable, since programs differ in which one they heed.
func lastOfEach(env []string) []string {
	seen := make(map[string]bool, len(env))
	out := make([]string, 0, len(env))
	for _, kv := range slices.Backward(env) {
		name, _, _ := strings.Cut(kv, "=")
		if !seen[name] {
			seen[name] = true
			out = append(out, kv)
		}
	}
	slices.Reverse(out)
	return out
}

// lookProgram finds the file of a program as execvp(3) does, with the child's PATH and from the child's directory.
func lookProgram(name, dir string, env []string) (string, error) {
	from := func(p string) string {
		if filepath.IsAbs(p) || dir == "" {
			return p
		}
		return filepath.Join(dir, p)
	}
	if strings.Contains(name, "/") {
		if err := executable(from(name)); err != nil {
			return "", &StartError{Op: "find program", Path: name, Err: err}
		}
		return name, nil // relative to dir: exec comes after chdir
	}
	path, ok := getenv(env, "PATH")
	if !ok {
		path = defaultPath
	}
	var denied error
	for _, folder := range filepath.SplitList(path) {
		if folder == "" {
			folder = "."
		}
		p := folder + "/" + name
		err := executable(from(p))
		if err == nil {
			return p, nil
		}
		if errors.Is(err, fs.ErrPermission) {
			denied = &StartError{Op: "find program", Path: p, Err: err}
		}
	}
	if denied != nil {
		return "", denied
	}
	return "", &StartError{Op: "find program", Path: name, Err: explain(fs.ErrNotExist, "not found in PATH=%s", path)}
}

func executable(path string) error {
	st, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return explain(err, "no such file")
	case err != nil:
		return bare(err)
	case st.IsDir():
		return explain(fs.ErrPermission, "is a directory")
	case st.Mode()&0o111 == 0:
		return explain(fs.ErrPermission, "permission denied: the file is not executable (mode %#o); chmod +x it", st.Mode().Perm())
	}
	return nil
}

// open opens stdin, stdout and stderr, in that order, close-on-exec: the fork gives the child its own copies.
func (l *launch) open(stdout, stderr string) error {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return &StartError{Op: "open", Path: os.DevNull, Err: bare(err)}
	}
	l.files = append(l.files, null)
	for _, name := range []string{stdout, stderr} {
		f := null
		switch {
		case name == "":
		case name == stdout && len(l.files) == 2:
			f = l.files[1]
		default:
			if f, err = os.OpenFile(name, os.O_WRONLY|os.O_APPEND|os.O_CREATE|syscall.O_NOCTTY, 0o640); err != nil {
				return &StartError{Op: "open log", Path: name, Err: bare(err)}
			}
		}
		l.files = append(l.files, f)
	}
	return nil
}

func (l *launch) close() {
	for _, f := range l.files {
		_ = f.Close() // duplicates fail the second time, harmlessly
	}
}

func (l *launch) fds() []uintptr {
	fds := make([]uintptr, len(l.files))
	for i, f := range l.files {
		fds[i] = f.Fd()
	}
	return fds
}

// fork starts the process in its own session, and so in its own group. A script without "#!" is given to the shell,
// as execvp(3) does.
func (l *launch) fork(sys *syscall.SysProcAttr) (pid int, err error) {
	sys.Setsid = true
	if l.who != nil {
		sys.Credential = l.who.credential
	}
	attr := &syscall.ProcAttr{Dir: l.dir, Env: l.env, Files: l.fds(), Sys: sys}
	pid, err = syscall.ForkExec(l.path, l.argv, attr)
	if errors.Is(err, syscall.ENOEXEC) && l.isText() {
		argv := append([]string{"/bin/sh", l.path}, l.argv[1:]...)
		pid, err = syscall.ForkExec(argv[0], argv, attr)
	}
	if err != nil {
		return 0, l.diagnose(err)
	}
	return pid, nil
}

// isText says whether the program looks like a script: no NUL byte in what an interpreter would read first.
func (l *launch) isText() bool {
	f, err := os.Open(l.file())
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, 256)
	n, err := io.ReadFull(f, head)
	return (err == nil || err == io.ErrUnexpectedEOF) && bytes.IndexByte(head[:n], 0) < 0
}

// file is the program's file as the agent sees it.
func (l *launch) file() string {
	if filepath.IsAbs(l.path) || l.dir == "" {
		return l.path
	}
	return filepath.Join(l.dir, l.path)
}
