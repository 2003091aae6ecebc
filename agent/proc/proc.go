// Package proc starts, watches, signals and finds the processes of instances. It holds everything about processes that
// differs by operating system; the rest of the agent never asks which one it runs on.
//
// A process outlives the agent that started it: nothing is piped through the agent, and a later agent adopts the process
// by its Identity. Whatever cannot be identified beyond doubt is never signalled.
package proc

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// MarkerEnv is the environment variable that names the instance of a process: "<node>/<app>.<n>". Children inherit it.
const MarkerEnv = "STATHUB_INSTANCE"

// StoreEnv is the environment variable that names the store directory of the agent that started a process. Two agents of
// one machine may have the same node id, for different buckets: neither may touch the other's processes.
const StoreEnv = "STATHUB_STORE"

// markerIn gives the marker in env, unless the process belongs to an agent with another store directory.
func markerIn(env []string, store string) (string, bool) {
	if owner, ok := getenv(env, StoreEnv); ok && owner != store {
		return "", false
	}
	return getenv(env, MarkerEnv)
}

// Identity names one process for good: a pid alone is recycled.
type Identity struct {
	PID   int    `json:"pid"`
	Start uint64 `json:"start"` // Linux: clock ticks since boot, /proc/<pid>/stat field 22; elsewhere the creation time in the system's unit
	Boot  string `json:"boot"`  // boot id; see BootID
}

func (id Identity) String() string { return fmt.Sprintf("process %d (start %d)", id.PID, id.Start) }

// Spec says what to start. The program gets /dev/null as its input, its own session and process group, default signal
// dispositions, and no descriptor of the agent's.
type Spec struct {
	Argv   []string // Argv[0] without a slash is looked up in the PATH of Env
	Dir    string   // must exist; "" is the agent's own. PWD is set to it in the environment
	Env    []string // the whole environment, "NAME=value"; of duplicates the last one counts
	Stdout string   // file, created with mode 0640 and appended to; "" discards. Its folder must exist
	Stderr string   // likewise; the same name as Stdout shares one descriptor
	User   string   // "" is the agent's own; "name", "name:group", "uid", "uid:gid"
}

// Exit is how a process ended.
type Exit struct {
	Code   int       // exit code; 0 when Signal is set
	Signal int       // number of the signal that killed it, or 0
	Known  bool      // false: the system did not tell; Code and Signal mean nothing
	At     time.Time // when this agent saw it, by its own clock
}

func (e Exit) String() string {
	switch {
	case !e.Known:
		return "ended, exit status unknown"
	case e.Signal != 0:
		return fmt.Sprintf("killed by signal %d", e.Signal)
	case e.Code > 0xffff: // the NTSTATUS of a crash on Windows, known by its hexadecimal form
		return fmt.Sprintf("exit code %d (0x%X)", e.Code, e.Code)
	}
	return fmt.Sprintf("exit code %d", e.Code)
}

// Exited reports the end of one process.
type Exited struct {
	ID   Identity
	Exit Exit
}

// Found is a session leader whose environment carries the marker.
type Found struct {
	ID  Identity
	Env map[string]string // the environment that it was started with
}

// Info is what can be seen of a process from outside. Members, RSS and CPU cover it, its session, its cgroup and its
// descendants.
type Info struct {
	PID, PPID, UID int
	Cmd            string        // arguments separated by spaces
	Children       []int         // direct children, in order of pid
	Members        []int         // pids of all of them
	StartTime      time.Time     // the same for every call on one Runner
	RSS            int64         // bytes resident; shared pages count once per process
	CPU            time.Duration // user + system time so far, children that ended included
}

// ErrGone says that an Identity names no living process any more, or that it cannot be told whether it does.
// Nothing was signalled.
var ErrGone = errors.New("the process is gone")

// GoneError is ErrGone with the exit status, where the system still knew it.
type GoneError struct {
	ID   Identity
	Exit Exit
}

func (e *GoneError) Error() string {
	if !e.Exit.Known {
		return fmt.Sprintf("%s is gone", e.ID)
	}
	return fmt.Sprintf("%s is gone: %s", e.ID, e.Exit)
}

// Is makes errors.Is(err, ErrGone) true.
func (e *GoneError) Is(target error) bool { return target == ErrGone }

// StartError says which step of a start failed, on what, and why. Err is the system's error where there is one, so that
// errors.Is with fs.ErrNotExist, fs.ErrPermission and errno values works.
type StartError struct {
	Op   string // the step, in words: "find program", "enter directory", "open log", "switch to user", "execute", "fork"
	Path string // program, directory, file or user
	Err  error
}

func (e *StartError) Error() string {
	if e.Path == "" {
		return fmt.Sprintf("cannot %s: %v", e.Op, e.Err)
	}
	return fmt.Sprintf("cannot %s %q: %v", e.Op, e.Path, e.Err)
}

// Unwrap gives the cause.
func (e *StartError) Unwrap() error { return e.Err }

// getenv gives the last value of name in env, as a shell would see it.
func getenv(env []string, name string) (string, bool) {
	for i := len(env) - 1; i >= 0; i-- {
		if k, v, ok := strings.Cut(env[i], "="); ok && k == name {
			return v, true
		}
	}
	return "", false
}

// parseEnv makes a map of an environment. Entries without "=" are dropped: programs do overwrite theirs.
func parseEnv(env []string) map[string]string {
	m := make(map[string]string, len(env))
	for _, kv := range env {
		if k, v, ok := strings.Cut(kv, "="); ok && k != "" {
			m[k] = v
		}
	}
	return m
}
