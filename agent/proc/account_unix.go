//go:build unix

package proc

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"strings"
	"syscall"
)

// account is the user that a process is to run as.
type account struct {
	name       string // as the spec has it
	login      string // login name, "" if the uid has none
	home       string
	credential *syscall.Credential
}

// lookupAccount reads "name", "name:group", "uid", "uid:gid". It is nil for the user and group that the agent has
// already: then an agent that is not root can start the process too.
func lookupAccount(spec string) (*account, error) {
	if spec == "" {
		return nil, nil
	}
	unknown := func(err error) error { return &StartError{Op: "switch to user", Path: spec, Err: err} }
	name, group, hasGroup := strings.Cut(spec, ":")
	a := &account{name: spec, credential: &syscall.Credential{}}
	u, err := findUser(name)
	if err != nil {
		return nil, unknown(err)
	}
	a.login, a.home = u.Username, u.HomeDir
	if a.credential.Uid, err = number(u.Uid); err != nil {
		return nil, unknown(err)
	}
	gid := u.Gid
	if hasGroup {
		if gid, err = findGroup(group); err != nil {
			return nil, unknown(err)
		}
	}
	if gid == "" {
		return nil, unknown(errors.New("the uid has no entry in the user database, so a group is needed: uid:gid"))
	}
	if a.credential.Gid, err = number(gid); err != nil {
		return nil, unknown(err)
	}
	if int(a.credential.Uid) == os.Geteuid() && int(a.credential.Gid) == os.Getegid() {
		return nil, nil
	}
	if u.Username != "" {
		ids, _ := u.GroupIds() // a user whose groups cannot be listed still has the main one
		for _, id := range ids {
			if n, err := number(id); err == nil {
				a.credential.Groups = append(a.credential.Groups, n)
			}
		}
	}
	return a, nil
}

// findUser looks a name up first: a login name may consist of digits.
func findUser(name string) (*user.User, error) {
	u, err := user.Lookup(name)
	if err == nil {
		return u, nil
	}
	if _, numErr := number(name); numErr != nil {
		return nil, fmt.Errorf("unknown user %q", name)
	}
	if u, err = user.LookupId(name); err == nil {
		return u, nil
	}
	return &user.User{Uid: name}, nil
}

func findGroup(name string) (gid string, err error) {
	if g, err := user.LookupGroup(name); err == nil {
		return g.Gid, nil
	}
	if _, err := number(name); err != nil {
		return "", fmt.Errorf("unknown group %q", name)
	}
	return name, nil
}

// number reads a uid or gid. 2³²-1 means "leave as is" to the kernel and is refused.
func number(s string) (uint32, error) {
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil || n == 1<<32-1 {
		return 0, fmt.Errorf("%q is not a uid or gid", s)
	}
	return uint32(n), nil
}

// environ adds what login(1) would set, where env does not have it.
func (a *account) environ(env []string) []string {
	for name, value := range map[string]string{"HOME": a.home, "USER": a.login, "LOGNAME": a.login} {
		if _, ok := getenv(env, name); !ok && value != "" {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// Give makes the user of a Spec the owner of the folder name in root. What is no folder any more is refused: who may write
// to root could have put another name of a file there that is not theirs. It does nothing when user is "" or the agent's own.
// Errors are *StartError.
func Give(root *os.Root, name, user string) error {
	a, err := lookupAccount(user)
	if err != nil || a == nil {
		return err
	}
	dir, err := root.OpenFile(name, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NOFOLLOW, 0)
	if err == nil {
		err = dir.Chown(int(a.credential.Uid), int(a.credential.Gid))
		_ = dir.Close() // nothing was written
	}
	if err != nil {
		if os.Geteuid() != 0 && errors.Is(err, fs.ErrPermission) {
			return &StartError{Op: "switch to user", Path: user,
				Err: explain(err, "the agent runs as uid %d and may not; run the agent as root, or leave user empty", os.Geteuid())}
		}
		return &StartError{Op: "give directory", Path: name, Err: explain(err, "to user %s: %v", user, bare(err))}
	}
	return nil
}

// RunAs makes cmd, which was not started yet, run as the user of a Spec: its credential, and what login(1) would set in the
// environment. It keeps the other fields of SysProcAttr, and does nothing when user is "" or the agent's own. Errors are
// *StartError.
func RunAs(cmd *exec.Cmd, user string) error {
	a, err := lookupAccount(user)
	if err != nil || a == nil {
		return err
	}
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Credential = a.credential
	cmd.Env = a.environ(cmd.Env)
	return nil
}
