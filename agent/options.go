// Package agent is the agent of one node: options, wiring, start and stop. What it does is in the packages below it;
// supervise is the heart.
package agent

import (
	"cmp"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"stathub/agent/bucket"
	"stathub/agent/host"
	"stathub/state"
	"stathub/state/option"
	"stathub/state/signature"
)

// Version is the agent's version, as reports and --version show it.
const Version = "0.1.0"

// Options are the options of an agent (seed 4.2, design section 8). ParseOptions fills in defaults; a zero value lacks them.
type Options struct {
	Masters        []string // http(s)://host:port of each master; empty with StateURL empty: standalone
	ServerPort     int
	ServerAddress  string
	StoreDirectory string   // absolute
	AgentAddress   string   // as others reach the agent; empty: found out
	StateURL       string   // see state.Open
	ReportURL      string   // where the agent writes; empty: to the bucket; bucket.Nowhere: not at all
	TrustKeys      []string // public keys, or files of them (signature.Parse), of which one must have signed the manifest; none: anybody's is followed
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
	s.Strings(&o.Masters, "master.address", nil, "the master, such as http://master:51026, or several with commas between; none: standalone")
	s.Int(&o.ServerPort, "server.port", 51025, "port of the agent's own page and API; 0: any")
	s.String(&o.ServerAddress, "server.address", defaultAddress, "address that it listens on; 0.0.0.0: all")
	s.String(&o.StoreDirectory, "store.directory", "", "where the agent keeps its files (${HOME}/.stat_agent)")
	s.String(&o.AgentAddress, "agent.address", "", "the agent's address as others reach it, where it cannot be found out")
	s.String(&o.StateURL, "state.url", "", "the bucket: file:///dir, s3://bucket?…; default: the master, else the store directory")
	s.String(&o.ReportURL, "report.url", "", "where report, heartbeat, events and crashes go, as --state.url; none: nowhere; default: the bucket")
	s.Strings(&o.TrustKeys, "trust.key", nil, "follow only manifests signed with one of these minisign keys (RW…, or files of them)")
	s.String(&o.NodeID, "node.id", "", "name of this node; default: made of the host's name, the machine and the store directory")
	s.Strings(&o.NodeTags, "node.tags", nil, "the first tags of a new node")
	s.Bytes(&o.CacheMaxBytes, "cache.max.bytes", "10GiB", "artifacts that no app needs any more are kept up to this size; 0: none")
	s.Duration(&o.Heartbeat, "heartbeat", 10*time.Second, "how often the agent shows that it lives")
	s.Duration(&o.Poll, "poll", 0, "how often the manifest is looked at; 0s: 2s on a directory, 5s on a bucket, and less often there while nothing changes")
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
	for _, address := range o.Masters {
		if !isWeb(address) {
			return bad("master.address", "must be http://host:port, or several of them with commas between, not %q", address)
		}
	}
	if o.AgentAddress != "" && !isWeb(o.AgentAddress) {
		return bad("agent.address", "must be http://host:port, not %q", o.AgentAddress)
	}
	if o.ReportURL != "" && o.ReportURL != bucket.Nowhere && !strings.Contains(o.ReportURL, "://") {
		return bad("report.url", "must be a URL as --state.url takes it, or none, not %q", o.ReportURL)
	}
	if _, err := signature.Parse(o.TrustKeys...); err != nil {
		return bad("trust.key", "%w", err)
	}
	return nil
}

func isWeb(address string) bool {
	u, err := url.Parse(address)
	return err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https")
}

// Standalone reports whether the agent's own directory is its bucket: no master, no other bucket.
func (o *Options) Standalone() bool { return len(o.Masters) == 0 && o.StateURL == "" }

// master gives the first master, which pages link to; "" for none.
func (o *Options) master() string {
	if len(o.Masters) == 0 {
		return ""
	}
	return o.Masters[0]
}

// bucketURL gives the bucket to open: the one that is named, else a folder of the agent's own; "" when it is the masters'
// gateways.
func (o *Options) bucketURL() string {
	switch {
	case o.StateURL != "":
		return o.StateURL
	case len(o.Masters) > 0:
		return ""
	default:
		path := filepath.ToSlash(filepath.Join(o.StoreDirectory, "state"))
		if !strings.HasPrefix(path, "/") {
			path = "/" + path // C:/…
		}
		return (&url.URL{Scheme: "file", Path: path}).String()
	}
}

// stateURL names the bucket.
func (o *Options) stateURL() string {
	return cmp.Or(o.bucketURL(), strings.Join(slices.Sorted(slices.Values(o.Masters)), ","))
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
	return "add apps on the page, with POST /v1/app, or in " + o.manifestPlace()
}
