package health

import (
	"fmt"
	"os/exec"
	"syscall"
)

const createNoWindow = 0x08000000 // CREATE_NO_WINDOW

func setUp(cmd *exec.Cmd) {
	cmd.SysProcAttr.CreationFlags = syscall.CREATE_NEW_PROCESS_GROUP | createNoWindow
}

// killGroup ends cmd alone: this system has no signals to groups.
func killGroup(cmd *exec.Cmd) { _ = cmd.Process.Kill() } // fails where it has ended

// awaitExit returns when cmd has ended.
func awaitExit(cmd *exec.Cmd) {
	_ = cmd.Process.WithHandle(func(h uintptr) { _, _ = syscall.WaitForSingleObject(syscall.Handle(h), syscall.INFINITE) })
}

// lookProgram finds a program in the PATH of the agent, as CreateProcess would.
func lookProgram(name, _ string, _ []string) (string, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("cannot find the program: %w", err)
	}
	return path, nil
}
