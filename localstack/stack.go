package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"stathub/localstack/miniosrv"
)

// stack is a running local stack.
type stack struct {
	options
	out       *printer
	master    *api     // the first one
	addresses []string // of all masters
	stateURL  string   // of the bucket as masters reach it
	agentURL  string   // as agents do
	endpoint  string   // of MinIO; empty: the bucket is a directory
	stateEnv  []string // credentials of the bucket
	binDir    string   // to put in front of the agents' PATH; may be empty
}

const (
	markFile    = ".stathub-localstack" // says that a folder is ours to clean
	sampleMark  = "sample-deployed"
	minioBucket = "stathub"
	readyWait   = 60 * time.Second
)

// runStack brings the stack up, tells what runs where, and keeps it up until ctx ends. It stops what it started, in
// reverse order: agents, which stop their processes, before the master and the bucket.
func runStack(ctx context.Context, o options, w io.Writer) error {
	s := &stack{options: o, out: &printer{w: w}}
	if err := s.prepare(); err != nil {
		return err
	}
	ports, err := s.choosePorts()
	if err != nil {
		return err
	}
	for _, port := range ports.masters {
		s.addresses = append(s.addresses, "http://127.0.0.1:"+strconv.Itoa(port))
	}
	s.master = newAPI(s.addresses[0])
	s.out.heading(s, ports)

	// Each layer has its own lifetime, so that the lower one outlives the upper.
	stopBucket, err := s.startBucket(ctx)
	if err != nil {
		return err
	}
	stopFaults, err := s.startFaults(ctx)
	if err == nil {
		err = errors.Join(s.runPrograms(ctx, ports), stopFaults())
	}
	err = errors.Join(err, stopBucket())
	if err == nil {
		s.out.line("stopped; the data stays in %s", s.dir)
	}
	return err
}

func (s *stack) runPrograms(ctx context.Context, ports ports) error {
	artifacts := artifactServer()
	listener, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(ports.artifacts))
	if err != nil {
		return fmt.Errorf("cannot serve the sample's artifact: %w", err)
	}
	served := make(chan error, 1)
	go func() { served <- artifacts.Serve(listener) }()
	defer func() { artifacts.Close(); <-served }()

	masterCtx, stopMaster := context.WithCancel(context.WithoutCancel(ctx))
	agentCtx, stopAgents := context.WithCancel(context.WithoutCancel(ctx))
	defer stopMaster()
	defer stopAgents()
	var master, agents errgroup.Group
	for i, port := range ports.masters {
		master.Go(func() error { return s.masterChild(i, port).guard(masterCtx, s.out.line) })
	}
	for i, port := range ports.agents {
		agents.Go(func() error { return s.agentChild(i, port).guard(agentCtx, s.out.line) })
	}
	err = s.bringUp(ctx, &url.URL{Scheme: "http", Host: listener.Addr().String()})
	if err == nil {
		s.watch(ctx)
	}
	if ctx.Err() != nil {
		err = nil // Ctrl-C is not a failure, whatever it interrupted
	}
	s.out.line("stopping …")
	stopAgents()
	err = errors.Join(err, agents.Wait())
	stopMaster()
	return errors.Join(err, master.Wait())
}

// bringUp waits for each part in turn, deploys the sample the first time, and shows what runs.
func (s *stack) bringUp(ctx context.Context, artifacts *url.URL) error {
	began := time.Now()
	if err := s.waitFor(ctx, "master", func(ctx context.Context) (string, error) {
		return "", s.master.call(ctx, "GET", "/readyz", nil, nil)
	}); err != nil {
		return err
	}
	s.out.line("master is ready after %s", time.Since(began).Round(10*time.Millisecond))
	if err := s.waitFor(ctx, "agents", func(ctx context.Context) (string, error) {
		var r searchResult
		err := s.master.call(ctx, "POST", "/v1/node/_search?size=0", []byte("*"), &r)
		if err == nil && r.Total < s.agents {
			err = fmt.Errorf("%d of %d have reported", r.Total, s.agents)
		}
		return fmt.Sprintf("%d of %d agents are up", r.Total, s.agents), err
	}); err != nil {
		return err
	}
	least, err := s.deploySample(ctx, artifacts)
	if err != nil {
		return err
	}
	err = s.waitFor(ctx, "processes", func(ctx context.Context) (string, error) { return s.allRunning(ctx, least) })
	if err != nil {
		// A user's own app may well be unable to run; the stack is up all the same.
		s.out.line("%v", err)
	}
	s.out.line("up after %s", time.Since(began).Round(10*time.Millisecond))
	return s.showProcesses(ctx)
}

