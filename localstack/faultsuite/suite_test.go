// Package faultsuite edits a cluster through everything that can fail, and holds the laws against what is left: every
// acknowledged edit is there, none is lost or invented, no manifest of a lower term is followed, all agents converge, and
// no process ended but by an edit.
package faultsuite

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"stathub/localstack/faults"
	"stathub/localstack/fleet"
	"stathub/state"
	"stathub/state/httpstore"
)

// What the cluster is made of.
const (
	writers    = 8
	agents     = 8
	masters    = 2
	idleApps   = 6 // are edited and run nowhere
	liveApps   = 2 // are edited and run: each edit restarts them
	liveScale  = 4
	steadyApp  = "steady" // runs everywhere; its choreography is edited, to the same effect
	untouched  = "untouched"
	idlePrefix = "idle-"
	livePrefix = "live-"
	soloPrefix = "solo-"
)

// suite is one run.
type suite struct {
	*testing.T
	bucket    state.Store // without faults
	seed      uint64
	edits     int
	journal   *journal
	registers []*register
	random    *rand.Rand
}

func newSuite(t *testing.T, bucket state.Store, edits int) *suite {
	s := &suite{T: t, bucket: bucket, seed: rand.Uint64(), edits: edits, journal: newJournal()}
	s.random = rand.New(rand.NewPCG(s.seed, 0))
	t.Logf("seed %d", s.seed)
	s.found()
	return s
}

func nodeName(i int) string { return fmt.Sprintf("node-%d", i) }

func (s *suite) put(key string, doc any) {
	s.Helper()
	if _, err := state.Write(s.Context(), s.bucket, key, state.Encode(doc), state.Condition{IfAbsent: true}); err != nil {
		s.Fatal(err)
	}
}

// found writes the documents that there are before the first edit.
func (s *suite) found() {
	app := func(name string, start bool, scale int, ch state.Choreo) {
		s.put(state.KindApp.Key(name), state.App{
			Name: name, ToProcess: "run", Envs: map[string]string{tokenEnv: first}, KillSignal: 15, Start: start,
		})
		ch.App, ch.Scale = name, scale
		if ch.Query == "" {
			ch.Query = "*"
		}
		s.put(state.KindChoreo.Key(name), ch)
	}
	const anywhere = "* OR tags:" + first
	app(untouched, true, 2*agents, state.Choreo{})
	app(steadyApp, true, 1, state.Choreo{Mode: state.ModeEach, Query: anywhere})
	s.registers = append(s.registers, ofChoreo(steadyApp))
	for i := range idleApps {
		name := fmt.Sprint(idlePrefix, i)
		app(name, false, 1, state.Choreo{})
		s.registers = append(s.registers, ofApp(name))
	}
	at, none := agents, 0.0
	for i := range liveApps {
		name := fmt.Sprint(livePrefix, i)
		app(name, true, liveScale, state.Choreo{Update: &state.UpdatePolicy{MaxParallel: &at, MinHealthySeconds: &none}})
		s.registers = append(s.registers, ofApp(name))
	}
	for i := range writers {
		name := fmt.Sprint(soloPrefix, i)
		app(name, false, 0, state.Choreo{Query: anywhere})
		s.registers = append(s.registers, ofChoreo(name))
	}
	for i := range agents {
		s.put(state.KindNode.Key(nodeName(i)), state.Node{ID: nodeName(i), Schedulable: true, Tags: []string{"ssd", tokenTag + first}})
		s.put(state.KindManifest.Key(nodeName(i)), state.Manifest{Node: nodeName(i), Apps: []state.ManifestEntry{{
			Count: 1, App: state.App{Name: handEntry, ToProcess: "run", KillSignal: 15, Start: true, Envs: map[string]string{tokenEnv: first}},
		}}})
		s.registers = append(s.registers, ofTags(nodeName(i)), ofManifest(nodeName(i)))
	}
}

// How long masters live, and are away, on average; the first one dies four times as soon. The lease of one that was
// killed has to run out first.
const (
	lifetime = 8 * time.Second
	absence  = time.Second
)

// cluster is what a run is made of.
type cluster struct {
	masters []mortal
	apis    []string        // their URLs, through proxies
	writers []state.Store   // ways to the bucket for those who write into it, through faults
	agents  []state.Store   // for agents; every other one goes through a master's gateway instead
	targets []faults.Target // what the storm breaks
	pace    time.Duration   // of faults, which last so long, with six times that in between
	look    *recorder
}

