package supervise

import (
	"context"
	"errors"
	"maps"
	"strconv"
	"strings"
	"time"

	"stathub/agent/converge"
	"stathub/agent/proc"
	"stathub/state"
)

// SpecEnv is the variable in which a process carries the sum of what it was started from, so that an agent whose disk was
// wiped can tell whether it still is what the manifest asks for. GenerationEnv counts the starts of the instance: it tells
// a new process from what an earlier one left behind.
const (
	SpecEnv       = "STATHUB_SPEC"
	GenerationEnv = "STATHUB_GENERATION"
)

// try is one start of one instance, as the loop hands it out. It shares nothing with the loop that changes.
type try struct {
	id, app string
	n       int
	gen     int64
	sum     string
	spec    *spec
	ports   []int // of the last start: wanted again
	files   *gathering
	due     time.Time // the run of a scheduled job; zero: a service

	disconnect time.Duration // converge.Want.Disconnect
	followed   mark          // the manifest that it is started by
}

// launched is how a try ended.
type launched struct {
	id        proc.Identity
	at        time.Time
	ports     []int
	artifacts []state.ArtifactState // that it was made with, or was to be
	cached    map[string]string     // of these, by URI: why the copy in the cache was used
	limits    string                // those that are not enforced
	counters  proc.Counters
	blockedBy string // the instance that holds a port
	err       error  // not nil: nothing runs
}

// start begins a try. The instance has no process.
func (s *Supervisor) start(i *instance) {
	spec, want := s.desired.specs[i.id], s.desired.Wants[i.id]
	if want.Job == nil {
		i.have.Progress = converge.Progress{}
	}
	switch {
	case i.have.Spec != want.Spec:
		i.have.Failures, i.restarts, i.logged = 0, 0, ""
	case i.have.Ended != nil && i.have.Ended.Started:
		i.restarts++
	}
	files := i.gather(spec.app.URIs, i.have.Spec != want.Spec)
	i.gen++
	i.begun, i.apart = false, ""
	i.have.Spec, i.have.Ended, i.have.Failing, i.have.Killed, i.blockedBy = want.Spec, nil, "", false, ""
	i.killSignal, i.have.KillTimeout, i.have.Disconnect = spec.app.KillSignal, spec.app.KillTimeout(), want.Disconnect
	i.set(state.Starting, "")
	if len(spec.app.URIs) > 0 {
		i.set(state.Fetching, "fetching artifacts")
	}
	ctx, cancel := context.WithCancel(s.ctx)
	i.cancel = cancel
	t := try{id: i.id, app: i.app, n: i.n, gen: i.gen, sum: want.Spec, spec: spec, ports: i.ports, files: files, due: i.have.Run, disconnect: want.Disconnect,
		followed: mark{s.status.Term, s.status.Generation}}
	s.work.Go(func() {
		r := s.launch(ctx, t, func() {
			s.post(func() {
				if i.gen == t.gen && i.have.State == state.Fetching {
					i.set(state.Starting, "")
				}
			})
		})
		s.post(func() { s.started(i, t.gen, r) })
	})
}

// launch does what a start needs, in this order: artifacts, directories, ports, then fork and exec.
func (s *Supervisor) launch(ctx context.Context, t try, fetched func()) (r launched) {
	app := t.spec.app
	files, err := s.fetch(ctx, t.files)
	if err != nil {
		return launched{err: orCanceled(ctx, err)}
	}
	if len(files) > 0 {
		fetched()
	}
	for _, f := range files {
		r.artifacts = append(r.artifacts, state.ArtifactState{URI: f.URI, ETag: f.ETag})
	}
	r.cached = cachedNotes(files)
	dir, err := s.makeDirs(t)
	if err == nil && len(files) > 0 {
		err = s.opts.Artifacts.Place(ctx, files, dir)
	}
	if err == nil {
		err = s.diskFits(ctx, t)
	}
	if err != nil {
		r.err = orCanceled(ctx, err)
		return r
	}
	if !t.due.IsZero() && !s.noteBegun(ctx, t) {
		return launched{err: context.Canceled}
	}
	select {
	case s.forks <- struct{}{}:
		defer func() { <-s.forks }()
	case <-ctx.Done():
		return launched{err: context.Canceled}
	}
	if r.ports, err = s.ports.reserve(t.id, app.Ports, t.ports); err != nil {
		var busy *portBusy
		errors.As(err, &busy)
		return launched{err: err, blockedBy: busy.holder()}
	}
	s.prepareLogs(t)
	args, env := s.environment(t, r.ports)
	argv, err := s.opts.ToArgv(app.ToProcess, args)
	if err != nil {
		return launched{err: err}
	}
	if ctx.Err() != nil || t.disconnect > 0 && s.contact.now().Silent >= t.disconnect { // what came before may have taken long
		return launched{err: context.Canceled}
	}
	s.limit(t, &r)
	r.id, r.err = s.opts.Runner.Start(proc.Spec{
		Argv: argv, Dir: dir, Env: env, User: app.User,
		Stdout: s.paths.log(t.app, t.n, "stdout"), Stderr: s.paths.log(t.app, t.n, "stderr"),
	})
	r.at = time.Now()
	return r
}

// orCanceled tells a failure from the end of a try that was called off.
func orCanceled(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Canceled
	}
	return err
}

// environment gives the arguments with their placeholders replaced, and the whole environment: the agent's own, the
// node's envs, what the agent knows of the instance, and the app's envs, of which a later one hides an earlier one.
func (s *Supervisor) environment(t try, ports []int) (args, env []string) {
	builtin := map[string]string{
		"NODE_ID": s.opts.Node, "NODE_HOSTNAME": s.opts.Hostname, "APP_NAME": t.app,
		"INSTANCE": t.app + "." + strconv.Itoa(t.n),
	}
	for i, p := range ports {
		if i == 0 {
			builtin["PORT"] = strconv.Itoa(p)
		}
		builtin["PORT_"+strconv.Itoa(i+1)] = strconv.Itoa(p)
	}
	args, appEnvs := state.Resolve(t.spec.app, builtin, t.spec.nodeEnvs)
	all := maps.Clone(t.spec.nodeEnvs)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, builtin)
	maps.Copy(all, appEnvs)
	all[proc.MarkerEnv], all[proc.StoreEnv], all[SpecEnv] = t.id, s.opts.Dir, t.sum
	all[GenerationEnv], all[FollowedEnv] = strconv.FormatInt(t.gen, 10), t.followed.String()
	if t.disconnect > 0 {
		all[DisconnectEnv] = strconv.FormatFloat(t.disconnect.Seconds(), 'f', -1, 64)
	}
	if !t.due.IsZero() {
		all[ScheduledEnv] = t.due.UTC().Format(time.RFC3339)
	}
	for _, kv := range s.opts.Environ {
		name, _, _ := strings.Cut(kv, "=")
		if _, hidden := all[name]; !hidden && !strings.HasPrefix(name, "STATHUB_") {
			env = append(env, kv)
		}
	}
	for name, value := range all {
		env = append(env, name+"="+value)
	}
	return args, env
}
