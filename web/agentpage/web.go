// Package agentpage holds the pages of an agent: templates, assets, words in both languages, and the view models that
// a program fills. Pages only show; everything they do goes through the API.
package agentpage

import (
	"bytes"
	"context"
	"embed"
	"html/template"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"stathub/state"
	"stathub/state/guard"
	"stathub/web/rest"
)

//go:embed assets templates
var files embed.FS

var pages = template.Must(template.New("").Funcs(template.FuncMap{
	"t":     func(l *language, key string) string { return l.word(key) },
	"size":  size,
	"ago":   ago,
	"ports": links,
	"local": local,
	"store": func(l *language, now time.Time, s guard.State) any {
		return struct {
			L     *language
			Now   time.Time
			State guard.State
		}{l, now, s}
	},
	"milliseconds": func(d time.Duration) string { return strconv.FormatFloat(float64(d.Microseconds())/1000, 'f', 1, 64) },
}).ParseFS(files, "templates/*.html"))

// local is an instance's name on its own node: "web.0" of "n1/web.0".
func local(instance string) string { return instance[strings.LastIndexByte(instance, '/')+1:] }

// Cluster is what the master's page shows.
type Cluster struct {
	Bucket  string // its URL, without secrets
	Master  Leadership
	Stores  []guard.State
	Problem string // why the bucket is out of reach; empty when it is not
	Frozen  string // why nothing is moved off nodes that are silent; empty when it is
	Apps    []App
	Pins    []Pin // what masters leave alone

	Problems []string // what is wrong with documents
	Nodes    []state.Node
	Procs    []state.Proc
}

// Pin is an entry of a manifest that belongs to a person, or with no App a whole manifest that is paused.
type Pin struct {
	Node, App string
	Count     int
	Owner     string // may be empty: the entry does not say
}

// App is one line of the list of apps.
type App struct {
	Name            string
	State           string
	Wanted, Running int
	Reasons         []string       // why it is not as it should be
	Rollout         *state.Rollout // of its last change, on the master's page; nil: nothing to say
	Started         bool           // as an agent's page needs it
}

// Fewer and More are the numbers of processes that a click away are.
func (a App) Fewer() int { return max(0, a.Wanted-1) }

// More is Fewer's opposite.
func (a App) More() int { return a.Wanted + 1 }

// Leadership says which master this is, and which one leads.
type Leadership struct {
	Name    string // of this one
	Leads   bool   // this one does
	Leader  string // empty: nobody does, or nobody knows
	Term    int64
	Address string // URL of the leader's page; may be empty
	Note    string // why it may be another one by now; may be empty
}

// Machine is what an agent's page shows.
type Machine struct {
	Node       state.Node
	Stores     []guard.State
	Problems   []string // what is wrong with the node or its manifest
	Procs      []state.Proc
	Events     []Event  // newest first
	Crashes    []string // names of what is kept of the output of instances that ended badly, newest first
	Standalone bool     // no master: the manifest is a person's
	Manifest   string   // where the manifest lies
	Master     string   // URL of the master's page; may be empty
	Apps       []App    // of the manifest, when Standalone
}

// Event is something that happened on the node of a page.
type Event struct {
	state.Event
	Bad bool // somebody should look at it
}

// maxRows bounds each table of a page; the API has them all.
const maxRows = 500

// MasterPage serves the page at / and its assets; view gives the facts of the moment.
func MasterPage(view func() Cluster) http.Handler {
	return page("master.html", func(context.Context) any {
		c := view()
		addresses := make(map[string]string, len(c.Nodes))
		for _, n := range c.Nodes {
			addresses[n.ID] = n.AgentAddress
		}
		return struct {
			Cluster
			Addresses                          map[string]string // node id → agent address
			Up, AppCount, NodeCount, ProcCount int
		}{
			Cluster: Cluster{
				Bucket: c.Bucket, Master: c.Master, Stores: c.Stores, Problem: c.Problem, Frozen: c.Frozen, Problems: head(c.Problems),
				Apps: head(c.Apps), Pins: head(c.Pins), Nodes: head(c.Nodes), Procs: head(c.Procs),
			}, Addresses: addresses,
			Up: countUp(c.Nodes), AppCount: len(c.Apps), NodeCount: len(c.Nodes), ProcCount: len(c.Procs),
		}
	})
}

