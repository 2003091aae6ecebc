package console

import (
	"fmt"
	"testing"

	"stathub/localstack/console/browser"
	"stathub/localstack/harness"
	"stathub/state"
)

// alone is an agent that has neither a master nor a bucket; base of the world is the agent's.
func alone(t testing.TB) *world {
	t.Helper()
	browser.Need(t)
	a := harness.Start(t, nil, harness.Build(t, "./agent/stathub-agent"), "--server.port=0", "--stop.on.exit=true",
		"--store.directory="+t.TempDir(), "--node.id=solo")
	t.Cleanup(func() { a.Stop(t) })
	return &world{base: a.URL(t), agents: []*harness.Program{a}}
}

// populateAlone gives an agent that is alone something to run.
func (w *world) populateAlone(t testing.TB) {
	t.Helper()
	w.call(t, "PUT", "/v1/app/talker", `{"name": "talker", "toProcess": "while :; do echo line; sleep 1; done", "ports": [0], "start": true}`)
	w.call(t, "POST", "/v1/app/talker/_scale", "2")
	w.call(t, "PUT", "/v1/app/crasher", `{"name": "crasher", "toProcess": "echo no such file >&2; exit 3", "start": true}`)
	w.call(t, "POST", "/v1/app/crasher/_scale", "1")
	w.call(t, "PUT", "/v1/app/hostile", `{"name": "hostile", "toProcess": "sleep 1000", "description": `+string(state.Encode(hostile))+`, "start": true}`)
	w.call(t, "POST", "/v1/app/hostile/_scale", "1")
	w.call(t, "PUT", "/v1/node/tag", string(state.Encode([]string{"缓存", hostile})))
	w.call(t, "PUT", "/v1/node/env", string(state.Encode(map[string]string{"HOSTILE": hostile})))
	w.running(t, "talker", 2)
	w.running(t, "hostile", 1)
	await(t, "GET", w.base+"/v1/app/crasher/proc?full=true", "", func(all []state.Proc) error {
		if len(all) != 1 || all[0].Restarts < 2 {
			return fmt.Errorf("the crasher has not crashed often enough: %+v", all)
		}
		return nil
	})
}

// alonePlaces are the pages of an agent that is alone and populated.
func (w *world) alonePlaces(t testing.TB) []placeAt {
	t.Helper()
	return append(at(w.base,
		"overview", "/",
		"app", "/apps/talker",
		"app-failing", "/apps/crasher",
		"app-hostile", "/apps/hostile",
		"new", "/new",
		"edit", "/apps/talker/edit",
		"edit-hostile", "/apps/hostile/edit",
		"choreo", "/apps/talker/choreo",
		"proc", "/procs/talker.0",
		"events", "/events",
	), topics(t, w.base)...)
}

// populateNode gives the first node of a world something to run, and values that are hostile.
func (w *world) populateNode(t testing.TB) {
	t.Helper()
	w.call(t, "POST", "/v1/app", `{"name": "web", "toProcess": "while :; do echo line; sleep 1; done", "start": true, "description": `+string(state.Encode(hostile))+`}`)
	w.call(t, "PUT", "/v1/app/web/choreo", `{"query": "*", "scale": 1}`)
	w.call(t, "PUT", "/v1/node/n1/tag", string(state.Encode([]string{"缓存", hostile})))
	w.call(t, "PUT", "/v1/node/n1/env", string(state.Encode(map[string]string{"HOSTILE": hostile})))
	w.running(t, "web", 1)
}

// agentPlaces are the pages of an agent that has a master, and runs an instance of app web.
func (w *world) agentPlaces(t testing.TB) []placeAt {
	t.Helper()
	web := w.web(t)
	var n int
	if _, err := fmt.Sscanf(web.Node, "n%d", &n); err != nil {
		t.Fatal(err)
	}
	return at(w.agents[n-1].URL(t),
		"overview", "/",
		"app", "/apps/web",
		"proc", "/procs/"+localName(web),
		"events", "/events",
		"help", "/help",
	)
}

// The walk of somebody who has one machine: from nothing to an app that runs, is scaled, tells what it does, and goes again.
func TestStandaloneStory(t *testing.T) {
	for _, lang := range []string{"en", "zh-CN"} {
		t.Run(lang, func(t *testing.T) {
			t.Parallel()
			w := alone(t)
			s := &story{T: t, world: w, Page: chromium.Page(t, w.base, browser.View{Lang: lang})}
			s.createAlone()
			s.scaleAlone()
			s.logAlone()
			s.stopAlone()
			s.deleteAlone()
		})
	}
}

const ticker = "/apps/ticker"

// pids are of the processes that a page shows.
const pids = `[...document.querySelectorAll('td[data-label="PID"]')].map(e => e.textContent).filter(s => /^\d+$/.test(s))`

func (s *story) createAlone() {
	s.Open("/")
	s.Click(`main .card a[href="/new"]`) // what to do first is said in a box of its own
	s.arrive("/new")
	s.Wait("the form to be ready", `document.querySelector(".cm-content") !== null`)
	s.Fill(`[data-path="name"]`, "ticker")
	s.Fill(`[data-path="toProcess"]`, "i=0; while :; do i=$((i+1)); echo tick $i; sleep 0.2; done")
	s.Choose(`[data-path="start"]`, "true")
	s.See(".cm-content", "tick $i")
	s.Click("[data-save]")
	s.arrive(ticker)
	s.Wait("a process", pids+`.length === 1`)
	s.world.running(s.T, "ticker", 1)
}

func (s *story) scaleAlone() {
	s.Click(`button[data-send$="/ticker/_scale"][data-body="2"]`)
	s.Wait("two processes", `new Set(`+pids+`).size === 2`)
	s.world.running(s.T, "ticker", 2)
}

func (s *story) logAlone() {
	s.Click(`main a[href="/procs/ticker.1"]`)
	s.arrive("/procs/ticker.1")
	s.See(rows, "tick 5") // it is written while the page is open, or was before
	last := browser.Eval[string](s.Page, `[...document.querySelectorAll($0)].at(-1).textContent`, rows)
	s.Wait("the log to go on", `[...document.querySelectorAll($0)].at(-1).textContent !== $1`, rows, last)
}

func (s *story) stopAlone() {
	s.Open(ticker)
	running := s.world.running(s.T, "ticker", 2)
	s.Click(`button[data-send="POST /v1/app/ticker/_stop"]`)
	s.Confirm()
	s.Wait("no process", pids+`.length === 0`)
	for _, p := range running {
		if harness.Running(p.PID) {
			s.Errorf("%s still runs", p.Instance)
		}
	}
}

func (s *story) deleteAlone() {
	s.Click(`button[data-send="DELETE /v1/app/ticker"]`)
	s.Fill("#ask input", "ticker")
	s.Confirm()
	s.arrive("/")
	s.Wait("the app to be gone", `!document.querySelector("table.apps") && document.querySelector('main .card a[href="/new"]') !== null`)
}
