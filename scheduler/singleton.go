package scheduler

import (
	"fmt"
	"slices"
	"time"

	"stathub/state"
)

// Instances of an app whose choreography says "onDisconnect": "stop" must not run twice, whatever happens. So one that is
// to leave a node is replaced only when it is surely gone there:
//
//   - The entry stays in the node's manifest with count 0 until a report says that the agent has read that manifest and
//     that nothing of the app runs there any more. The bucket thus knows what is still awaited, whichever master looks.
//   - An agent that is out of touch stops the instances by itself. When the node has been silent for long enough for that
//     they are gone, too: then they leave its manifest, and only after that are they replaced, so that the agent finds
//     nothing to start when it is back. That needs an agent which lives: one that died leaves its processes behind.
//   - A node that a person forgot is gone.

// disconnectGrace is what an agent may be late by.
const disconnectGrace = 10 * time.Second

func disconnectSeconds(c *state.Choreo) float64 {
	switch {
	case c.OnDisconnect != state.DisconnectStop:
		return 0
	case c.DisconnectSeconds > 0:
		return c.DisconnectSeconds
	}
	return state.DefaultDisconnect.Seconds()
}

// single reports whether the instances of an app must not run twice. In mode each none is ever replaced elsewhere.
func (j *job) single() bool {
	return j.choreo != nil && j.choreo.OnDisconnect == state.DisconnectStop && !j.each()
}

// remnant is a node on which instances may run that no longer count.
type remnant struct {
	host *host
	wait time.Duration // of silence, after which they are gone; 0: silence does not tell
}

// sign is the instances of an app that a node reports, and that may have a process.
type sign struct {
	host int
	n    int
}

// remain is how many instances may run besides those that are placed, and remembers where.
func (p *planner) remain(j *job) int {
	p.mark(j)
	total := 0
	j.stale = nil
	count := func(h *host, pl *place, shown int) {
		n := h.remaining(pl, shown)
		if n == 0 {
			return
		}
		r := remnant{host: h}
		if h.down() {
			r.wait = p.patience(j, pl)
			switch over := p.expired(j, h, pl); {
			case over && (pl == nil || pl.was == 0):
				return
			case over:
				p.wakeIn(time.Millisecond) // as soon as the manifest is written
			case r.wait > 0:
				p.wakeIn(max(r.wait-p.in.Silent[h.id], time.Second))
			}
		}
		total += n
		j.stale = append(j.stale, r)
	}
	shown := p.signs(j)
	for _, s := range shown {
		if p.at[s.host] == nil {
			count(&p.slab[s.host], nil, s.n)
		}
	}
	for _, pl := range j.places {
		n := 0
		if i, ok := slices.BinarySearchFunc(shown, pl.host.i, func(s sign, host int) int { return s.host - host }); ok {
			n = shown[i].n
		}
		count(pl.host, pl, n)
	}
	slices.SortFunc(j.stale, func(a, b remnant) int { return a.host.i - b.host.i })
	return total
}

// remaining is how many instances of an app may run on the host beyond those that count there.
func (h *host) remaining(pl *place, shown int) int {
	if pl == nil {
		return shown
	}
	counted := 0
	if h.alive {
		counted = pl.n
	}
	if pl.entry != nil && pl.was == 0 && !h.caughtUp() {
		return state.MaxScale // what the manifests before asked for is not known any more
	}
	return max(0, max(pl.was, shown)-counted)
}

// caughtUp reports whether the agent has told that it goes by the manifest as it is now.
func (h *host) caughtUp() bool {
	return h.manifest != nil && h.report != nil && h.report.Manifest.Generation >= h.manifest.Generation
}

