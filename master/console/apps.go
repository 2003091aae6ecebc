package console

import (
	"cmp"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"stathub/state"
	"stathub/web"
	"stathub/web/live"
	"stathub/web/rest"
)

// appStates are the states of apps, those first that somebody should look at.
var appStates = []state.AppState{
	state.AppBroken, state.AppLost, state.AppDegraded, state.AppDeploying, state.AppStopping, state.AppDeleting, state.AppRunning,
	state.AppScheduled, state.AppCompleted, state.AppIdle, state.AppStopped,
}

func (c *console) apps(r *http.Request) (web.Page, error) {
	if err := c.Control.Unread(); err != nil {
		return web.Page{}, err
	}
	from, err := rest.Number(r, "from", 0, maxFrom)
	if err != nil {
		return web.Page{}, err
	}
	values := r.URL.Query()
	v := web.Apps{Query: strings.TrimSpace(values.Get("q")), State: values.Get("state"), Sort: values.Get("sort")}
	v.Command = firstApp(r)
	names, statuses, err := c.foundApps(r, &v)
	if err != nil {
		return web.Page{}, err
	}
	v.All = len(names)
	v.Filters = appFilters(names, statuses, values)
	names = slices.DeleteFunc(names, func(name string) bool { return v.State != "" && v.State != string(statuses[name].State) })
	sortApps(&v, names, statuses, values)
	v.Pager = web.NewPager(from, rowsShown, len(names), "/apps", values)
	for _, name := range names[min(from, len(names)):min(from+rowsShown, len(names))] {
		v.Rows = append(v.Rows, c.appRow(name, statuses[name]))
	}
	return web.Page{Name: "apps", Topics: []string{live.Apps, live.Plan, live.Lists}, View: v}, nil
}

// foundApps gives the apps that the query finds, and the statuses of all. Without a query those are among them that are
// being deleted.
func (c *console) foundApps(r *http.Request, v *web.Apps) (names []string, statuses map[string]state.AppStatus, err error) {
	statuses = c.Control.Statuses()
	v.Any = len(statuses) > 0
	if v.Query == "" {
		return slices.Collect(maps.Keys(statuses)), statuses, nil
	}
	found, err := c.Control.SearchApps(r.Context(), v.Query)
	if v.Fault = faultOf(v.Query, err); err != nil && v.Fault == nil {
		return nil, nil, err
	}
	v.Warnings = found.Warnings
	names = slices.DeleteFunc(found.Rows, func(name string) bool { _, there := statuses[name]; return !there })
	return names, statuses, nil
}

// appFilters counts the apps of each state.
func appFilters(names []string, statuses map[string]state.AppStatus, values url.Values) (all []web.AppFilter) {
	counts := map[state.AppState]int{}
	for _, name := range names {
		counts[statuses[name].State]++
	}
	for _, s := range appStates {
		f := web.AppFilter{State: s, Count: counts[s], Chosen: values.Get("state") == string(s)}
		if f.Count == 0 && !f.Chosen {
			continue
		}
		if f.URL = with(values, "/apps", "state", string(s)); f.Chosen {
			f.URL = with(values, "/apps", "state", "")
		}
		all = append(all, f)
	}
	return all
}

// with is a page's URL with another value of a parameter, from the first row on.
func with(values url.Values, path, name, value string) string {
	next := maps.Clone(values)
	next.Del("from")
	if next.Del(name); value != "" {
		next.Set(name, value)
	}
	if len(next) == 0 {
		return path
	}
	return path + "?" + next.Encode()
}

// sortApps puts the apps in the order that is asked for.
func sortApps(v *web.Apps, names []string, statuses map[string]state.AppStatus, values url.Values) {
	if strings.TrimPrefix(v.Sort, "-") != "state" && v.Sort != "-name" {
		v.Sort = "name"
	}
	by, down := strings.CutPrefix(v.Sort, "-")
	slices.SortFunc(names, func(a, b string) int {
		order := strings.Compare(a, b)
		if by == "state" {
			order = cmp.Or(cmp.Compare(slices.Index(appStates, statuses[a].State), slices.Index(appStates, statuses[b].State)), order)
		}
		if down {
			return -order
		}
		return order
	})
	for _, name := range []string{"name", "state"} {
		column := web.AppColumn{Name: name, URL: with(values, "/apps", "sort", name)}
		if name == by {
			if column.Sorted = "ascending"; down {
				column.Sorted = "descending"
			} else {
				column.URL = with(values, "/apps", "sort", "-"+name)
			}
		}
		v.Columns = append(v.Columns, column)
	}
}

// appRow is what a list shows of an app.
func (c *console) appRow(name string, status state.AppStatus) web.AppRow {
	row := web.AppRow{Name: name, Status: status, Going: status.State != state.AppDeleting}
	if doc := c.Control.App(name); doc.Value != nil {
		row.Start, row.Checked = doc.Value.Start, len(doc.Value.HealthChecks) > 0
		row.Exists = doc.Err == nil && doc.ETag != ""
	}
	if ch := c.Control.Choreo(name); ch.Value != nil {
		row.Query, row.Scale, row.Each = ch.Value.Query, ch.Value.Scale, ch.Value.Mode == state.ModeEach
		row.Planned, row.Plan = ch.Err == nil, string(ch.ETag)
	}
	return row
}
