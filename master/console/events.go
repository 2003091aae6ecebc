package console

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"stathub/master/journal"
	"stathub/master/query"
	"stathub/web"
	"stathub/web/live"
	"stathub/web/rest"
)

// histogramEvents is how many events a histogram counts: all of them would take time where there are many.
const histogramEvents = 5000

// eventSpans are how far back the page can be asked to look.
var eventSpans = []string{"15m", "1h", "6h", "24h", "7d"}

// eventFamilies are what kinds the page can be asked for: those that somebody should look at, or patterns.
var eventFamilies = []string{"bad", "app.*", "rollout.*", "instance.*", "job.*", "node.*", "manifest.*", "entry.*", "artifact.*", "document.*", "master.*", "schedule.*", "store.*", "agent.*"}

func (c *console) events(r *http.Request) (web.Page, error) {
	from, err := rest.Number(r, "from", 0, maxFrom)
	if err != nil {
		return web.Page{}, err
	}
	now, values := time.Now(), r.URL.Query()
	v := web.EventList{
		Query: strings.TrimSpace(values.Get("q")), Node: strings.TrimSpace(values.Get("node")), App: strings.TrimSpace(values.Get("app")),
		Kind: values.Get("kind"), Since: values.Get("since"), Spans: eventSpans, Families: eventFamilies,
	}
	v.Apps = c.Control.AppNames()
	v.Apps = v.Apps[:min(len(v.Apps), 200)]
	if v.Kind != "" && !slices.Contains(v.Families, v.Kind) {
		v.Families = append(slices.Clone(v.Families), v.Kind)
	}
	since := sinceOf(v.Since, now)
	v.Searched = narrowed(&v, since)
	found, err := c.findEvents(r, &v, from)
	if v.Fault = faultOf(v.Query, err); err != nil && v.Fault == nil {
		return web.Page{}, err
	}
	v.Warnings = found.Warnings
	v.Histogram = web.NewHistogram(found.Rows[:min(len(found.Rows), histogramEvents)], since, now)
	if found.Total > histogramEvents {
		v.Histogram.Cut = histogramEvents
	}
	v.Events = web.NewEvents(found.Rows[min(from, len(found.Rows)):min(from+rowsShown, len(found.Rows))])
	v.Pager = web.NewPager(from, rowsShown, found.Total, "/events", values)
	return web.Page{Name: "events", Topics: []string{live.Events}, View: v}, nil
}

// findEvents gives the events for the histogram, and for the page.
func (c *console) findEvents(r *http.Request, v *web.EventList, from int) (journal.Page, error) {
	if _, err := query.Parse(v.Query); err != nil {
		return journal.Page{}, err // before it is put into another one, whose columns are others
	}
	var kinds []string
	switch v.Kind {
	case "":
	case "bad":
		kinds = web.BadEvents()
	default:
		kinds = []string{v.Kind}
	}
	return c.Journal.Search(r.Context(), v.Searched, kinds, 0, max(histogramEvents, from+rowsShown))
}

// sinceOf gives the time that a span before now began; zero for none.
func sinceOf(span string, now time.Time) time.Time {
	if days, ok := strings.CutSuffix(span, "d"); ok && days == "7" {
		return now.AddDate(0, 0, -7)
	}
	d, err := time.ParseDuration(span)
	if err != nil || d <= 0 {
		return time.Time{}
	}
	return now.Add(-d)
}

// narrowed makes one query of what the page is asked for, kinds apart.
func narrowed(v *web.EventList, since time.Time) string {
	own, err := query.Parse(v.Query)
	if err != nil {
		return v.Query
	}
	var all []query.Clause
	add := func(q query.Query) { all = append(all, query.Clause{Occur: query.Must, Query: q}) }
	if v.Query != "" {
		add(own)
	}
	for _, of := range []struct{ field, text string }{{"node", v.Node}, {"app", v.App}} {
		if of.text != "" {
			add(&query.Term{Field: of.field, Text: of.text, Quoted: true})
		}
	}
	if !since.IsZero() {
		add(&query.Range{Field: "at", From: query.Bound{Text: since.UTC().Format("2006-01-02T15:04:05Z"), Inclusive: true}, To: query.Bound{Unbounded: true}})
	}
	if len(all) == 0 {
		return ""
	}
	if len(all) == 1 {
		return all[0].Query.String()
	}
	both := query.Bool{Clauses: all}
	return both.String()
}

// eventsOf gives the latest events that match a query, for a part of a page.
func (c *console) eventsOf(r *http.Request, text string, most int) (web.Events, error) {
	found, err := c.Journal.Search(r.Context(), text, nil, 0, most)
	return web.NewEvents(found.Rows), err
}

// eventsURL is the page of the events of something.
func eventsURL(what, name string) string { return "/events?" + url.Values{what: {name}}.Encode() }
