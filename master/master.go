// Package master is the master: options, wiring, start and stop. What it does is in the packages below it; control is
// the heart.
package master

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
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"stathub/master/console"
	"stathub/master/control"
	"stathub/master/httpapi"
	"stathub/master/journal"
	"stathub/master/lease"
	"stathub/master/mirror"
	"stathub/master/stats"
	"stathub/state"
	_ "stathub/state/blobstore" // s3://, gs://, azblob://
	_ "stathub/state/dirstore"  // file://
	"stathub/state/guard"
	"stathub/state/httpstore"
	_ "stathub/state/memstore" // mem://
	"stathub/state/metric"
	"stathub/state/retention"
	"stathub/web/live"
	"stathub/web/rest"
)

// How long stopping and the self-test of the store may take.
const (
	stopGrace    = 3 * time.Second // for requests that are being answered
	probeTimeout = 20 * time.Second
)

// Main is the whole program: it runs until SIGINT or SIGTERM, and gives the exit status.
func Main(args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	o, err := ParseOptions(args, getenv)
	if err != nil {
		return answered(err, stdout, stderr)
	}
	o.Stderr = stderr
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := Run(ctx, o); err != nil {
		fmt.Fprintln(stderr, "stathub-master:", err)
		return 1
	}
	return 0
}

// Run runs a master until ctx ends. It starts even while the bucket is out of reach, and keeps trying; it ends with an
// error where the options cannot work: a port in use, a bad URL, a store that loses edits.
func Run(ctx context.Context, o Options) (err error) {
	log := o.logger()
	for _, name := range o.Elastic {
		log.Warn("this option has no effect any more: the search index is built in; search nodes with POST /v1/node/_search, and browse documents at /v1/bucket",
			"option", name)
	}
	store := o.Store
	if store == nil {
		if store, err = state.Open(ctx, o.StateURL); err != nil {
			return fmt.Errorf("cannot open the bucket of --state.url: %w", err)
		}
		defer func() { err = errors.Join(err, store.Close()) }()
	}
	var stores guard.Stores
	guarded := stores.Add("bucket", store)
	mirrored := mirror.New(guarded, mirror.Options{Fresh: 2 * o.poll()})
	store = mirrored
	found, err := newIndexes()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, found.Close()) }()
	listener, err := o.listen()
	if err != nil {
		return err
	}
	signer, trust, err := o.Signing.load(log)
	if err != nil {
		return err
	}
	var hub live.Hub
	var plans metric.Histogram
	var mind *control.Controller
	var events *journal.Journal
	elector := lease.New(lease.Options{
		Store: guarded.Meter, // each request has its own deadline, and is the probe of what it is about
		Name:  o.name(listener.Addr()), Address: address(listener.Addr()), Log: log,
		Known: func() (int64, bool) { return mind.HighestTerm() },
	})
	mind = control.New(control.Options{
		Name: o.name(listener.Addr()), Leader: elector,
		Store: store, Index: found.nodes, Apps: found.apps, Procs: found.procs, Log: log, Gate: o.gate(store, log),
		Poll: o.poll(), NodeTimeout: o.NodeTimeout, Freeze: o.Freeze, RebalanceMoves: o.RebalanceMoves,
		Signer: signer, Trust: trust, Planned: planned(&hub, plans.Observe), Changed: documentChanged(&hub),
		Listed: func() { hub.Changed(live.Lists) }, Told: func(all []state.Event) { events.Tell(all) },
	})
	events = journal.New(journal.Options{Store: store, Index: found.events, Log: log, Changed: func() { hub.Changed(live.Events) }})
	usage := stats.New(stats.Options{Each: eachNode(mind)})
	loopback := rest.LoopbackAddr(listener.Addr())
	if !loopback {
		log.Warn("everybody who reaches this address can run programs on the nodes: there is no sign-in yet", "address", listener.Addr())
	}
	told := gauges{started: time.Now(), mind: mind, leader: elector, stores: &stores, plans: &plans}
	served := httpapi.Options{
		Master: func() httpapi.Master {
			s := elector.Status()
			return httpapi.Master{Name: s.Name, Leads: s.Leads, Leader: httpapi.LeaderOf(&s.Leader), Note: s.Note}
		},
		Metrics: told.write, Store: stores.States, Stats: usage,
		Control: mind, Journal: events, Suggest: found.suggest(), Log: log, Gateway: gateway(ctx, mirrored, mind),
	}
	served.Page = console.Handler(o.pages(mind, events, usage, elector, &stores, &hub, httpapi.Document(served), ctx.Done()))
	api := httpapi.Handler(served)
	clean := leading(elector, func(ctx context.Context) {
		retention.Run(ctx, retention.Options{Store: store, Log: log, EventDays: o.EventDays, CrashDays: o.CrashDays, RejectedDays: o.RejectedDays})
	})
	log.Info("master started", "name", o.name(listener.Addr()), "listening", listener.Addr().String(), "bucket", bucketName(o.StateURL), "version", Version)
	err = serve(ctx, listener, rest.Secure(api, rest.SecureOptions{Log: log, Loopback: loopback}), []task{electing(elector, mind.Run), events.Run, usage.Run, clean}, o.Started, log)
	log.Info("master stopped")
	return err
}

// gateway serves the bucket to agents, until ctx ends.
func gateway(ctx context.Context, m *mirror.Mirror, mind *control.Controller) http.Handler {
	return httpstore.Handler(m.Gateway(), httpstore.Options{
		Allow: httpstore.AllowNode, Heartbeat: mind.Beat, Hinted: mirror.Mirrored, Stop: ctx.Done(),
	})
}

// task is work that goes on until ctx ends, or that fails.
type task func(ctx context.Context) error

// serve runs the API and the tasks until ctx ends or one of them fails, and waits for all.
func serve(ctx context.Context, l net.Listener, api http.Handler, tasks []task, started func(net.Addr), log *slog.Logger) error {
	requests, cutOff := context.WithCancel(context.WithoutCancel(ctx))
	defer cutOff()
	server := rest.NewServer(api, log)
	server.BaseContext = func(net.Listener) context.Context { return requests }
	g, ctx := errgroup.WithContext(ctx)
	for _, run := range tasks {
		g.Go(func() error { return run(ctx) })
	}
	g.Go(func() error {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("cannot serve the API: %w", err)
		}
		return nil
	})
	g.Go(func() error {
		<-ctx.Done()
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopGrace)
		defer cancel()
		if server.Shutdown(grace) != nil { // somebody follows a log
			cutOff()
			_ = server.Close() // the listener is closed already
		}
		return nil
	})
	if started != nil {
		started(l.Addr())
	}
	return g.Wait()
}

func (o *Options) logger() *slog.Logger {
	if o.Log != nil {
		return o.Log
	}
	if o.Stderr == nil {
		o.Stderr = os.Stderr
	}
	return slog.New(slog.NewTextHandler(o.Stderr, nil))
}

func (o *Options) listen() (net.Listener, error) {
	host := o.ServerAddress
	if host == "" {
		host = defaultAddress
	}
	address := net.JoinHostPort(host, strconv.Itoa(o.ServerPort))
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w; choose another port with --server.port, another address with --server.address", address, err)
	}
	return l, nil
}

// gate asks the store whether it keeps its promises on conditional writes.
func (o *Options) gate(store state.Store, log *slog.Logger) func(context.Context) error {
	if o.StateUnsafe {
		log.Warn("the store is used unasked (--state.unsafe): if it ignores conditions, edits of two writers are lost")
		return nil
	}
	return func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, probeTimeout)
		defer cancel()
		return state.Probe(ctx, store)
	}
}
