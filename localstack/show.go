package main

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"stathub/state"
)

// printer writes for people, a whole line at a time.
type printer struct {
	mu sync.Mutex
	w  io.Writer
}

func (p *printer) line(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintf(p.w, time.Now().Format(time.TimeOnly)+"  "+format+"\n", args...)
}

func (p *printer) table(rows [][]string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintln(p.w)
	t := tabwriter.NewWriter(p.w, 2, 8, 2, ' ', 0)
	for _, row := range rows {
		fmt.Fprintln(t, "  "+strings.Join(row, "\t"))
	}
	t.Flush()
	fmt.Fprintln(p.w)
}

func (p *printer) heading(s *stack, ports ports) {
	rows := [][]string{{"STAT hub", "local stack"}, {"data", s.dir}}
	for i, address := range s.addresses {
		rows = append(rows, []string{masterName(i), address})
	}
	for i, port := range ports.agents {
		rows = append(rows, []string{"agent " + agentName(i), "http://127.0.0.1:" + strconv.Itoa(port)})
	}
	p.table(rows)
}

// deploySample creates, places and starts the sample, once in the life of the data folder: whoever deletes it or scales
// it finds it so the next time. It gives the number of processes to wait for.
func (s *stack) deploySample(ctx context.Context, artifacts *url.URL) (processes int, err error) {
	if _, err := os.Stat(s.path(sampleMark)); err == nil {
		return 0, s.moveSample(ctx, artifacts)
	}
	_, havePython, err := python(s.dir)
	if err != nil {
		return 0, err
	}
	app, err := sampleApp(artifacts, havePython)
	if err != nil {
		return 0, err
	}
	s.out.line("deploying %s, %d processes", sampleName, sampleScale)
	choreo := state.Choreo{App: sampleName, Query: "*", Scale: sampleScale}
	for _, step := range []struct {
		method, path string
		body         []byte
	}{
		{"POST", "/v1/app", state.Encode(app)},
		{"PUT", "/v1/app/" + sampleName + "/choreo", state.Encode(choreo)},
		{"POST", "/v1/app/" + sampleName + "/_start", nil},
	} {
		if err := s.master.call(ctx, step.method, step.path, step.body, nil); err != nil {
			return 0, fmt.Errorf("cannot deploy the sample: %w", err)
		}
	}
	return sampleScale, os.WriteFile(s.path(sampleMark), nil, 0o640)
}

// moveSample points a sample of an earlier run at where its artifact is served now, if that changed.
func (s *stack) moveSample(ctx context.Context, artifacts *url.URL) error {
	apps, err := s.apps(ctx)
	if err != nil {
		return err
	}
	for _, a := range apps {
		if a.Name != sampleName || len(a.URIs) != 1 {
			continue
		}
		old, err := url.Parse(a.URIs[0])
		if err != nil || old.Path != sampleFile || old.Hostname() != artifacts.Hostname() || old.Host == artifacts.Host {
			continue
		}
		var doc state.App
		if err := s.master.call(ctx, "GET", "/v1/app/"+sampleName, nil, &doc); err != nil {
			return err
		}
		doc.URIs = []string{artifacts.JoinPath(sampleFile).String()}
		return s.master.call(ctx, "PUT", "/v1/app/"+sampleName, state.Encode(doc), nil)
	}
	return nil
}

func (s *stack) apps(ctx context.Context) ([]appSummary, error) {
	var apps []appSummary
	err := s.master.call(ctx, "GET", "/v1/app?full=true", nil, &apps)
	return apps, err
}

// allRunning succeeds when every app runs as many processes as it should, and these are least or more: right after a
// change the master may not have taken it in.
func (s *stack) allRunning(ctx context.Context, least int) (string, error) {
	apps, err := s.apps(ctx)
	if err != nil {
		return "", err
	}
	wanted, running := 0, 0
	var short []string
	for _, a := range apps {
		wanted += a.Status.Wanted
		running += min(a.Status.Running, a.Status.Wanted)
		if a.Status.Running < a.Status.Wanted {
			why := ""
			for _, r := range a.Status.Reasons {
				why += ": " + r.Message
			}
			short = append(short, fmt.Sprintf("%s runs %d of %d%s", a.Name, a.Status.Running, a.Status.Wanted, why))
		}
	}
	progress := fmt.Sprintf("%d of %d processes are running", running, max(wanted, least))
	if wanted < least {
		return progress, fmt.Errorf("the master has not placed them yet")
	}
	if len(short) > 0 {
		return progress, fmt.Errorf("%s", strings.Join(short, "; "))
	}
	return progress, nil
}

func (s *stack) processes(ctx context.Context) ([]state.Proc, error) {
	var procs []state.Proc
	err := s.master.call(ctx, "GET", "/v1/proc", nil, &procs)
	return procs, err
}

func (s *stack) showProcesses(ctx context.Context) error {
	procs, err := s.processes(ctx)
	if err != nil {
		return err
	}
	rows := [][]string{{"APP", "NODE", "PID", "STATE", "URL"}}
	for _, p := range procs {
		rows = append(rows, []string{p.App, p.Node, strconv.Itoa(p.PID), string(p.State), firstURL(p)})
	}
	s.out.table(rows)
	s.out.line("console  %s", s.master.base)
	s.out.line("scale    curl -X POST -d 7 %s/v1/app/%s/_scale", s.master.base, sampleName)
	s.out.line("try      kill -9 one of the pids and see it return; edit the documents of the bucket; Ctrl-C stops everything")
	return nil
}

func firstURL(p state.Proc) string {
	if len(p.Ports) == 0 {
		return ""
	}
	return "http://127.0.0.1:" + strconv.Itoa(p.Ports[0])
}

// watch tells of every instance that comes, goes or gets another process, until ctx ends.
func (s *stack) watch(ctx context.Context) {
	known := map[string]state.Proc{}
	first := true
	for {
		if procs, err := s.processes(ctx); err == nil {
			seen := map[string]state.Proc{}
			for _, p := range procs {
				seen[p.Instance] = p
				if old, ok := known[p.Instance]; !first && (!ok || old.PID != p.PID || old.State != p.State) {
					s.out.line("%s is %s, pid %d  %s  %s", p.Instance, p.State, p.PID, firstURL(p), p.Reason)
				}
			}
			for id := range known {
				if _, ok := seen[id]; !ok {
					s.out.line("%s is gone", id)
				}
			}
			known, first = seen, false
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Second):
		}
	}
}
