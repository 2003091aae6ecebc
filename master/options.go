package master

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"stathub/master/liveness"
	"stathub/state"
	"stathub/state/option"
	"stathub/state/retention"
	"stathub/state/signature"
)

// Version is the master's version, as --version shows it.
const Version = "0.1.0"

// Options are the options of a master (seed 4.1, design section 8). ParseOptions fills in defaults.
type Options struct {
	ServerPort     int    // 0: any
	ServerAddress  string // empty: 127.0.0.1
	StoreDirectory string // holds the bucket where StateURL names none; nothing else of the master lies on the disk
	StateURL       string // see state.Open; empty: a folder of StoreDirectory
	StateUnsafe    bool   // do not ask whether the store keeps its promises
	MasterName     string // among those that share the bucket; empty: host name and port
	NodeTimeout    time.Duration
	Freeze         liveness.Freeze
	RebalanceMoves int           // instances a minute that may be moved for balance alone; 0: none
	Poll           time.Duration // 0: what suits the bucket
	EventDays      int           // age at which events are removed; 0: never
	CrashDays      int           // age at which the last output of crashes is removed; 0: never
	Signing        Signing
	RejectedDays   int // age at which manifests that could not be read are removed; 0: never

	Elastic []string // options of the seed's Elasticsearch that were given, and mean nothing any more

	Log     *slog.Logger        // nil: text to Stderr
	Stderr  io.Writer           // nil: none
	Store   state.Store         // used in place of StateURL where not nil, and not closed; for programs that embed a master
	Started func(addr net.Addr) // called once the API is served; may be nil
}

const (
	defaultPort    = 51026
	defaultAddress = "127.0.0.1"
)

// elasticOptions are of the seed's built-in Elasticsearch. Start scripts may still have them.
var elasticOptions = [...]string{"elastic.http.port", "elastic.tcp.port"}

func table(o *Options) *option.Set {
	var ignored int
	s := option.New("stathub-master")
	s.Int(&o.ServerPort, "server.port", defaultPort, "port of the console and the API; 0: any")
	s.String(&o.ServerAddress, "server.address", defaultAddress, "address that the master listens on; 0.0.0.0: all")
	s.String(&o.StoreDirectory, "store.directory", "", "where the bucket lies when --state.url is not given (${HOME}/.stat_server)")
	s.String(&o.StateURL, "state.url", "", "the bucket: file:///dir, s3://bucket?…; default: the folder state of the store directory")
	s.String(&o.MasterName, "master.name", "", "name of this master among those that share the bucket; default: host name and port")
	s.Bool(&o.StateUnsafe, "state.unsafe", false, "use a store that ignores conditional writes; edits of two writers are lost then")
	s.Duration(&o.NodeTimeout, "node.timeout", 35*time.Second, "silence after which a node counts as down")
	s.Int(&o.Freeze.Percent, "freeze.percent", liveness.FreezePercent,
		"when more than this share of the nodes that were up falls silent together, nothing is moved off them until they are heard again; 100: never")
	s.Int(&o.Freeze.Nodes, "freeze.nodes", liveness.FreezeNodes, "and when they are at least so many")
	s.Int(&o.RebalanceMoves, "rebalance.moves", 0, "instances a minute that are moved for balance alone, when nodes have joined; 0: none")
	s.Duration(&o.Poll, "poll", 0, "how often the bucket is looked at; 0s: 2s on a directory, 5s on a bucket")
	s.Int(&o.EventDays, "events.keep.days", retention.EventDays, "days after which events are removed from the bucket; 0: never")
	s.Int(&o.CrashDays, "crashes.keep.days", retention.CrashDays, "days after which the last output of crashed instances is removed from the bucket; 0: never")
	o.Signing.options(s)
	s.Int(&o.RejectedDays, "rejected.keep.days", retention.RejectedDays, "days after which manifests that could not be read are removed from rejected/; 0: never")
	s.Int(&ignored, elasticOptions[0], 51027, "of earlier versions; ignored")
	s.Int(&ignored, elasticOptions[1], 51028, "of earlier versions; ignored")
	return s
}

