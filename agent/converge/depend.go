package converge

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"stathub/state"
)

// App is what dependsOn needs to know of an app of the manifest. It is not changed once Link was called. While a rollout
// goes on there is one for each content that instances have, and one for the app as a whole.
type App struct {
	IDs     []string // its instances that are to run on this node
	After   []string // the apps that it depends on
	Checked bool     // it has health checks
	Job     bool     // it is a scheduled job
	Whole   *App     // the app with all its contents, of which this is one; nil: this is all of it

	Needed bool   // set by Link: some app depends on it
	Circle string // set by Link: not empty when it depends on itself by way of others: "a → b → a"
}

func (a *App) whole() *App {
	if a.Whole != nil {
		return a.Whole
	}
	return a
}

// SteadyRunning is how long an instance without health checks must have run before it counts as up: one that crashes at
// once does not.
const SteadyRunning = time.Second

// Link works out which apps others depend on, and which depend on themselves. Of several circles through one app it names
// one; what only waits for a circle is not in it.
func Link(apps map[string]*App) {
	names := make([]string, 0, len(apps))
	for name, app := range apps {
		names = append(names, name)
		for _, other := range app.After {
			if apps[other] != nil {
				apps[other].Needed = true
			}
		}
	}
	slices.Sort(names)
	finished := map[string]bool{}
	var path []string
	var visit func(name string)
	visit = func(name string) {
		if at := slices.Index(path, name); at >= 0 {
			text := circle(path[at:])
			for _, member := range path[at:] {
				apps[member].Circle = text
			}
			return
		}
		if finished[name] || apps[name] == nil {
			return
		}
		path = append(path, name)
		for _, other := range apps[name].After {
			visit(other)
		}
		path = path[:len(path)-1]
		finished[name] = true
	}
	for _, name := range names {
		visit(name)
	}
}

// maxCircle bounds the apps that the text of a circle names.
const maxCircle = 8

func circle(members []string) string {
	first := members[0]
	if len(members) > maxCircle {
		members = append(slices.Clone(members[:maxCircle-1]), "…")
	}
	return strings.Join(append(slices.Clone(members), first), " → ")
}

// gate decides whether apps may start, as far as dependsOn and contact with the bucket are concerned. It looks at each app
// once, however many instances wait for it.
type gate struct {
	desired  Desired
	observed Observed
	now      time.Time
	verdicts map[*App]verdict
	lookups  map[string]dependency
}

// verdict says why an app waits, empty if it may start; what is to be said of it though it may; and when to look again.
type verdict struct {
	wait, note string
	wake       time.Time
}

// dependency is how far an app is that others depend on.
type dependency struct {
	ready, total int
	word         string // what its instances are to be
	none         string // not empty: why there is nothing to wait for
	wake         time.Time
}

func (g *gate) verdict(want *Want) verdict {
	if wait := g.desired.apart(want); wait != "" {
		return verdict{wait: wait}
	}
	return g.depends(want.App)
}

func (g *gate) depends(app *App) verdict {
	if app == nil || len(app.After) == 0 {
		return verdict{}
	}
	v, known := g.verdicts[app]
	if known {
		return v
	}
	var waits, notes []string
	for _, name := range app.After {
		switch d := g.dependency(name); {
		case d.none != "":
			notes = append(notes, fmt.Sprintf("it depends on %s, %s", name, d.none))
		case d.ready < d.total:
			waits = append(waits, fmt.Sprintf("for %s: %d of %d instances %s", name, d.ready, d.total, d.word))
			v.wake = earlier(v.wake, d.wake)
		}
	}
	v.note = strings.Join(notes, "; ")
	if len(waits) > 0 {
		v.wait = "waits " + strings.Join(waits, "; ")
		if circle := app.whole().Circle; circle != "" {
			v.wait += "; dependsOn goes in a circle, " + circle + ": break it"
		}
	}
	if g.verdicts == nil {
		g.verdicts = map[*App]verdict{}
	}
	g.verdicts[app] = v
	return v
}

func (g *gate) dependency(name string) dependency {
	d, known := g.lookups[name]
	if known {
		return d
	}
	app := g.desired.Apps[name]
	switch {
	case app == nil:
		d.none = "which is not in this node's manifest"
	case app.Job:
		d.none = "which is a scheduled job"
	case len(app.IDs) == 0:
		d.none = "which is to run no instance on this node"
	default:
		d = g.count(app)
	}
	if g.lookups == nil {
		g.lookups = map[string]dependency{}
	}
	g.lookups[name] = d
	return d
}

func (g *gate) count(app *App) dependency {
	d := dependency{total: len(app.IDs), word: "running"}
	if app.Checked {
		d.word = "healthy"
	}
	for _, id := range app.IDs {
		want, checked := g.desired.Wants[id], app.Checked
		if want != nil && want.App != nil {
			checked = want.App.Checked
		}
		ready, soon := up(want, g.observed[id], checked, g.now)
		if ready {
			d.ready++
		}
		if soon.After(d.wake) {
			d.wake = soon // the last one: the others alone let nobody start
		}
	}
	return d
}

// up reports whether those that depend on an instance may start, or when that will be if nothing happens. One that has
// done its work is as good as one that runs.
func up(want *Want, have *Have, checked bool, now time.Time) (ready bool, soon time.Time) {
	switch {
	case have == nil, have.Spec != "" && have.Spec != want.Spec, have.State == state.Stopping:
		return false, time.Time{}
	case !active(have.State):
		return have.Ended != nil && want.Policy.final(have.Ended) == state.Completed, time.Time{}
	case checked || !have.State.Live():
		return have.State == state.Healthy, time.Time{}
	}
	// A clock that was set back says nothing of how long it runs.
	if ran := now.Sub(have.Since); ran >= SteadyRunning || ran < 0 {
		return true, time.Time{}
	}
	return false, have.Since.Add(SteadyRunning)
}

// earlier gives the earlier of two moments; zero is never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
