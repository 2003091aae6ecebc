package scheduler

import (
	"reflect"
	"slices"

	"stathub/state"
)

// content is what instances are: an app with a restart token. The contents of one job are few, and are compared by
// pointer: equal ones, and those whose difference no process notices, are the same.
type content struct {
	key  string // digest of what a running process notices
	prev state.Previous
}

// contents are those that a job's entries have. What the app's document says now is the target.
type contents struct {
	target *content
	all    []*content
	spans  map[string][]span // by the sum of an entry whose sum is right: its contents, nil where all is the target
}

// span is a number of consecutive instances of one content.
type span struct {
	*content
	n int
}

// effect identifies what an instance notices of its content: all that state.SpecSum covers, and the health checks, since
// a bad one kills. What is left out reaches running instances without touching them, and so needs no rollout.
func effect(app *state.App, token string) string {
	bare := *app
	bare.Description, bare.KillSignal, bare.KillTimeoutSeconds, bare.Restart = "", 0, nil, nil
	bare.DependsOn, bare.Logs, bare.OnArtifactChange = nil, nil, ""
	bare.Start, bare.Deleted, bare.RestartToken = true, false, token
	return string(state.ContentETag(&bare))
}

// gated reports whether a change of the job's app reaches its instances by and by. That of a scheduled job does not: the
// next run is as the app is then.
func (j *job) gated() bool {
	return j.app != nil && j.mode != stopping && (j.choreo == nil || j.choreo.Schedule == nil)
}

// mix is what the instances of a place are while a rollout goes on.
type mix struct {
	is     []*content          // by their numbers
	old    bool                // some are not as the app is now
	closed bool                // there is no room for more on the node
	specs  map[*content]string // SpecSum of each on the node
}

// old reports whether some instances are not as the app is now.
func (pl *place) old() bool { return pl.mix != nil && pl.mix.old }

// closed reports whether an instance has just left because there was no room for its new version.
func (pl *place) closed() bool { return pl.mix != nil && pl.mix.closed }

// observeContent finds what the instances of an entry of the master's are, where that is not what the app says now.
func (pl *place) observeContent() {
	j, e := pl.job, pl.entry
	if !pl.ours() || pl.asIs || pl.was == 0 || !j.gated() || e.Schedule != nil || pl.same() {
		return
	}
	spans, known := j.contents.spans[e.Sum]
	if !known || e.Sum == "" { // that one is like no other
		spans = j.spans(e)
		if j.contents.spans == nil {
			j.contents.spans = map[string][]span{}
		}
		j.contents.spans[e.Sum] = spans
	}
	if spans == nil {
		return
	}
	j.mixed = true
	pl.mix = &mix{old: true}
	for _, s := range spans {
		for range s.n {
			pl.mix.is = append(pl.mix.is, s.content)
		}
	}
}

// spans gives the contents of an entry, first instances first; nil where all are the target.
func (j *job) spans(e *state.ManifestEntry) []span {
	if len(e.Previous) == 0 && e.RestartToken == j.known.entry.RestartToken && reflect.DeepEqual(&e.App, j.app) {
		return nil
	}
	target := j.target()
	left := e.Count
	for i := range e.Previous {
		left -= e.Previous[i].Count
	}
	spans := []span{{j.content(state.Previous{App: e.App, RestartToken: e.RestartToken}), max(0, left)}}
	for i := range e.Previous {
		spans = append(spans, span{j.content(e.Previous[i]), e.Previous[i].Count})
	}
	if !slices.ContainsFunc(spans, func(s span) bool { return s.n > 0 && s.content != target }) {
		return nil
	}
	return spans
}

// target gives what the app's document says now.
func (j *job) target() *content {
	if j.contents.target == nil {
		c := &content{key: effect(j.app, j.known.entry.RestartToken), prev: state.Previous{App: *j.app, RestartToken: j.known.entry.RestartToken}}
		j.contents.target = c
		j.contents.all = append(j.contents.all, c)
	}
	return j.contents.target
}

func (j *job) content(prev state.Previous) *content {
	key := effect(&prev.App, prev.RestartToken)
	for _, c := range j.contents.all {
		if c.key == key {
			return c
		}
	}
	prev.Count = 0
	c := &content{key: key, prev: prev}
	j.contents.all = append(j.contents.all, c)
	return c
}

// write gives an entry the contents of the place's instances. Once one of them is as the app is now, App is that, and
// Previous is what the others are.
func (pl *place) write(e *state.ManifestEntry) {
	e.Previous = nil
	if !pl.old() {
		now := &pl.job.known.entry
		e.App, e.RestartToken = now.App, now.RestartToken
		return
	}
	var runs []state.Previous
	is, target := pl.mix.is, pl.job.contents.target
	for i, c := range is {
		if i > 0 && c == is[i-1] {
			runs[len(runs)-1].Count++
			continue
		}
		run := c.prev
		run.Count = 1
		runs = append(runs, run)
	}
	if is[0] != target && slices.Contains(is, target) {
		runs = slices.Insert(runs, 0, target.prev) // of no instance
	}
	e.App, e.RestartToken = runs[0].App, runs[0].RestartToken
	if len(runs) > 1 {
		e.Previous = runs[1:]
	}
}

// entryPorts gives the fixed ports of all contents of an entry.
func entryPorts(e *state.ManifestEntry) []int {
	ports := slices.Clip(fixedPorts(&e.App))
	for i := range e.Previous {
		for _, port := range fixedPorts(&e.Previous[i].App) {
			if !slices.Contains(ports, port) {
				ports = append(ports, port)
			}
		}
	}
	return ports
}

// limit is how many instances the place may have.
func (pl *place) limit() int {
	if pl.old() {
		return pl.job.maxPerNode()
	}
	return pl.job.limit
}

// ContentKey identifies what instances notice of an app, restarts apart: two apps of one key need no rollout between them.
func ContentKey(app *state.App) string { return effect(app, "") }
