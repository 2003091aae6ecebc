package health

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// setUp has cmd begin suspended, until startGroup has it in a job, and keeps a console's window from showing.
func setUp(cmd *exec.Cmd) {
	cmd.SysProcAttr.CreationFlags = windows.CREATE_NEW_PROCESS_GROUP | windows.CREATE_NO_WINDOW | windows.CREATE_SUSPENDED
}

// group is a Job Object with a command and all that it starts. It ends with the agent.
type group struct{ job windows.Handle }

// pipeGrace is how long output is read after the command ended: what left its job may hold the pipe open for ever.
const pipeGrace = 2 * time.Second

// resumeProcess lets run what began suspended: package os keeps no handle of the thread, which ResumeThread wants.
var resumeProcess = windows.NewLazySystemDLL("ntdll.dll").NewProc("NtResumeProcess")

func startGroup(cmd *exec.Cmd, out *tail) (g group, err error) {
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = out, out, pipeGrace
	if g.job, err = windows.CreateJobObject(nil, nil); err != nil {
		return g, err
	}
	limit := windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION{BasicLimitInformation: windows.JOBOBJECT_BASIC_LIMIT_INFORMATION{
		LimitFlags: windows.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE}}
	if _, err = windows.SetInformationJobObject(g.job, windows.JobObjectExtendedLimitInformation, uintptr(unsafe.Pointer(&limit)), uint32(unsafe.Sizeof(limit))); err == nil {
		err = cmd.Start()
	}
	if err != nil {
		g.close()
		return g, err
	}
	handleErr := cmd.Process.WithHandle(func(h uintptr) {
		if err = windows.AssignProcessToJobObject(g.job, windows.Handle(h)); err != nil {
			return
		}
		if status, _, _ := resumeProcess.Call(h); status != 0 {
			err = windows.NTStatus(status)
		}
	})
	if err = errors.Join(err, handleErr); err != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		g.close()
	}
	return g, err
}

// kill ends all that is left of the group.
func (g group) kill() { _ = windows.TerminateJobObject(g.job, 1) } // fails only where nothing is left

func (g group) close() { _ = windows.CloseHandle(g.job) }

// awaitExit returns when cmd has ended.
func awaitExit(cmd *exec.Cmd) {
	_ = cmd.Process.WithHandle(func(h uintptr) { _, _ = syscall.WaitForSingleObject(syscall.Handle(h), syscall.INFINITE) })
}

// lookProgram finds the file of a program as cmd.exe does: in the directory where it is to run, then in the PATH of its
// environment, with the usual extensions.
func lookProgram(name, dir string, env []string) (string, error) {
	folders := []string{dir}
	if !strings.ContainsAny(name, `/\:`) {
		for _, kv := range slices.Backward(env) {
			if k, v, ok := strings.Cut(kv, "="); ok && strings.EqualFold(k, "PATH") {
				folders = append(folders, filepath.SplitList(v)...)
				break
			}
		}
	}
	for _, folder := range folders {
		file := name
		if !filepath.IsAbs(name) {
			file = filepath.Join(folder, name)
		}
		for _, extension := range []string{"", ".exe", ".com", ".bat", ".cmd"} {
			if extension == "" && filepath.Ext(file) == "" {
				continue
			}
			if st, err := os.Stat(file + extension); err == nil && !st.IsDir() {
				return filepath.Abs(file + extension)
			}
		}
	}
	return "", fmt.Errorf("cannot find the program %q: %w", name, errors.New("neither in the working directory nor in PATH"))
}
