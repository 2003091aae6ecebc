package proc

import (
	"errors"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/windows"
)

// killSignal stands for termination: Windows has no signals, so that every signal terminates.
const killSignal = 9

// startChild runs a program in a new console group and a Job Object of its own, so that Kill reaches its descendants.
func startChild(spec Spec) (*child, error) {
	cmd, err := command(spec)
	if err != nil {
		return nil, err
	}
	var files []*os.File
	defer func() {
		for _, f := range files {
			_ = f.Close()
		}
	}()
	for _, out := range []struct {
		name string
		to   func(*os.File)
	}{{spec.Stdout, func(f *os.File) { cmd.Stdout = f }}, {spec.Stderr, func(f *os.File) { cmd.Stderr = f }}} {
		if out.name == "" {
			continue
		}
		f, err := os.OpenFile(out.name, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o640)
		if err != nil {
			return nil, &StartError{Op: "open log", Path: out.name, Err: err}
		}
		files = append(files, f)
		out.to(f)
	}
	job, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return nil, &StartError{Op: "create a job object for", Path: cmd.Path, Err: err}
	}
	if err := cmd.Start(); err != nil {
		_ = windows.CloseHandle(job)
		return nil, &StartError{Op: "execute", Path: cmd.Path, Err: err}
	}
	var assignErr error
	handleErr := cmd.Process.WithHandle(func(h uintptr) { assignErr = windows.AssignProcessToJobObject(job, windows.Handle(h)) })
	start, err := startOf(cmd.Process.Pid)
	if err := errors.Join(assignErr, handleErr, err); err != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = windows.CloseHandle(job)
		return nil, &StartError{Op: "identify", Path: cmd.Path, Err: err}
	}
	return &child{pid: cmd.Process.Pid, start: start, wait: func() Exit { return waitChild(cmd) },
		kill:    func() error { return windows.TerminateJobObject(job, 1) },
		release: func() { _ = windows.CloseHandle(job) }}, nil
}

func command(spec Spec) (*exec.Cmd, error) {
	if len(spec.Argv) == 0 || spec.Argv[0] == "" {
		return nil, &StartError{Op: "find program", Err: errors.New("the command is empty")}
	}
	if spec.User != "" {
		return nil, &StartError{Op: "switch to user", Path: spec.User, Err: errors.New("not supported on Windows; leave user empty")}
	}
	cmd := exec.Command(spec.Argv[0], spec.Argv[1:]...)
	if cmd.Err != nil {
		return nil, &StartError{Op: "find program", Path: spec.Argv[0], Err: cmd.Err}
	}
	cmd.Dir, cmd.Env = spec.Dir, spec.Env
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: windows.CREATE_NEW_PROCESS_GROUP | windows.CREATE_NO_WINDOW}
	if line, ok := cmdLine(spec.Argv); ok {
		cmd.SysProcAttr.CmdLine = line
	}
	return cmd, nil
}

func waitChild(cmd *exec.Cmd) Exit {
	err := cmd.Wait()
	var ee *exec.ExitError
	if err != nil && !errors.As(err, &ee) {
		return Exit{}
	}
	return Exit{Code: cmd.ProcessState.ExitCode(), Known: true}
}

// startOf gives the time a running process was made, in units of 100 ns since 1601.
func startOf(pid int) (uint64, error) {
	h, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION|windows.SYNCHRONIZE, false, uint32(pid))
	if err != nil {
		return 0, err
	}
	defer windows.CloseHandle(h)
	var made, ended, kernel, user windows.Filetime
	if err := windows.GetProcessTimes(h, &made, &ended, &kernel, &user); err != nil {
		return 0, err
	}
	if ev, err := windows.WaitForSingleObject(h, 0); err == nil && ev == windows.WAIT_OBJECT_0 {
		return 0, os.ErrProcessDone // a handle held elsewhere keeps an ended process visible
	}
	return uint64(made.HighDateTime)<<32 | uint64(made.LowDateTime), nil
}

func signalGroup(pid, _ int) error {
	p, err := os.FindProcess(pid)
	if err != nil {
		return err
	}
	defer p.Release()
	return p.Kill()
}

// leads cannot be told on Windows: the first that carries the marker is taken.
func leads(int) bool { return true }

// BootID is the same always: creation times, the other part of an Identity, are absolute on Windows.
func BootID() (string, error) { return "windows", nil }

// Give does nothing: a Spec's user is not supported on this system, and a start with one says so.
func Give(*os.Root, string, string) error { return nil }

// RunAs makes cmd run as another user, which Windows does not do without that user's password.
func RunAs(_ *exec.Cmd, user string) error {
	if user == "" {
		return nil
	}
	return &StartError{Op: "switch to user", Path: user, Err: errors.New("not supported on Windows; leave user empty")}
}
