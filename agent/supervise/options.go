package supervise

import (
	"context"
	crand "crypto/rand"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"time"

	"stathub/agent/artifact"
	"stathub/agent/health"
	"stathub/agent/host"
	"stathub/agent/proc"
	"stathub/state"
)

// Runner is what a Supervisor needs of the operating system; *proc.Runner has the contract of each method.
type Runner interface {
	Start(proc.Spec) (proc.Identity, error)
	Adopt(proc.Identity) error
	Exits() <-chan proc.Exited
	Signal(id proc.Identity, sig int) error
	Kill(id proc.Identity) error
	Leftovers(marker string) []proc.Identity
	Find(prefix string) ([]proc.Found, error)
	InspectAll(ids []proc.Identity) (map[proc.Identity]proc.Info, error)
}

// Artifacts fetches what uris name; *artifact.Cache has the contract.
type Artifacts interface {
	Fetch(ctx context.Context, uri string) (artifact.File, error)
	Place(ctx context.Context, files []artifact.File, dir string) error
	Retain(uris []string) (artifact.Usage, bool)
	Progress(uri string) (artifact.Progress, bool)
	Latest(uri string) string
}

// Options say what to supervise, and with what. Node, Dir, Store, Runner and Artifacts are needed; zero values of the
// others stand for the defaults given. The Supervisor closes none of them.
type Options struct {
	Node      string // a name that state.CheckName accepts
	Dir       string // the store directory, absolute; the caller holds its lock
	Runner    Runner
	Artifacts Artifacts

	// Store is where the manifest is read, and where the report, the heartbeat, events and crashes are written. One that is
	// made of several may have two more methods: Costly() bool, that requests are paid for, so that what only keeps up with
	// the world is done less often; Hinting() bool, that its Watch tells of every change for the moment, so that polls are
	// but a safety net.
	Store state.Store

	Facts     func(context.Context) (state.Facts, error) // default: none
	Usage     func() *state.Usage                        // of the machine, nil while unknown; default: none
	Changed   func()                                     // the report or the events may have changed; it must not wait; default: nothing
	Hostname  string                                     // NODE_HOSTNAME
	Tags      []string                                   // the first tags of a new node
	Isolation []string                                   // what Limiter can enforce, in the words of package proc and IsolationDisk
	Limiter   Limiter                                    // default: none
	Version   string
	Writer    string // names this very agent process in its report; default: of Hostname, the boot and chance

	Trust      Trust           // whose manifests are followed; default: anybody's
	Poll       time.Duration   // of the manifest; default 5 s
	Heartbeat  time.Duration   // default 10 s
	Deadline   time.Duration   // of each request to the store; default 30 s
	LogsTold   bool            // the system tells of writes to logs (logs.Keeper.Told)
	Alone      bool            // the bucket is this agent's own: it is always in touch with it
	Mute       bool            // report, heartbeat, events and crashes go nowhere; nobody acts on the agent's silence
	StopOnExit bool            // the processes end with the agent, each within its own time to stop
	Hurry      <-chan struct{} // closed: at such an end they are killed now; nil: never

	Clock   func() time.Duration                     // never set, and goes on while the machine sleeps; default host.SinceBoot
	Check   health.Check                             // runs one health check; default a health.Checker's
	Environ []string                                 // what processes inherit, STATHUB_ variables left out; default os.Environ()
	Log     *slog.Logger                             // default slog.Default()
	Jitter  func() float64                           // 0 to 1, spreads polls; default random
	Listen  func(port int) (net.Listener, error)     // tries a port out, 0 for any; default every address of the machine
	ToArgv  func(string, []string) ([]string, error) // default proc.ShellArgv
}

func (o Options) withDefaults() Options {
	if o.Facts == nil {
		o.Facts = func(context.Context) (state.Facts, error) { return state.Facts{}, nil }
	}
	if o.Usage == nil {
		o.Usage = func() *state.Usage { return nil }
	}
	if o.Changed == nil {
		o.Changed = func() {}
	}
	o.Poll = positive(o.Poll, 5*time.Second)
	o.Heartbeat = positive(o.Heartbeat, 10*time.Second)
	o.Deadline = positive(o.Deadline, 30*time.Second)
	if o.Clock == nil {
		o.Clock = host.SinceBoot
	}
	if o.Limiter == nil {
		o.Limiter = noLimits{}
	}
	if o.Check == nil {
		o.Check = health.NewChecker(health.Options{RunAs: proc.RunAs}).Check
	}
	if o.Environ == nil {
		o.Environ = os.Environ()
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Writer == "" {
		boot, _ := proc.BootID()
		o.Writer = writerName(o.Hostname, boot, strings.ToLower(crand.Text()))
	}
	if o.Jitter == nil {
		o.Jitter = rand.Float64
	}
	if o.Listen == nil {
		o.Listen = listenEverywhere
	}
	if o.ToArgv == nil {
		o.ToArgv = proc.ShellArgv
	}
	return o
}

func positive(d, otherwise time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return otherwise
}
