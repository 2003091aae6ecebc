package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"stathub/agent/artifact"
	"stathub/agent/bucket"
	"stathub/agent/console"
	"stathub/agent/host"
	"stathub/agent/proc"
	"stathub/agent/stats"
	"stathub/agent/supervise"
	"stathub/state"
	"stathub/state/guard"
	"stathub/state/option"
	"stathub/state/retention"
	"stathub/web/live"
	"stathub/web/rest"
)

// Main is the program: it reads the options, runs until SIGINT or SIGTERM, and gives the exit code: 0 for a clean end,
// 1 for a failure, 2 for options that cannot be understood.
func Main(args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	if code, ok := proc.Helper(args); ok {
		return code
	}
	o, err := ParseOptions(args, getenv)
	switch {
	case errors.Is(err, option.ErrHelp):
		fmt.Fprint(stdout, table(&o).Usage())
		return 0
	case errors.Is(err, option.ErrVersion):
		fmt.Fprintln(stdout, "stathub-agent", Version)
		return 0
	case err != nil:
		fmt.Fprintln(stderr, "stathub-agent:", err)
		return 2
	}
	log := slog.New(slog.NewTextHandler(stderr, nil))
	ctx, hurry, release := signals(o.StopOnExit)
	defer release()
	o.Hurry = hurry
	if err := Run(ctx, o, log); err != nil {
		fmt.Fprintln(stderr, "stathub-agent:", err)
		return 1
	}
	return 0
}

// signals gives a context that the first signal to end cancels, and a channel that the second one closes. A reader of the
// log that went away does not end the agent (SIGPIPE), and with StopOnExit a terminal
// that closes is a signal to end too.
func signals(withInstances bool) (ctx context.Context, hurry <-chan struct{}, release func()) {
	caught := make(chan os.Signal, 2)
	signal.Notify(caught, os.Interrupt, syscall.SIGTERM)
	if withInstances && !signal.Ignored(syscall.SIGHUP) {
		signal.Notify(caught, syscall.SIGHUP)
	}
	pipe := make(chan os.Signal, 1) // never read: to be notified is enough
	signal.Notify(pipe, syscall.SIGPIPE)
	ctx, cancel := context.WithCancel(context.Background())
	second, done := make(chan struct{}), make(chan struct{})
	var waiter sync.WaitGroup
	waiter.Go(func() {
		for _, next := range []func(){cancel, func() { close(second) }} {
			select {
			case <-caught:
				next()
			case <-done:
				return
			}
		}
	})
	return ctx, second, func() {
		signal.Stop(caught)
		signal.Stop(pipe)
		close(done)
		waiter.Wait()
		cancel()
	}
}

// Run runs an agent until ctx ends; then its instances go on running, unless StopOnExit. An error is one of the start,
// such as a port in use (named with its flag), or of the end; what goes wrong in between is logged and reported.
func Run(ctx context.Context, o Options, log *slog.Logger) (err error) {
	var ends cleanups
	defer func() { err = errors.Join(err, ends.run()) }()

	lock, err := lockStore(o.StoreDirectory)
	if err != nil {
		return err
	}
	ends.add("let go of the store directory", lock.Close)
	node, err := lockNode(o.NodeID, o.stateURL())
	if err != nil {
		return err
	}
	ends.add("let go of the node's name", node.Close)
	// Nothing is served before the instances are adopted, but a port in use has to be known before anything is touched.
	listener, err := listen(o)
	if err != nil {
		return err
	}
	ends.add("close the listener", func() error { return closed(listener.Close()) })
	var stores guard.Stores
	store, err := openBucket(ctx, o, &stores, log)
	if err != nil {
		return err
	}
	ends.add("close the bucket", store.Close)
	runner, err := proc.NewRunner(o.StoreDirectory)
	if err != nil {
		return err
	}
	ends.add("stop watching processes", runner.Close)
	isolation := isolate(runner, o, log)
	cache, err := artifact.OpenWith(filepath.Join(o.StoreDirectory, "cache"), store, artifact.Options{
		MaxCache: int64(o.CacheMaxBytes), IdleTimeout: sourceStalls, OpenBucket: state.Open,
	})
	if err != nil {
		return err
	}
	ends.add("close the artifact cache", cache.Close)
	trust, err := o.trust()
	if err != nil {
		return err
	}
	address := o.address(listener.Addr())
	hostname, _ := os.Hostname()
	keeper := stats.New(stats.Options{Path: filepath.Join(o.StoreDirectory, "usage.series"), Measure: measureLean(), Log: log})
	var changes live.Hub
	sv := supervise.New(supervise.Options{
		Usage: keeper.Usage, Changed: func() { changes.Changed(console.Changed) },
		Node: o.NodeID, Dir: o.StoreDirectory, Store: store, Runner: runner, Artifacts: cache,
		Facts: factsAt(address), Hostname: hostname, Tags: o.NodeTags, Isolation: isolation, Limiter: runner, Version: Version,
		Trust: trust, Mute: o.ReportURL == bucket.Nowhere,
		Poll: o.poll(), Heartbeat: o.Heartbeat, LogsTold: true, Alone: o.Standalone(), StopOnExit: o.StopOnExit, Hurry: o.Hurry, Log: log,
	})
	return serve(ctx, o, parts{sv, keeper, store, &stores, &changes}, listener, address, log)
}