// run edits the cluster through faults, and checks what is left.
func (s *suite) run(ctx context.Context, c cluster) {
	f := s.fleet(100*time.Millisecond, func(i int) (state.Store, error) {
		if i%2 == 0 {
			return kept{c.agents[i/2%len(c.agents)]}, nil
		}
		u, err := url.Parse(c.apis[i/2%len(c.apis)])
		if err != nil {
			return nil, err
		}
		return httpstore.OpenFor(u, nodeName(i))
	})
	s.settle(ctx, "before the first edit", func() error { return s.converged(f) })
	before := pids(f)
	c.look.guard(steadyApp, untouched)

	s.storm(ctx, c, func() { s.write(ctx, c.apis, c.writers) })

	s.settle(ctx, "after the last edit", func() error { return s.converged(f) })
	s.verify()
	if after := pids(f); !maps.Equal(after, before) {
		s.Errorf("processes of apps that nobody edited: %v, before %v", after, before)
	}
	if twice := f.Twice(); len(twice) > 0 {
		s.Errorf("instances had two processes at one time: %v", twice)
	}
	for _, wrong := range c.look.findings() {
		s.Error(wrong)
	}
}

// kept is a store that its test closes.
type kept struct{ state.Store }

func (kept) Close() error { return nil }

// write has all writers edit until there are enough acknowledged edits. Each store of buckets is a way to the bucket.
func (s *suite) write(ctx context.Context, masters []string, buckets []state.Store) {
	transport := &http.Transport{MaxIdleConnsPerHost: writers}
	defer transport.CloseIdleConnections()
	ctx, cancel := context.WithCancel(ctx)
	var wg, watching sync.WaitGroup
	watching.Go(func() { s.watch(ctx, cancel) })
	defer watching.Wait()
	defer cancel()
	for i := range writers {
		w := &writer{
			name: fmt.Sprint("w", i), masters: masters, bucket: buckets[i%len(buckets)], registers: s.registers, solo: fmt.Sprint(soloPrefix, i),
			journal: s.journal, random: rand.New(rand.NewPCG(s.seed, uint64(100+i))), client: &http.Client{Transport: transport},
		}
		wg.Go(func() {
			if err := w.write(ctx, int64(s.edits)); err != nil {
				s.Error(err)
			}
		})
	}
	wg.Wait()
	sure, open, lost := s.journal.counts()
	s.Logf("%d edits were acknowledged, %d got no answer, %d came after another writer", sure, open, lost)
	if sure < s.edits {
		s.Errorf("only %d of %d edits were acknowledged", sure, s.edits)
	}
}

// watch calls cancel when no edit is acknowledged any more.
func (s *suite) watch(ctx context.Context, cancel func()) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	last, since := int64(0), time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if n := s.journal.acknowledged.Load(); n != last {
			last, since = n, time.Now()
		} else if time.Since(since) > stuck {
			s.Errorf("no edit was acknowledged for %s", stuck)
			cancel()
			return
		}
	}
}

// verify reads all registers.
func (s *suite) verify() {
	s.Helper()
	for _, r := range s.registers {
		data, _, err := state.Read(s.Context(), s.bucket, r.key, "", state.MaxDocument)
		if err != nil {
			s.Error(err)
			continue
		}
		token, err := r.read(data)
		if err != nil {
			s.Error(err)
			continue
		}
		for _, err := range s.journal.check(r, token) {
			s.Error(err)
		}
	}
	for i := range writers {
		name := fmt.Sprint(soloPrefix, i)
		ch, _, err := current[state.Choreo](s, state.KindChoreo.Key(name))
		if err != nil {
			s.Error(err)
		} else if err := s.journal.checkScale(name, ch.Scale); err != nil {
			s.Error(err)
		}
	}
}

// storm breaks targets, and kills masters, while work goes on; then all is well again.
func (s *suite) storm(ctx context.Context, c cluster, work func()) {
	ctx, calm := context.WithCancel(ctx)
	var wg sync.WaitGroup
	struck := map[faults.Fault]int{}
	var mu sync.Mutex
	storm := faults.Storm{Targets: c.targets, Fault: c.pace, Calm: 6 * c.pace, Seed: s.seed, Say: func(_ string, f faults.Fault) {
		mu.Lock()
		defer mu.Unlock()
		struck[f]++
	}}
	wg.Go(func() {
		if err := storm.Run(ctx); err != nil {
			s.Error(err)
		}
	})
	wg.Go(func() { reap(ctx, s.T, c.masters, lifetime, absence, s.seed) })
	work()
	calm()
	wg.Wait()
	delete(struck, "")
	s.Logf("faults: %v", struck)
}

