package console

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"stathub/localstack/console/browser"
	"stathub/localstack/harness"
	"stathub/state"
)

// The walk of somebody who meets the console for the first time, on each kind of bucket and in each language: from nothing to
// the seed's http_server, its output and its end, through tags, broken JSON and a manifest edited by hand, back to the revision before.
func TestStory(t *testing.T) {
	for bucket, start := range map[string]func(testing.TB, int) *world{"directory": directory, "minio": onMinIO} {
		for _, lang := range []string{"en", "zh-CN"} {
			t.Run(bucket+" "+lang, func(t *testing.T) {
				t.Parallel()
				w := start(t, 2)
				s := &story{T: t, world: w, Page: chromium.Page(t, w.base, browser.View{Lang: lang})}
				s.Allow("status of 422") // a dry run that finds something says so
				s.Allow("status of 400")
				s.create()
				s.choreograph()
				s.followLog()
				s.kill()
				s.moveByTags()
				s.breakJSON()
				s.editManifest()
				s.rollBack()
			})
		}
	}
}

type story struct {
	*testing.T
	*world
	*browser.Page
}

const (
	app     = "/apps/http_server"
	process = `td[data-label="PID"]`
)

// arrive waits for a page with this path.
func (s *story) arrive(path string) {
	s.Helper()
	s.Wait("to be at "+path, `location.pathname === $0 && document.readyState === "complete"`, path)
}

// create makes the app of seed 5.2.1 by the form.
func (s *story) create() {
	s.Open("/")
	s.Click(`nav a[data-key="a"]`)
	s.arrive("/apps")
	s.Click(`main a[href="/new"]`)
	s.arrive("/new")
	s.Wait("the form to be ready", `document.querySelector(".cm-content") !== null`)
	s.Fill(`[data-path="name"]`, "http_server")
	s.Fill(`[data-path="toProcess"]`, "python3")
	s.Click(`[data-list="args"] [data-add]`)
	s.Fill(`[data-list="args"] [data-rows] input`, "http_server.py")
	s.Click(`[data-list="ports"] [data-add]`)
	s.Click(`[data-list="ports"] [data-add]`)
	s.Wait("two ports", `document.querySelectorAll('[data-list="ports"] [data-rows] input').length === 2`)
	s.Click(`[data-list="uris"] [data-add]`)
	s.Fill(`[data-list="uris"] [data-rows] input`, s.files+"/http_server.py")
	s.Fill("#placement-scale", "0")
	s.See(".cm-content", `"http_server.py"`) // the JSON keeps step
	s.Click("[data-save]")
	s.arrive(app)
}

// choreograph says where it runs and how often, with a look at the nodes that this means, and starts it.
func (s *story) choreograph() {
	s.Click(`main a[href="` + app + `/choreo"]`)
	s.arrive(app + "/choreo")
	s.Wait("the form to be ready", `document.querySelector(".cm-content") !== null`)
	s.Fill("#choreo-query", "tags:appserver")
	s.Fill(`[data-path="scale"]`, "5")
	s.See(".cm-content", "tags:appserver")
	s.See("[data-preview]", "n1")
	s.Click("[data-save]")
	s.arrive(app)
	s.Wait("five processes", `[...document.querySelectorAll($0)].filter(e => /^\d+$/.test(e.textContent)).length === 5`, process)
	s.world.running(s.T, "http_server", 5)
}

// followLog sees a line that is written while the page is open.
func (s *story) followLog() {
	s.Click(`main a[href*="/procs/http_server."]`)
	s.Wait("to be at a process", `location.pathname.includes("/procs/http_server.") && document.readyState === "complete"`)
	port := browser.Eval[string](s.Page, `document.querySelector("main dd a[rel=noreferrer]").textContent`)
	const path = "/a-line-for-the-log"
	harness.Within(s.T, 90*time.Second, func() error {
		resp, err := http.Get("http://127.0.0.1:" + port + path)
		if err == nil {
			resp.Body.Close()
		}
		return err
	})
	s.Click(`[data-stream="both"]`)
	s.See(".log-rows", path)
}