// ParseOptions reads flags, STATHUB_ variables and the --config file. Errors are code Invalid, or option.ErrHelp and
// option.ErrVersion. getenv is os.Getenv.
func ParseOptions(args []string, getenv func(string) string) (Options, error) {
	var o Options
	s := table(&o)
	if err := s.Parse(args, getenv); err != nil {
		return Options{}, err
	}
	o.Signing.Password = getenv(signature.PasswordEnv)
	for _, name := range elasticOptions {
		if s.Given(name) {
			o.Elastic = append(o.Elastic, "--"+name)
		}
	}
	return o, o.complete(getenv("HOME"), getenv("USERPROFILE"))
}

// complete fills in what depends on the machine, and refuses what makes no sense.
func (o *Options) complete(homes ...string) error {
	if o.ServerPort < 0 || o.ServerPort > 65535 {
		return state.Errorf(state.Invalid, "--server.port", "must be a port from 1 to 65535, or 0 for any, not %d", o.ServerPort)
	}
	if o.MasterName != "" {
		if err := state.CheckName(o.MasterName); err != nil {
			return state.Errorf(state.Invalid, "--master.name", "%w", err)
		}
	}
	if o.NodeTimeout <= 0 {
		return state.Errorf(state.Invalid, "--node.timeout", "must be more than 0s, not %s", o.NodeTimeout)
	}
	if o.Freeze.Percent < 1 || o.Freeze.Percent > 100 {
		return state.Errorf(state.Invalid, "--freeze.percent", "must be from 1 to 100, not %d", o.Freeze.Percent)
	}
	if o.RebalanceMoves < 0 {
		return state.Errorf(state.Invalid, "--rebalance.moves", "must be a number of instances a minute, or 0 for none, not %d", o.RebalanceMoves)
	}
	if o.Freeze.Nodes < 1 {
		return state.Errorf(state.Invalid, "--freeze.nodes", "must be 1 or more, not %d", o.Freeze.Nodes)
	}
	for name, days := range map[string]int{"events.keep.days": o.EventDays, "crashes.keep.days": o.CrashDays, "rejected.keep.days": o.RejectedDays} {
		if days < 0 {
			return state.Errorf(state.Invalid, "--"+name, "must be a number of days, or 0 for ever, not %d", days)
		}
	}
	for _, home := range homes {
		if o.StoreDirectory == "" && home != "" {
			o.StoreDirectory = filepath.Join(home, ".stat_server")
		}
	}
	if o.StateURL != "" {
		return nil
	}
	if o.StoreDirectory == "" {
		return state.Errorf(state.Invalid, "--store.directory", "must be given, or --state.url: there is no home directory to put the bucket in")
	}
	dir, err := filepath.Abs(filepath.Join(o.StoreDirectory, "state"))
	if err != nil {
		return state.Errorf(state.Invalid, "--store.directory", "cannot use %q: %w", o.StoreDirectory, err)
	}
	path := filepath.ToSlash(dir)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // C:/…
	}
	o.StateURL = (&url.URL{Scheme: "file", Path: path}).String()
	return nil
}

// poll gives how often to look at the bucket: where that costs nothing, more often.
func (o *Options) poll() time.Duration {
	if o.Poll > 0 {
		return o.Poll
	}
	if scheme, _, _ := strings.Cut(o.StateURL, ":"); scheme == "file" || scheme == "mem" {
		return 2 * time.Second
	}
	return 5 * time.Second
}

// answered prints what --help and --version ask for, or why the options are refused, and gives the exit status.
func answered(err error, stdout, stderr io.Writer) int {
	switch {
	case errors.Is(err, option.ErrHelp):
		fmt.Fprint(stdout, table(&Options{}).Usage())
		return 0
	case errors.Is(err, option.ErrVersion):
		fmt.Fprintln(stdout, "stathub-master", Version)
		return 0
	default:
		fmt.Fprintln(stderr, "stathub-master:", err)
		return 2
	}
}