// fleet starts the simulated agents.
func (s *suite) fleet(poll time.Duration, open func(i int) (state.Store, error)) *fleet.Fleet {
	s.Helper()
	f, err := fleet.Start(context.WithoutCancel(s.Context()), fleet.Options{
		N: agents, Open: open, Node: nodeName, Poll: poll, Heartbeat: time.Second,
	})
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() {
		if err := f.Stop(); err != nil {
			s.Error(err)
		}
	})
	return f
}

// converged says what the agents lack to run exactly what the documents say.
func (s *suite) converged(f *fleet.Fleet) error {
	var errs []error
	placed := map[string]int{}
	for i := range f.Len() {
		m, etag, err := current[state.Manifest](s, state.KindManifest.Key(nodeName(i)))
		if err != nil {
			return err
		}
		report, _, err := current[state.Report](s, state.KindReport.Key(nodeName(i)))
		if err != nil {
			return err
		}
		if report.Manifest.ETag != etag || report.Manifest.Error != "" {
			errs = append(errs, fmt.Errorf("node %d follows %+v, the bucket has revision %s of generation %d", i, report.Manifest, etag, m.Generation))
		}
		runs := map[string]int{}
		for _, p := range f.Agent(i).Machine.Running() {
			name := p.Env["APP_NAME"]
			runs[name]++
			if e := m.Entry(name); e == nil || e.App.Envs[tokenEnv] != p.Env[tokenEnv] || len(e.Previous) > 0 {
				errs = append(errs, fmt.Errorf("node %d: %s runs with token %q, which is not the manifest's", i, p.Instance, p.Env[tokenEnv]))
			}
		}
		for _, e := range m.Apps {
			placed[e.App.Name] += e.Instances()
			if runs[e.App.Name] != e.Instances() {
				errs = append(errs, fmt.Errorf("node %d runs %d instances of %s, its manifest has %d", i, runs[e.App.Name], e.App.Name, e.Instances()))
			}
		}
	}
	for app, want := range wanted() {
		if placed[app] != want {
			errs = append(errs, fmt.Errorf("%d instances of %s are placed, not %d", placed[app], app, want))
		}
	}
	for i := range liveApps {
		errs = append(errs, s.upToDate(fmt.Sprint(livePrefix, i)))
	}
	return errors.Join(errs...)
}

// wanted gives how many instances of each app there are to be.
func wanted() map[string]int {
	want := map[string]int{untouched: 2 * agents, steadyApp: agents, handEntry: agents}
	for i := range liveApps {
		want[fmt.Sprint(livePrefix, i)] = liveScale
	}
	return want
}

// upToDate compares an app with what the manifests make of it.
func (s *suite) upToDate(name string) error {
	app, _, err := current[state.App](s, state.KindApp.Key(name))
	if err != nil {
		return err
	}
	for i := range agents {
		m, _, err := current[state.Manifest](s, state.KindManifest.Key(nodeName(i)))
		if err != nil {
			return err
		}
		if e := m.Entry(name); e != nil && e.App.Envs[tokenEnv] != app.Envs[tokenEnv] {
			return fmt.Errorf("%s has token %s, the manifest of node %d says %s", name, app.Envs[tokenEnv], i, e.App.Envs[tokenEnv])
		}
	}
	return nil
}

// current reads a document of the bucket.
func current[T any, P interface {
	*T
	state.Document
}](s *suite, key string) (*T, state.ETag, error) {
	data, entry, err := state.Read(s.Context(), s.bucket, key, "", state.MaxDocument)
	if err != nil {
		return nil, "", err
	}
	doc, err := state.Decode[T, P](key, data)
	return doc, entry.ETag, err
}

// pids gives the processes of what nobody edits, by instance.
func pids(f *fleet.Fleet) map[string]int {
	all := map[string]int{}
	for i := range f.Len() {
		for _, p := range f.Agent(i).Machine.Running() {
			if name := p.Env["APP_NAME"]; name == untouched || name == steadyApp {
				all[p.Instance] = p.ID.PID
			}
		}
	}
	return all
}