// kill ends a process from its page, and sees the next one on the page of the app, which nobody reloads.
func (s *story) kill() {
	path := browser.Eval[string](s.Page, `location.pathname`)
	second := chromium.Page(s.T, s.base, browser.View{})
	second.Open(app)
	pid := fmt.Sprintf(`([...document.querySelectorAll("tr")].find(r => r.querySelector('a[href="%s"]'))?.querySelector('%s').textContent ?? "")`, path, process)
	before := browser.Eval[string](second, `window.same = `+pid)
	s.Click("#kill button")
	s.Confirm()
	began := time.Now()
	harness.Within(s.T, 90*time.Second, func() error {
		for _, p := range s.procs() {
			if fmt.Sprint(p.PID) == before && harness.Running(p.PID) {
				began = time.Now()
				return fmt.Errorf("%d still runs", p.PID)
			}
		}
		return nil
	})
	second.Wait("the next process to show", `window.same === $0 && /^\d+$/.test(`+pid+`) && `+pid+` !== $0`, before)
	s.Logf("a process that dies shows after about %s", time.Since(began).Round(time.Millisecond))
	second.Close()
}

func (s *story) procs() (all []state.Proc) {
	await(s.T, "GET", s.base+"/v1/app/http_server/proc?full=true", "", func(found []state.Proc) error { all = found; return nil })
	return all
}

// moveByTags takes the tag from a node that the choreography asks for, and sees its processes go elsewhere.
func (s *story) moveByTags() {
	s.Open("/nodes/n1")
	s.Click(`li[data-tag="appserver"] [data-untag]`)
	s.Wait("the tag to go", `!document.querySelector('li[data-tag="appserver"]')`)
	s.Open(app)
	s.Wait("all five processes to be elsewhere", `document.querySelectorAll('tr:has(td[data-label="PID"]) a[href^="/nodes/n2/procs/http_server."]').length === 5 &&
	  !document.querySelector('tr:has(td[data-label="PID"]) a[href^="/nodes/n1/procs/"]')`)
}

// breakJSON sees where it is broken, and leaves.
func (s *story) breakJSON() {
	s.Open(app + "/edit")
	s.Write(".cm-content", `{"name": "http_server", "toProces": "python3"}`)
	s.Wait("a mark at the wrong name", `document.querySelector(".cm-lintRange-error, .cm-lint-marker-error") !== null`)
	s.Write(".cm-content", `{"name": `)
	s.Wait("a mark where the JSON breaks off", `document.querySelector(".cm-lintRange-error, .cm-lint-marker-error") !== null`)
}

// editManifest changes a manifest by hand: its entry is pinned then, until it is given back.
func (s *story) editManifest() {
	const key = "manifests/n2.json"
	resp, err := http.Get(s.base + "/v1/bucket/" + key)
	if err != nil {
		s.Fatal(err)
	}
	defer resp.Body.Close()
	text := read(s.T, resp)
	edited := strings.Replace(text, `"toProcess": "python3"`, `"description": "by hand", "toProcess": "python3"`, 1)
	if edited == text {
		s.Fatalf("no python3 in %s", text)
	}
	s.Open("/bucket/" + key)
	s.Write(".cm-content", edited)
	s.Click("form.document button.primary")
	await(s.T, "GET", s.base+"/v1/bucket/"+key, "", func(m state.Manifest) error {
		if len(m.Apps) != 1 || !m.Apps[0].Pinned() {
			return fmt.Errorf("the entry is not the person's: %+v", m.Apps)
		}
		return nil
	})
	s.Open("/nodes/n2?tab=manifest")
	s.Click(`button[data-send$="/_release"]`)
	s.Confirm()
	s.Wait("the entry to be the master's again", `!document.querySelector('button[data-send$="/_release"]')`)
}

// rollBack makes a second revision and takes it back.
func (s *story) rollBack() {
	s.Open(app + "/edit")
	s.Wait("the form to be ready", `document.querySelector(".cm-content") !== null`)
	s.Click(`[data-map="envs"] [data-add]`)
	s.Fill(`[data-map="envs"] [data-rows] [data-name]`, "COLOUR")
	s.Fill(`[data-map="envs"] [data-rows] [data-value]`, "blue")
	s.See(".cm-content", `"COLOUR"`)
	s.Click("[data-save]")
	s.arrive(app)
	s.Click(`#revisions button[data-send$="/_rollback"]`)
	s.Confirm()
	await(s.T, "GET", s.base+"/v1/app/http_server", "", func(a struct {
		Envs map[string]string `json:"envs"`
	}) error {
		if len(a.Envs) > 0 {
			return fmt.Errorf("the app still has %v", a.Envs)
		}
		return nil
	})
}