// waitFor polls check until it succeeds, and shows its progress when that changes.
func (s *stack) waitFor(ctx context.Context, what string, check func(ctx context.Context) (progress string, err error)) error {
	ctx, cancel := context.WithTimeoutCause(ctx, readyWait, fmt.Errorf("%s not ready after %s", what, readyWait))
	defer cancel()
	last := ""
	for {
		progress, err := check(ctx)
		if progress != last {
			s.out.line("%s", progress)
			last = progress
		}
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w; the logs are in %s", context.Cause(ctx), err, s.path("logs"))
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (s *stack) path(parts ...string) string {
	return filepath.Join(append([]string{s.dir}, parts...)...)
}

// prepare makes the data folder, or empties it with --clean, but only a folder that a stack has made.
func (s *stack) prepare() error {
	mark := s.path(markFile)
	if s.clean {
		entries, err := os.ReadDir(s.dir)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		if _, err := os.Stat(mark); err != nil && len(entries) > 0 {
			return fmt.Errorf("--clean: %s is not the data of a local stack (no %s in it); remove it yourself if it may go", s.dir, markFile)
		}
		if err := os.RemoveAll(s.dir); err != nil {
			return fmt.Errorf("--clean: %w", err)
		}
	}
	if err := os.MkdirAll(s.dir, 0o750); err != nil {
		return err
	}
	if err := os.WriteFile(mark, []byte("The data of a STAT hub local stack; it may be removed while the stack is stopped.\n"), 0o640); err != nil {
		return err
	}
	bin, found, err := python(s.dir)
	if err != nil {
		return err
	}
	if s.binDir = bin; !found {
		s.out.line("no python3 on this machine: the sample is a small Go program that shows the same page")
	}
	return nil
}

// startBucket names the bucket and, with --minio, starts the server that keeps it.
func (s *stack) startBucket(ctx context.Context) (stop func() error, err error) {
	if !s.minio {
		s.stateURL = (&url.URL{Scheme: "file", Path: filepath.ToSlash(s.path("bucket"))}).String()
		s.agentURL = s.stateURL
		s.out.line("bucket: %s", s.path("bucket"))
		return func() error { return nil }, os.MkdirAll(s.path("bucket"), 0o750)
	}
	srv, err := miniosrv.Start(ctx, s.path("server"), miniosrv.Options{Logf: s.out.line})
	if err != nil {
		return nil, err
	}
	if err := srv.CreateBucket(ctx, minioBucket); err != nil {
		return nil, errors.Join(err, srv.Stop())
	}
	s.stateURL, s.stateEnv, s.endpoint = srv.StateURL(minioBucket), srv.Env(), srv.Endpoint
	s.agentURL = s.stateURL
	s.out.line("bucket: %s of MinIO at %s (%s)", minioBucket, srv.Endpoint, strings.Join(srv.Env(), " "))
	return srv.Stop, nil
}

func (s *stack) masterChild(i, port int) *child {
	name := masterName(i)
	return &child{
		name: name, log: s.path("logs", name+".log"), env: s.stateEnv,
		args: []string{"role-master", "--server.port=" + strconv.Itoa(port), "--store.directory=" + s.path(name), "--state.url=" + s.stateURL,
			"--master.name=" + name},
	}
}

// masterName is "master" for the first one, then "master-2" and so on.
func masterName(i int) string {
	if i == 0 {
		return "master"
	}
	return "master-" + strconv.Itoa(i+1)
}

// demoTags makes node queries such as tags:ssd worth trying.
var demoTags = []string{"appserver,ssd,zone:a", "appserver,zone:b", "hpc,ssd,zone:c"}

func (s *stack) agentChild(i, port int) *child {
	name := agentName(i)
	env := s.stateEnv
	if s.binDir != "" {
		env = append(env[:len(env):len(env)], "PATH="+s.binDir+string(os.PathListSeparator)+os.Getenv("PATH"))
	}
	return &child{
		name: "agent " + name, log: s.path("logs", name+".log"), env: env,
		args: []string{"role-agent", "--server.port=" + strconv.Itoa(port), "--store.directory=" + s.path(name), "--state.url=" + s.agentURL,
			"--master.address=" + strings.Join(s.addresses, ","), "--node.id=" + name, "--node.tags=" + demoTags[i%len(demoTags)], "--stop.on.exit=true"},
	}
}

func agentName(i int) string { return "local-" + strconv.Itoa(i+1) }

// ports of the programs, all on 127.0.0.1.
type ports struct {
	artifacts int
	masters   []int
	agents    []int
}

// choosePorts lays out the ports, and finds out early which one is taken.
func (s *stack) choosePorts() (ports, error) {
	p := ports{artifacts: s.port + 2, masters: make([]int, s.masters)}
	p.masters[0] = s.port // the others take free ones
	for i := range s.agents {
		p.agents = append(p.agents, s.port-1+100*i)
	}
	all := []*int{&p.artifacts}
	for i := range p.masters {
		all = append(all, &p.masters[i])
	}
	for i := range p.agents {
		all = append(all, &p.agents[i])
	}
	for _, port := range all {
		if s.port == 0 {
			*port = 0
		}
		l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(*port))
		if err != nil {
			return p, fmt.Errorf("port %d is taken: is another local stack running? --port chooses others, 0 free ones: %w", *port, err)
		}
		// All stay open until every port is chosen, so that none is chosen twice.
		defer l.Close()
		*port = l.Addr().(*net.TCPAddr).Port
	}
	return p, nil
}
