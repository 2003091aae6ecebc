// Package agent is the agent of one node: options, wiring, start and stop. What it does is in the packages below it;
// supervise is the heart.
package agent

import (
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"stathub/agent/host"
	"stathub/state"
	"stathub/state/option"
)

// Version is the agent's version, as reports and --version show it.
const Version = "0.1.0"

// Options are the options of an agent (seed 4.2, design section 8). ParseOptions fills in defaults; a zero value lacks them.
type Options struct {
	MasterAddress  string // http(s)://host:port of a master; empty with StateURL empty: standalone
	ServerPort     int
	ServerAddress  string
	StoreDirectory string // absolute
	AgentAddress   string // as others reach the agent; empty: found out
	StateURL       string // see state.Open
	NodeID         string
	NodeTags       []string
	CacheMaxBytes  state.Bytes // artifacts that no app needs any more are kept up to this size; 0: none is
	Heartbeat      time.Duration
	Poll           time.Duration // 0: what suits the bucket
	StopOnExit     bool
	Cgroups        bool            // instances run in cgroups, where the machine lets the agent make some
	Hurry          <-chan struct{} // closed: with StopOnExit what has not stopped yet is killed; nil: never
}

func table(o *Options) *option.Set {
	s := option.New("stathub-agent")
	s.String(&o.MasterAddress, "master.address", "", "the master, such as http://master:51026; none: standalone")
	s.Int(&o.ServerPort, "server.port", 51025, "port of the agent's own page and API; 0: any")
	s.String(&o.ServerAddress, "server.address", defaultAddress, "address that it listens on; 0.0.0.0: all")
	s.String(&o.StoreDirectory, "store.directory", "", "where the agent keeps its files (${HOME}/.stat_agent)")
	s.String(&o.AgentAddress, "agent.address", "", "the agent's address as others reach it, where it cannot be found out")
	s.String(&o.StateURL, "state.url", "", "the bucket: file:///dir, s3://bucket?…; default: the master, else the store directory")
	s.String(&o.NodeID, "node.id", "", "name of this node; default: made of the host's name, the machine and the store directory")
	s.Strings(&o.NodeTags, "node.tags", nil, "the first tags of a new node")
	s.Bytes(&o.CacheMaxBytes, "cache.max.bytes", "10GiB", "artifacts that no app needs any more are kept up to this size; 0: none")
	s.Duration(&o.Heartbeat, "heartbeat", 10*time.Second, "how often the agent shows that it lives")
	s.Duration(&o.Poll, "poll", 0, "how often the manifest is looked at; 0s: 2s on a directory, 5s on a bucket")
	s.Bool(&o.Cgroups, "cgroups", true, "run instances in cgroups, where the machine lets the agent make some: without, their limits are not enforced")
	s.Bool(&o.StopOnExit, "stop.on.exit", false, "stop all instances when the agent ends")
	return s
}

const defaultAddress = "127.0.0.1"

// ParseOptions reads flags, STATHUB_ variables and the --config file. Errors are code Invalid, or option.ErrHelp and
// option.ErrVersion. getenv is os.Getenv.
func ParseOptions(args []string, getenv func(string) string) (Options, error) {
	var o Options
	if err := table(&o).Parse(args, getenv); err != nil {
		return Options{}, err
	}
	return o, o.complete(getenv("HOME"), getenv("USERPROFILE"))
}

// complete fills in what depends on the machine, and refuses what makes no sense.
func (o *Options) complete(homes ...string) error {
	bad := func(name, format string, args ...any) error {
		return state.Errorf(state.Invalid, "--"+name, format, args...)
	}
	for _, home := range homes {
		if o.StoreDirectory == "" && home != "" {
			o.StoreDirectory = filepath.Join(home, ".stat_agent")
		}
	}
	if o.StoreDirectory == "" {
		return bad("store.directory", "must be given: there is no home directory to put it in")
	}
	dir, err := filepath.Abs(o.StoreDirectory)
	if err != nil {
		return bad("store.directory", "cannot use %q: %w", o.StoreDirectory, err)
	}
	o.StoreDirectory = dir
	if o.ServerPort < 0 || o.ServerPort > 65535 {
		return bad("server.port", "must be a port from 1 to 65535, or 0 for any, not %d", o.ServerPort)
	}
	if o.NodeID == "" {
		o.NodeID = host.NodeID(o.StoreDirectory)
	}
	if err := state.CheckName(o.NodeID); err != nil {
		return bad("node.id", "%w", err)
	}
	tags := state.Tags(o.NodeTags)
	if err := state.Check("--node.tags", &tags); err != nil {
		return err
	}
	for name, address := range map[string]string{"master.address": o.MasterAddress, "agent.address": o.AgentAddress} {
		if address == "" {
			continue
		}
		if u, err := url.Parse(address); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return bad(name, "must be http://host:port, not %q", address)
		}
	}
	return nil
}

// Standalone reports whether the agent's own directory is its bucket: no master, no other bucket.
func (o *Options) Standalone() bool { return o.MasterAddress == "" && o.StateURL == "" }

// stateURL gives the bucket to use: the one that is named, else the master's gateway, else a folder of the agent's own.
func (o *Options) stateURL() string {
	switch {
	case o.StateURL != "":
		return o.StateURL
	case o.MasterAddress != "":
		return o.MasterAddress
	default:
		path := filepath.ToSlash(filepath.Join(o.StoreDirectory, "state"))
		if !strings.HasPrefix(path, "/") {
			path = "/" + path // C:/…
		}
		return (&url.URL{Scheme: "file", Path: path}).String()
	}
}

// poll gives how often to look at the manifest: where that costs nothing, more often.
func (o *Options) poll() time.Duration {
	if o.Poll > 0 {
		return o.Poll
	}
	if scheme, _, _ := strings.Cut(o.stateURL(), ":"); scheme == "file" || scheme == "mem" {
		return 2 * time.Second
	}
	return 5 * time.Second
}

// howToStart tells the owner of a standalone agent how to have something run.
func (o *Options) howToStart() string {
	return "add apps on the page, with POST /v1/app, or in " + filepath.Join(o.StoreDirectory, "state", filepath.FromSlash(state.KindManifest.Key(o.NodeID)))
}
