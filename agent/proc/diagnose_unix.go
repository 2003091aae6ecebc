//go:build unix

package proc

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// diagnose tells which step of fork and exec an error number came from: the kernel gives the number alone.
func (l *launch) diagnose(err error) error {
	failed := func(op, path, format string, args ...any) error {
		return &StartError{Op: op, Path: path, Err: explain(err, format, args...)}
	}
	switch {
	case errors.Is(err, syscall.EAGAIN):
		return failed("fork", "", "no more processes allowed (limit of the user, the cgroup or the system): %v", err)
	case errors.Is(err, syscall.ENOMEM):
		return failed("fork", "", "out of memory: %v", err)
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return failed("fork", "", "too many open files in the agent: %v", err)
	case errors.Is(err, syscall.E2BIG):
		return failed("execute", l.path, "the arguments and the environment together are too long: %v", err)
	case errors.Is(err, syscall.ENOEXEC):
		return failed("execute", l.path, "not a program that this machine can run (made for another system or processor, or damaged)")
	case errors.Is(err, syscall.ETXTBSY):
		return failed("execute", l.path, "the file is open for writing: %v", err)
	}
	if dirErr := l.checkDir(); dirErr != nil {
		return dirErr
	}
	switch {
	case errors.Is(err, syscall.EPERM) && l.who != nil:
		return failed("switch to user", l.who.name, "the agent runs as uid %d and may not; run the agent as root, or leave user empty", os.Geteuid())
	case errors.Is(err, syscall.ENOENT):
		if in := l.interpreter(); in != "" {
			return failed("execute", l.path, "its interpreter %s is missing", in)
		}
		return failed("execute", l.path, "the program or the loader that it names is missing: %v", err)
	case errors.Is(err, syscall.EACCES):
		if p := l.barred(filepath.Dir(l.file())); p != "" {
			return failed("execute", l.path, "permission denied: user %s may not enter %s", l.userName(), p)
		}
		return failed("execute", l.path, "permission denied for user %s (no execute permission, or mounted noexec)", l.userName())
	}
	return &StartError{Op: "execute", Path: l.path, Err: err}
}

// checkDir says what is wrong with the working directory, or nil.
func (l *launch) checkDir() error {
	if l.dir == "" {
		return nil
	}
	st, err := os.Stat(l.dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = explain(err, "no such directory")
	case err != nil:
		err = bare(err)
	case !st.IsDir():
		err = explain(syscall.ENOTDIR, "not a directory")
	default:
		p := l.barred(l.dir)
		if p == "" {
			return nil
		}
		err = explain(fs.ErrPermission, "permission denied: user %s may not enter %s", l.userName(), p)
	}
	return &StartError{Op: "enter directory", Path: l.dir, Err: err}
}

func (l *launch) userName() string {
	if l.who != nil {
		return l.who.name
	}
	return fmt.Sprint(os.Geteuid())
}

// interpreter gives the program that a script's first line names.
func (l *launch) interpreter() string {
	f, err := os.Open(l.file())
	if err != nil {
		return ""
	}
	defer f.Close()
	head := make([]byte, 256)
	n, _ := f.Read(head)
	line, _, _ := bytes.Cut(head[:n], []byte("\n"))
	rest, ok := strings.CutPrefix(string(line), "#!")
	if !ok {
		return ""
	}
	if strings.HasSuffix(rest, "\r") {
		return fmt.Sprintf("%q (the line ends in CR LF; save the file with Unix line ends)", strings.TrimSpace(rest)+"\r")
	}
	if fields := strings.Fields(rest); len(fields) > 0 {
		return fields[0]
	}
	return ""
}

// barred gives the first folder on the way to dir, dir included, whose mode bits keep the process's user out, or "".
// It is for messages only: access lists and capabilities are not seen.
func (l *launch) barred(dir string) string {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return ""
	}
	uid, groups := os.Geteuid(), []uint32{uint32(os.Getegid())}
	if l.who != nil {
		uid = int(l.who.credential.Uid)
		groups = append(slices.Clone(l.who.credential.Groups), l.who.credential.Gid)
	}
	if uid == 0 {
		return ""
	}
	var at string
	for _, part := range strings.SplitAfter(dir, "/") {
		at += part
		st, err := os.Stat(at)
		if err != nil {
			return at
		}
		sys, ok := st.Sys().(*syscall.Stat_t)
		if !ok {
			return ""
		}
		bit := fs.FileMode(0o001)
		if int(sys.Uid) == uid {
			bit = 0o100
		} else if slices.Contains(groups, sys.Gid) {
			bit = 0o010
		}
		if st.Mode()&bit == 0 {
			return at
		}
	}
	return ""
}