// patience is how long a node must have been silent for its instances of the app to be gone; 0: its agent was not told
// to stop them.
func (p *planner) patience(j *job, pl *place) time.Duration {
	seconds, kill := disconnectSeconds(j.choreo), j.app.KillTimeout()
	if pl != nil && pl.entry != nil {
		seconds, kill = pl.entry.DisconnectSeconds, max(kill, pl.entry.App.KillTimeout())
		for k := range pl.entry.Previous { // what a rollout has not reached has its own time to stop
			kill = max(kill, pl.entry.Previous[k].App.KillTimeout())
		}
	}
	if seconds <= 0 {
		return 0
	}
	return state.Seconds(seconds) + kill + disconnectGrace
}

// expired reports whether a node has been silent for so long that its instances of the app are gone.
func (p *planner) expired(j *job, h *host, pl *place) bool {
	wait := p.patience(j, pl)
	return h.down() && wait > 0 && p.in.Silent[h.id] > wait
}

// signs gives what the reports tell of an app's instances, in the order of the hosts.
func (p *planner) signs(j *job) []sign {
	if p.runs == nil {
		p.runs = map[string][]sign{}
		for _, j := range p.jobs {
			if j.single() {
				p.runs[j.name] = nil
			}
		}
		for i := range p.slab {
			for _, app := range p.slab[i].sighting.told() {
				if all, wanted := p.runs[app.name]; wanted && app.running > 0 {
					p.runs[app.name] = append(all, sign{i, app.running})
				}
			}
		}
	}
	return p.runs[j.name]
}

// lingers reports whether the entry of an app that is to leave stays in the manifest, with count 0, until the node has
// told that nothing of it runs any more.
func (pl *place) lingers() bool {
	if pl.entry == nil || !pl.job.single() || pl.job.known.app.Deleted {
		return false
	}
	return pl.was > 0 || !pl.host.caughtUp() ||
		slices.ContainsFunc(pl.host.sighting.told(), func(a reportedApp) bool { return a.name == pl.job.name && a.running > 0 })
}

// lower is how many instances of a place may stay when only n are to. An agent that has not told yet how many it runs by
// the present manifest keeps its number or loses all: of anything between nobody would know what it ran.
func (pl *place) lower(n int) int {
	if n > 0 && n < pl.was && pl.job.single() && pl.host.alive && !pl.host.caughtUp() {
		return pl.was
	}
	return n
}

// wakeIn makes the plan ask for another one after that time, or sooner.
func (p *planner) wakeIn(d time.Duration) {
	if d > 0 && (p.wake == 0 || d < p.wake) {
		p.wake = d
	}
}

// leaving gives what the app waits for before its instances are replaced.
func (j *job) leaving() []Reason {
	var stopping, silent, untold Reason
	var wait time.Duration
	for _, r := range j.stale {
		t := &stopping
		switch {
		case r.wait > 0:
			t, wait = &silent, max(wait, r.wait)
		case r.host.down():
			t = &untold
		}
		t.Code = CodeLeaving
		if t.Nodes++; len(t.Names) < state.MaxReasonNames {
			t.Names = append(t.Names, r.host.id)
		}
	}
	const never = "it must not run twice (onDisconnect: stop)"
	var all []Reason
	if stopping.Nodes > 0 {
		stopping.Message = fmt.Sprintf("waits for %s to stop it: %s", nodeWords(stopping), never)
		all = append(all, stopping)
	}
	if silent.Nodes > 0 {
		silent.Message = fmt.Sprintf("waits until %s has been silent for %v and so has surely stopped it: %s; forgetting the node (DELETE /v1/node/{id}) ends the wait",
			nodeWords(silent), wait, never)
		all = append(all, silent)
	}
	if untold.Nodes > 0 {
		untold.Message = fmt.Sprintf("waits for %s, silent and never told to stop it when out of touch: %s; bring the node back, or forget it (DELETE /v1/node/{id})",
			nodeWords(untold), never)
		all = append(all, untold)
	}
	return all
}

// nodeWords names the node of a reason, or says how many there are.
func nodeWords(r Reason) string {
	if r.Nodes == 1 {
		return "node " + r.Names[0]
	}
	return fmt.Sprintf("%d nodes", r.Nodes)
}