// isolate gives what limits this agent can enforce.
func isolate(runner *proc.Runner, o Options, log *slog.Logger) []string {
	if !o.Cgroups {
		return []string{supervise.IsolationDisk}
	}
	found, err := runner.Isolate(o.NodeID)
	found = append(found, supervise.IsolationDisk)
	if err != nil {
		log.Info("not all limits of instances can be enforced here", "enforced", found, "reason", err)
	}
	return found
}

// sourceStalls is when a source of artifacts that says nothing is given up: the restart of an instance waits for it, and
// goes on with the copy in the cache.
const sourceStalls = 10 * time.Second

// closed takes "closed already" off an error: the server closes its listener too.
func closed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

func factsAt(address string) func(context.Context) (state.Facts, error) {
	return func(ctx context.Context) (state.Facts, error) {
		f, err := host.Facts(ctx)
		f.AgentAddress = address
		return f, err
	}
}

func listen(o Options) (net.Listener, error) {
	address := net.JoinHostPort(o.ServerAddress, strconv.Itoa(o.ServerPort))
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w; choose another port with --server.port, or address with --server.address", address, err)
	}
	return l, nil
}

// address is the agent's URL as others reach it: the one that was given, else the bound address, else the machine's
// first address that is not loopback.
func (o *Options) address(bound net.Addr) string {
	if o.AgentAddress != "" {
		return o.AgentAddress
	}
	name, port, err := net.SplitHostPort(bound.String())
	if err != nil {
		return ""
	}
	if ip := net.ParseIP(name); ip != nil && ip.IsUnspecified() {
		if name = host.FirstAddress(); name == "" {
			name = defaultAddress
		}
	}
	return "http://" + net.JoinHostPort(name, port)
}

// shutdownGrace is how long requests under way get at the end.
const shutdownGrace = 3 * time.Second

// parts are what an agent is made of.
type parts struct {
	sv     *supervise.Supervisor
	stats  *stats.Keeper
	store  state.Store
	stores *guard.Stores
	live   *live.Hub // tells open pages
}

// serve supervises, and serves the page and the API, until ctx ends or one of the two fails.
func serve(ctx context.Context, o Options, p parts, l net.Listener, address string, log *slog.Logger) error {
	tell(o, l, address, log)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	supervised := make(chan error, 1)
	go func() {
		err := p.sv.Run(ctx)
		cancel(err)
		supervised <- err
	}()
	var aside sync.WaitGroup
	aside.Go(func() { keepLean(ctx) })
	aside.Go(func() { p.stats.Run(ctx) })
	if o.Standalone() { // nobody else looks after its bucket
		aside.Go(func() {
			retention.Run(ctx, retention.Options{Store: p.store, Log: log, EventDays: retention.EventDays, CrashDays: retention.CrashDays})
		})
	}
	defer aside.Wait()
	streams := make(chan struct{})
	server := rest.NewServer(handler(o, p, rest.LoopbackAddr(l.Addr()), streams, log), log)
	served := make(chan error, 1)
	go func() {
		err := server.Serve(l)
		if errors.Is(err, http.ErrServerClosed) {
			err = nil
		}
		cancel(err)
		served <- err
	}()
	<-ctx.Done()
	err := <-supervised // answers to the last: what stops can be watched
	grace, done := context.WithTimeout(context.WithoutCancel(ctx), shutdownGrace)
	defer done()
	close(streams)
	if server.Shutdown(grace) != nil {
		_ = server.Close()
	}
	return errors.Join(err, <-served)
}

// tell says at the start who the agent is, and what its owner should know.
func tell(o Options, l net.Listener, address string, log *slog.Logger) {
	log.Info("agent", "version", Version, "node", o.NodeID, "page", address, "listening", l.Addr().String(), "store", o.StoreDirectory)
	if !rest.LoopbackAddr(l.Addr()) {
		log.Warn("the agent listens beyond this machine, and there is no sign-in yet: whoever reaches it can stop processes",
			"listening", l.Addr().String())
	}
	if o.Standalone() {
		log.Info("standalone: no master, the store directory is the bucket; " + o.howToStart())
	}
}

// cleanups are what has to be undone, in reverse order.
type cleanups []cleanup

type cleanup struct {
	name string
	run  func() error
}

func (c *cleanups) add(name string, run func() error) { *c = append(*c, cleanup{name, run}) }

func (c cleanups) run() error {
	var errs []error
	for i := len(c) - 1; i >= 0; i-- {
		if err := c[i].run(); err != nil {
			errs = append(errs, fmt.Errorf("cannot %s: %w", c[i].name, err))
		}
	}
	return errors.Join(errs...)
}
