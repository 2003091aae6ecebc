package scheduler

import (
	"fmt"
	"strings"

	"stathub/state"
)

// condition is what is known of an instance that a rollout has not reached.
type condition int

const (
	working condition = iota
	unsure            // it may be working, soon or still
	idle              // it does not do its work: there is nothing to lose
)

// instance gives what the node reports of an instance; nil: nothing.
func (h *host) instance(id string) *state.Instance {
	if h.byID == nil && h.report != nil {
		h.byID = make(map[string]*state.Instance, len(h.report.Instances))
		for i := range h.report.Instances {
			h.byID[h.report.Instances[i].ID] = &h.report.Instances[i]
		}
	}
	return h.byID[id]
}

// condition gives that of an instance of old content.
func (h *host) condition(id, spec string, checked bool) condition {
	inst := h.instance(id)
	if inst == nil {
		if h.caughtUp() {
			return idle
		}
		return unsure
	}
	switch inst.State {
	case state.Healthy, state.Completed, state.Running:
	default:
		return idle
	}
	if inst.Spec != spec || checked && inst.State == state.Running {
		return unsure // it is being replaced by what a rollout before this one brought, or was never seen healthy
	}
	return working
}

// How bad it is what a rollout waits for.
const (
	badSoon     = 1 // it is on its way
	badUnheard  = 2 // the node has not taken up its manifest
	badNotYet   = 3 // it runs, and has not become healthy
	badWaiting  = 4
	badFailing  = 5
	badHopeless = 6
)

// sight gives since when a new instance has been at work, zero when it is not; then wait says what is wrong with it. last
// is what the plan before knew.
func (r *rollout) sight(pl *place, n int, id string, last Sighting) (s Sighting, wait Wait) {
	h := pl.host
	inst := h.instance(id)
	wait = Wait{Instance: id}
	switch {
	case h.report == nil:
		wait.n, wait.Reason = badUnheard, "node "+h.id+" has not reported yet"
		return s, wait
	case h.report.Manifest.Error != "":
		wait.n, wait.Reason = badUnheard, "node "+h.id+" cannot take up its manifest: "+h.report.Manifest.Error
		return s, wait
	case inst == nil, h.manifest == nil:
		wait.n, wait.Reason = badUnheard, "node "+h.id+" has not taken it up yet"
		return s, wait
	}
	seen := Sighting{Content: r.target.key, Spec: inst.Spec, PID: inst.PID, Start: inst.StartTime, At: r.p.in.Now}
	known := last.Content == seen.Content && last.Spec == seen.Spec && last.PID == seen.PID && last.Start.Equal(seen.Start)
	if inst.Spec != pl.spec(r.target) || !known && !h.caughtUp() {
		wait.n, wait.Reason = badUnheard, "node "+h.id+" has not taken up the change yet"
		return s, wait
	}
	if !atWork(inst, len(r.j.app.HealthChecks) > 0) {
		return s, complaint(inst, wait)
	}
	if known {
		seen.At = last.At
	}
	if inst.State == state.Completed {
		seen.At = seen.At.Add(-r.policy.MinHealthy) // it has proved all that it ever will
	}
	return seen, wait
}

// spec is the SpecSum of a content on a node, with the envs that its manifest has.
func (pl *place) spec(c *content) string {
	if pl.mix != nil {
		if spec := pl.mix.specs[c]; spec != "" {
			return spec
		}
	}
	spec := state.SpecSum(pl.host.manifest, &state.ManifestEntry{App: c.prev.App, RestartToken: c.prev.RestartToken})
	if pl.mix != nil {
		if pl.mix.specs == nil {
			pl.mix.specs = map[*content]string{}
		}
		pl.mix.specs[c] = spec
	}
	return spec
}

// atWork reports whether an instance does what it is there for.
func atWork(inst *state.Instance, checked bool) bool {
	switch inst.State {
	case state.Healthy, state.Completed:
		return true
	case state.Running:
		return !checked
	default:
		return false
	}
}

// complaint says what is wrong with an instance that is not at work.
func complaint(inst *state.Instance, w Wait) Wait {
	switch inst.State {
	case state.Failed:
		w.n, w.hopeless = badHopeless, true
	case state.Backoff, state.Unhealthy:
		w.n = badFailing
	case state.Waiting, state.Fetching:
		w.n = badWaiting
	case state.Running:
		w.n, w.Reason = badNotYet, "running: no health check has passed yet"
		if inst.Restarts > 0 && inst.LastExit != nil { // a process of before the change is not what is wrong
			w.Reason += "; the process before it: " + words(exitWords(inst.LastExit))
		}
		return w
	default:
		w.n = badSoon
	}
	what, _, _ := strings.Cut(inst.Reason, "; next ") // the time of the next try differs from one to the next
	if what == "" && inst.LastExit != nil {
		what = exitWords(inst.LastExit)
	}
	w.Reason = string(inst.State)
	if what != "" {
		w.Reason += ": " + words(what)
	}
	return w
}

// words is a text of an agent's that documents can hold.
func words(text string) string { return strings.ToValidUTF8(text, "\uFFFD") }

func exitWords(e *state.Exit) string {
	switch {
	case e.Reason != "":
		return e.Reason
	case e.Signal != 0:
		return fmt.Sprintf("signal %d", e.Signal)
	default:
		return fmt.Sprintf("exit code %d", e.Code)
	}
}
