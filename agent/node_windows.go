package agent

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"golang.org/x/sys/windows"

	"stathub/state"
)

// lockNode makes this process the only agent of its node on this machine, whatever store directories there are: two of
// them would follow one manifest and start everything twice. The lock is a named mutex, which ends with the process, however
// it ends, and survives a wiped disk. A name that another user took is no reason not to start.
func lockNode(node, bucket string) (io.Closer, error) {
	sum := sha256.Sum256([]byte(node + "\x00" + bucket))
	name, err := windows.UTF16PtrFromString(`Global\stathub-agent-` + hex.EncodeToString(sum[:8]))
	if err != nil {
		return nil, err
	}
	h, err := windows.CreateMutex(nil, false, name)
	switch {
	case errors.Is(err, windows.ERROR_ALREADY_EXISTS):
		_ = windows.CloseHandle(h)
		return nil, state.Errorf(state.Exists, "", "another agent runs node %s with the same bucket; stop it, or choose another name with --node.id", node)
	case errors.Is(err, windows.ERROR_ACCESS_DENIED), errors.Is(err, windows.ERROR_INVALID_HANDLE):
		return io.NopCloser(nil), nil // it could share no processes with this one
	case err != nil:
		return nil, fmt.Errorf("cannot make sure that no other agent runs node %s: %w", node, err)
	}
	return handle(h), nil
}

// handle is a system handle to be closed.
type handle windows.Handle

func (h handle) Close() error { return windows.CloseHandle(windows.Handle(h)) }
