package console

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"time"

	"stathub/master/control"
	"stathub/scheduler"
	"stathub/state"
	"stathub/web"
	"stathub/web/live"
	"stathub/web/rest"
)

const (
	eventsOnPage = 20 // of an app
	runsOnPage   = 10
)

func (c *console) app(r *http.Request) (web.Page, error) {
	if err := c.Control.Unread(); err != nil {
		return web.Page{}, err
	}
	name := rest.Param(r, "name")
	doc := c.Control.App(name)
	if doc.ETag == "" && doc.Value == nil {
		return web.Page{}, rest.NotFound("app", name)
	}
	from, err := rest.Number(r, "from", 0, maxFrom)
	if err != nil {
		return web.Page{}, err
	}
	status := c.Control.Status(name)
	v := web.App{AppRow: c.appRow(name, status), ETag: doc.ETag, Broken: status.Unreadable, URL: web.AppURL(name)}
	describeApp(&v, doc)
	c.describeChoreo(&v)
	procs, total := c.Control.AppProcs(name, from, rowsShown)
	v.Procs = web.Procs{Rows: c.procRows(procs), NoApp: true}
	v.Pager = web.NewPager(from, rowsShown, total, v.URL, r.URL.Query())
	v.NextRun, v.Runs = runsOf(procs)
	v.History = c.historyOf(r, name)
	if v.Explain, err = rest.Flag(r, "explain"); err != nil {
		return web.Page{}, err
	}
	if v.Explain && doc.ETag != "" {
		verdicts, err := c.Control.Explain(r.Context(), name)
		if err != nil {
			return web.Page{}, err
		}
		v.Verdicts = groups(verdicts)
	}
	if v.Events, err = c.eventsOf(r, narrowed(&web.EventList{App: name}, time.Time{}), eventsOnPage); err != nil {
		return web.Page{}, err
	}
	v.Events.NoApp, v.EventsURL = true, eventsURL("app", name)
	return web.Page{Name: "app", Topics: []string{live.App(name), live.Plan, live.Events}, View: v}, nil
}

func describeApp(v *web.App, doc control.Doc[state.App]) {
	if doc.Value == nil {
		return
	}
	v.Description, v.Process = doc.Value.Description, strings.Join(append([]string{doc.Value.ToProcess}, doc.Value.Args...), " ")
	if doc.ETag == "" {
		v.Lost = string(state.Encode(doc.Value))
	}
}

func (c *console) describeChoreo(v *web.App) {
	v.Choreo = c.Control.Choreo(v.Name).Value
	p := scheduler.PolicyOf(v.Choreo)
	v.Policy = web.RolloutPolicy{
		MaxParallel: p.MaxParallel, Canary: p.Canary, MinHealthy: p.MinHealthy, Deadline: p.Deadline, AutoRevert: p.AutoRevert, Paused: p.Paused,
	}
	if r := v.Status.Rollout; r != nil {
		v.Progress = &web.Progress{RolloutView: web.RolloutView{Rollout: r}, CanPause: v.Planned && r.Old > 0}
	}
}

// runsOf gives when a scheduled job runs next, and its last runs.
func runsOf(procs []state.Proc) (next time.Time, runs []web.RunRow) {
	for _, p := range procs {
		if !p.NextRun.IsZero() && (next.IsZero() || p.NextRun.Before(next)) {
			next = p.NextRun
		}
		for _, run := range p.Runs {
			runs = append(runs, web.RunRow{Instance: p.Instance, URL: web.ProcURL(p.Node, p.Instance), Run: run})
		}
	}
	slices.SortStableFunc(runs, func(a, b web.RunRow) int { return b.At.Compare(a.At) })
	return next, runs[:min(len(runs), runsOnPage)]
}

// groups puts together the nodes of which the same is to be said: those that were chosen first, then the largest.
func groups(verdicts []scheduler.NodeVerdict) []web.VerdictGroup {
	type key struct{ code, reason string }
	at := map[key]int{}
	var all []web.VerdictGroup
	for _, verdict := range verdicts {
		k := key{verdict.Code, verdict.Reason}
		i, known := at[k]
		if !known {
			i = len(all)
			at[k] = i
			all = append(all, web.VerdictGroup{Code: verdict.Code, Reason: verdict.Reason, Chosen: verdict.Chosen})
		}
		g := &all[i]
		g.Nodes++
		g.Instances += verdict.Count
		if len(g.Names) < state.MaxReasonNames {
			g.Names = append(g.Names, verdict.Node)
		}
	}
	slices.SortStableFunc(all, func(a, b web.VerdictGroup) int {
		if a.Chosen != b.Chosen {
			if a.Chosen {
				return -1
			}
			return 1
		}
		return cmp.Compare(b.Nodes, a.Nodes)
	})
	return all
}
