package agent

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"stathub/state"
)

// errLocked says that another process holds a lock.
var errLocked = errors.New("locked")

// lockPatience is how long a lock is waited for: a process that was being forked when its agent was killed holds a copy
// until it executes its program.
const lockPatience = time.Second

func lockSoon(f *os.File) error {
	for tried := time.Now(); ; time.Sleep(lockPatience / 20) {
		if err := lockFile(f); !errors.Is(err, errLocked) || time.Since(tried) > lockPatience {
			return err
		}
	}
}

// lockStore makes this process the only agent of a store directory. The kernel lets go of the lock when the process ends,
// however it ends, and no child has it. The file holds the process's pid, for people.
func lockStore(dir string) (io.Closer, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("cannot make the store directory: %w; choose another one with --store.directory", err)
	}
	path := filepath.Join(dir, "agent.lock")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644) // close-on-exec, as everything that os opens
	if err != nil {
		return nil, fmt.Errorf("cannot use the store directory: %w; choose another one with --store.directory", err)
	}
	if err := lockSoon(f); err != nil {
		defer f.Close()
		if !errors.Is(err, errLocked) {
			return nil, fmt.Errorf("cannot lock %s: %w", path, err)
		}
		holder := "another agent"
		if text, _ := io.ReadAll(io.LimitReader(f, 32)); len(text) > 0 {
			holder += " (process " + strings.TrimSpace(string(text)) + ")"
		}
		return nil, state.Errorf(state.Exists, "", "%s uses the store directory %s already; stop it, or choose another one with --store.directory", holder, dir)
	}
	// On a full disk the pid is missing, but the lock holds.
	if f.Truncate(0) == nil {
		_, _ = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	return f, nil
}
