package proc

import (
	"math"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// ignoredSignals undoes, for children, what the agent's own parent did to its signals. nohup leaves SIGHUP ignored, and
// exec passes ignored and blocked signals on: programs that never see SIGTERM would be the result.
type ignoredSignals struct {
	caught  chan os.Signal // catches the signals that were ignored, and is never read: they stay ignored here, but are reset in children
	blocked bool
}

// catchIgnored reads the dispositions of this process.
func catchIgnored() *ignoredSignals {
	s := &ignoredSignals{caught: make(chan os.Signal, 1)}
	data, err := readProc("/proc/thread-self/status")
	if err != nil {
		return s
	}
	for line := range strings.Lines(string(data)) {
		name, value, _ := strings.Cut(line, ":")
		mask, err := strconv.ParseUint(strings.TrimSpace(value), 16, 64)
		if err != nil {
			continue
		}
		switch name {
		case "SigBlk":
			s.blocked = mask != 0
		case "SigIgn":
			for n := 1; n <= 31; n++ {
				if mask&(1<<(n-1)) != 0 {
					signal.Notify(s.caught, syscall.Signal(n))
				}
			}
		}
	}
	return s
}

// closeOnExec keeps the descriptors that this process was itself started with, a terminal multiplexer's or a lock, from
// reaching its children: Go marks only those that it opens.
func closeOnExec() {
	if unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC) == nil {
		return
	}
	names, err := os.ReadDir("/proc/self/fd") // kernel before 5.11
	if err != nil {
		return
	}
	for _, n := range names {
		if fd, err := strconv.Atoi(n.Name()); err == nil && fd > 2 {
			unix.CloseOnExec(fd)
		}
	}
}

// forked runs a fork with no signal blocked, so that the child starts like that.
func (s *ignoredSignals) forked(fork func() (int, error)) (int, error) {
	if !s.blocked {
		return fork()
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var none, old unix.Sigset_t
	if unix.PthreadSigmask(unix.SIG_SETMASK, &none, &old) == nil {
		defer func() { _ = unix.PthreadSigmask(unix.SIG_SETMASK, &old, nil) }()
	}
	return fork()
}

func (s *ignoredSignals) release() { signal.Stop(s.caught) }
