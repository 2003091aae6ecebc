package proc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/windows"
)

// helperArg is the first argument of the program when it is run to send one Ctrl-Break.
const helperArg = "--proc.ctrl-break"

// ctrlBreakTime bounds one Ctrl-Break.
const ctrlBreakTime = 10 * time.Second

// ctrlBreak sends Ctrl-Break to the group of a process. Only a process of the same console may, each instance has a console of
// its own, and the agent, which may be a service, keeps its own or none: so the program runs itself once more, for a
// moment, and Helper does it there.
func ctrlBreak(id Identity) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), ctrlBreakTime)
	defer cancel()
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, program, helperArg, strconv.Itoa(id.PID), strconv.FormatUint(id.Start, 10))
	cmd.Stderr = &said
	cmd.WaitDelay = time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: windows.DETACHED_PROCESS}
	if err := cmd.Run(); err != nil {
		if text := strings.TrimSpace(said.String()); text != "" {
			return errors.New(text)
		}
		return err
	}
	return nil
}

// Helper does what the program was run for if that was by a Runner, which on this system needs a process of its own for
// some things. A program that makes a Runner calls it first, with its arguments, and ends with the code if ok.
func Helper(args []string) (code int, ok bool) {
	if len(args) != 3 || args[0] != helperArg {
		return 0, false
	}
	pid, err := strconv.Atoi(args[1])
	start, err2 := strconv.ParseUint(args[2], 10, 64)
	if err = errors.Join(err, err2); err == nil {
		err = breakConsole(pid, start)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1, true
	}
	return 0, true
}

func breakConsole(pid int, start uint64) error {
	h, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION|windows.SYNCHRONIZE, false, uint32(pid))
	if err != nil {
		return err
	}
	defer windows.CloseHandle(h) // until then the pid is not given to another process
	if now, err := startOfHandle(h); err != nil || now != start {
		return errors.New("the process is gone")
	}
	_, _, _ = procFreeConsole.Call()
	if ok, _, err := procAttachConsole.Call(uintptr(pid)); ok == 0 {
		return fmt.Errorf("it has no console: %w", err)
	}
	if err := windows.GenerateConsoleCtrlEvent(windows.CTRL_BREAK_EVENT, uint32(pid)); err != nil {
		return fmt.Errorf("its console refuses: %w", err)
	}
	return nil
}