// AgentPage serves the page at / and its assets; view gives the facts of the moment. What its forms send is its server's
// to handle; ShowProblem and AppPage answer them.
func AgentPage(view func(context.Context) Machine) http.Handler {
	return page("agent.html", func(ctx context.Context) any {
		m := view(ctx)
		m.Procs = head(m.Procs)
		return m
	})
}

func page(name string, view func(context.Context) any) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /assets/", http.FileServerFS(files))
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		render(w, r, name, true, view(r.Context()))
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		rest.WriteError(w, r, state.Errorf(state.NotFound, "", "there is nothing at %s", r.URL.Path))
	})
	return mux
}

// render answers with a page. A mistake gives the status, and such a page does not renew itself: the browser would ask for
// what the form was sent to. One with a form does not either: it would forget what was typed.
func render(w http.ResponseWriter, r *http.Request, name string, renew bool, view any) {
	l, status := languageOf(r), http.StatusOK
	if mistake, ok := r.Context().Value(mistakeKey{}).(error); ok {
		status = state.CodeOf(mistake).HTTPStatus()
	}
	data := struct {
		L       *language
		View    any
		Now     time.Time
		Host    string // as the browser has it, for commands to copy
		Lang    string // the query that keeps a language which was asked for
		Problem any    // what is wrong with what a form sent; nil: nothing
		Renew   bool
	}{l, view, time.Now(), r.Host, "", r.Context().Value(mistakeKey{}), renew && status == http.StatusOK}
	if r.URL.Query().Has("lang") {
		data.Lang = "?lang=" + l.Tag
	}
	var b bytes.Buffer
	if err := pages.ExecuteTemplate(&b, name, data); err != nil {
		rest.WriteError(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Language", l.Tag)
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Add("Vary", "Accept-Language, Cookie")
	w.WriteHeader(status)
	w.Write(b.Bytes())
}

func head[T any](rows []T) []T { return rows[:min(len(rows), maxRows)] }

func countUp(nodes []state.Node) int {
	up := 0
	for _, n := range nodes {
		if n.State != state.NodeDown {
			up++
		}
	}
	return up
}

// size shows bytes with a binary unit.
func size(b state.Bytes) string {
	v, unit := float64(b), "B"
	for _, next := range []string{"KiB", "MiB", "GiB", "TiB", "PiB"} {
		if v < 1024 {
			break
		}
		v, unit = v/1024, next
	}
	if v >= 100 || unit == "B" {
		return strconv.FormatFloat(v, 'f', 0, 64) + " " + unit
	}
	return strconv.FormatFloat(v, 'f', 1, 64) + " " + unit
}

// ago shows how long ago something was, in its two largest units.
func ago(now, at time.Time) string {
	if at.IsZero() {
		return "–"
	}
	d := max(0, now.Sub(at)).Round(time.Second)
	days, d := d/(24*time.Hour), d%(24*time.Hour)
	switch {
	case days > 0:
		return strconv.Itoa(int(days)) + " d " + strconv.Itoa(int(d.Hours())) + " h"
	case d >= time.Hour:
		return strconv.Itoa(int(d.Hours())) + " h " + strconv.Itoa(int(d.Minutes())%60) + " min"
	case d >= time.Minute:
		return strconv.Itoa(int(d.Minutes())) + " min " + strconv.Itoa(int(d.Seconds())%60) + " s"
	default:
		return strconv.Itoa(int(d.Seconds())) + " s"
	}
}

// link is a port as something to click.
type link struct {
	Port int
	URL  string
}

// links guesses the addresses of a process's ports from its agent's address.
func links(agentAddress string, ports []int) []link {
	host := "127.0.0.1"
	if u, err := url.Parse(agentAddress); err == nil && u.Hostname() != "" {
		host = u.Hostname()
	}
	var all []link
	for _, p := range ports {
		all = append(all, link{p, "http://" + net.JoinHostPort(host, strconv.Itoa(p)) + "/"})
	}
	return all
}
