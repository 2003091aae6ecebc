package agent

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"stathub/state"
)

// lockNode makes this process the only agent of its node on this machine, whatever store directories there are: two of
// them would follow one manifest and start everything twice. The lock is a socket in the abstract name space (unix(7)),
// which ends with the process, however it ends, and survives a wiped disk. A name that another unprivileged user took is
// no reason not to start.
func lockNode(node, bucket string) (io.Closer, error) {
	sum := sha256.Sum256([]byte(strconv.Itoa(os.Geteuid()) + "\x00" + node + "\x00" + bucket))
	name := "@stathub-agent-" + hex.EncodeToString(sum[:8])
	l, err := net.Listen("unix", name)
	switch {
	case err == nil:
		return l, nil
	case !errors.Is(err, unix.EADDRINUSE):
		return nil, fmt.Errorf("cannot make sure that no other agent runs node %s: %w", node, err)
	}
	holder, err := peer(name)
	if err != nil || int(holder.Uid) != os.Geteuid() && holder.Uid != 0 {
		return io.NopCloser(nil), nil // it could share no processes with this one
	}
	return nil, state.Errorf(state.Exists, "", "another agent (process %d) runs node %s with the same bucket; stop it, or choose another name with --node.id", holder.Pid, node)
}

// peer gives who listens on a socket.
func peer(name string) (*unix.Ucred, error) {
	c, err := net.Dial("unix", name)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	raw, err := c.(*net.UnixConn).SyscallConn()
	if err != nil {
		return nil, err
	}
	var cred *unix.Ucred
	var credErr error
	err = raw.Control(func(fd uintptr) { cred, credErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) })
	return cred, errors.Join(err, credErr)
}
