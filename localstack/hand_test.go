//go:build linux

package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"stathub/localstack/harness"
	"stathub/state"
)

// bucket is a person with an editor and a cluster whose bucket is a directory.
type bucket struct {
	t    *testing.T
	dir  string
	base string // of the master
}

func (b *bucket) path(key string) string { return filepath.Join(b.dir, filepath.FromSlash(key)) }

func (b *bucket) write(key, text string) {
	b.t.Helper()
	if err := os.MkdirAll(filepath.Dir(b.path(key)), 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(b.path(key), []byte(text), 0o644); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bucket) read(key string) string {
	b.t.Helper()
	data, err := os.ReadFile(b.path(key))
	if err != nil {
		b.t.Fatal(err)
	}
	return string(data)
}

// edit replaces text in a document, as a person would: what it is now is what is edited, until it is what was saved.
func (b *bucket) edit(key, old, now string) {
	b.t.Helper()
	harness.Within(b.t, 20*time.Second, func() error {
		text := b.read(key)
		if !strings.Contains(text, old) {
			return fmt.Errorf("%s has no %s: %s", key, old, text)
		}
		b.write(key, strings.Replace(text, old, now, 1))
		return nil
	})
}

func (b *bucket) remove(keys ...string) {
	b.t.Helper()
	for _, key := range keys {
		if err := os.Remove(b.path(key)); err != nil && !os.IsNotExist(err) {
			b.t.Fatal(err)
		}
	}
}

// shows waits until a GET of the API has a text, or with "!" before it has it no more.
func (b *bucket) shows(path, text string) {
	b.t.Helper()
	harness.Within(b.t, 45*time.Second, func() error {
		resp, err := http.Get(b.base + path)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if short := jsontext.Value(body); short.Compact() == nil {
			body = short
		}
		if want, without := strings.CutPrefix(text, "!"); err != nil || strings.Contains(string(body), want) == without {
			return fmt.Errorf("GET %s shows %s, %v, want %s", path, body, err, text)
		}
		return nil
	})
}

// procs waits until exactly n instances of an app run and hold to it, and gives them by instance.
func (b *bucket) procs(app string, n int, holds func(map[string]state.Proc) bool) map[string]state.Proc {
	b.t.Helper()
	var found map[string]state.Proc
	harness.Within(b.t, 60*time.Second, func() error {
		var all []state.Proc
		if _, err := harness.Call(b.t.Context(), "GET", b.base+"/v1/proc", nil, &all); err != nil {
			return err
		}
		found = map[string]state.Proc{}
		for _, p := range all {
			if p.App == app && p.State.Live() && p.State != state.Stopping && harness.Running(p.PID) {
				found[p.Instance] = p
			}
		}
		if len(found) != n || holds != nil && !holds(found) {
			return fmt.Errorf("%d instances of %s run, want %d: %+v", len(found), app, n, found)
		}
		return nil
	})
	return found
}

// on says that all instances are on a node.
func on(node string) func(map[string]state.Proc) bool {
	return func(all map[string]state.Proc) bool {
		for _, p := range all {
			if p.Node != node {
				return false
			}
		}
		return true
	}
}

// changed says that every instance has another process than before.
func changed(before map[string]state.Proc) func(map[string]state.Proc) bool {
	return func(all map[string]state.Proc) bool {
		for id, p := range all {
			if p.PID == before[id].PID {
				return false
			}
		}
		return true
	}
}

func (b *bucket) agent(node string) *harness.Program {
	b.t.Helper()
	p := harness.Start(b.t, nil, harness.Build(b.t, "./agent/stathub-agent"), "--server.port=0", "--stop.on.exit=true",
		"--state.url=file://"+b.dir, "--store.directory="+b.t.TempDir(), "--node.id="+node, "--poll=200ms")
	b.t.Cleanup(func() {
		if p.Cmd.ProcessState == nil {
			p.Stop(b.t)
		}
	})
	ready(b.t, p.URL(b.t))
	b.shows("/v1/node/"+node, `"state":"up"`)
	return p
}

// Each row of the README's table "Edit by hand": what the API can do is done by writing files, the API shows it, and the
// agents do it.
func TestE2EEditByHand(t *testing.T) {
	t.Parallel()
	b := &bucket{t: t, dir: t.TempDir()}
	b.base = startMaster(t, "--state.url=file://"+b.dir, "--poll=500ms", "--node.timeout=15s")
	b.agent("n1")
	second := b.agent("n2")
	const update = `"update": {"maxParallel": 10, "minHealthySeconds": 0}`
	var before map[string]state.Proc

	for _, row := range []struct {
		name string
		do   func()
	}{
		{"create", func() {
			b.write("apps/web.json", `{"toProcess": "sleep 1000", "start": true}`)
			b.write("choreos/web.json", `{"query": "*", "scale": 2, `+update+`}`)
			b.shows("/v1/app", "web")
			b.shows("/v1/app/web", `"state":"running"`)
			before = b.procs("web", 2, nil)
		}},
		{"change", func() {
			b.edit("apps/web.json", "sleep 1000", "sleep 1111")
			b.shows("/v1/app/web", "sleep 1111")
			before = b.procs("web", 2, changed(before))
		}},
		{"roll back", func() {
			var old struct {
				App map[string]any `json:"app"`
			}
			if err := json.Unmarshal([]byte(b.read("history/web/1.json")), &old); err != nil {
				t.Fatal(err)
			}
			old.App["start"] = true
			b.write("apps/web.json", string(state.Encode(old.App)))
			b.shows("/v1/app/web", "sleep 1000")
			before = b.procs("web", 2, changed(before))
		}},
		{"restart", func() {
			b.edit("apps/web.json", `"toProcess"`, `"restartToken": "once more", "toProcess"`)
			before = b.procs("web", 2, changed(before))
		}},
		{"stop and start", func() {
			b.edit("apps/web.json", `"start": true`, `"start": false`)
			b.procs("web", 0, nil)
			b.shows("/v1/app/web", `"state":"stopped"`)
			b.edit("apps/web.json", `"start": false`, `"start": true`)
			b.procs("web", 2, nil)
		}},
		{"scale", func() {
			b.edit("choreos/web.json", `"scale": 2`, `"scale": 4`)
			b.shows("/v1/app/web/_scale", "4")
			b.procs("web", 4, nil)
		}},
		{"tags and query", func() {
			b.edit("nodes/n2.json", `"tags": []`, `"tags": ["ssd"]`)
			b.shows("/v1/node/n2/tag", "ssd")
			b.edit("choreos/web.json", `"query": "*"`, `"query": "tags:ssd"`)
			b.shows("/v1/app/web/_query", "tags:ssd")
			before = b.procs("web", 4, on("n2"))
		}},
		{"envs", func() {
			b.edit("nodes/n2.json", `"envs": {}`, `"envs": {"ZONE": "b"}`)
			b.shows("/v1/node/n2/env", `"ZONE":"b"`)
			b.shows("/v1/node/n2/manifest", `"ZONE":"b"`)
		}},
		{"cordon", func() {
			b.edit("nodes/n2.json", `"schedulable": true`, `"schedulable": false`)
			b.shows("/v1/node/n2", `"schedulable":false`)
			b.edit("choreos/web.json", `"tags:ssd"`, `"*"`)
			b.edit("choreos/web.json", `"scale": 4`, `"scale": 6`)
			b.procs("web", 6, nil)
			b.edit("nodes/n2.json", `"schedulable": false`, `"schedulable": true`)
		}},
		{"drain", func() {
			b.edit("nodes/n2.json", `"drain": false`, `"drain": true`)
			b.shows("/v1/node/n2", `"state":"draining"`)
			before = b.procs("web", 6, on("n1"))
			b.edit("nodes/n2.json", `"drain": true`, `"drain": false`)
			b.shows("/v1/node/n2", `"state":"up"`)
		}},
		{"kill", func() {
			victim := before["n1/web.0"]
			b.edit("manifests/n1.json", `"apps": [`, fmt.Sprintf(`"kill": [{"instance": "n1/web.0", "pid": %d, "startTime": %q}], "apps": [`,
				victim.PID, victim.StartTime.Format(time.RFC3339Nano)))
			after := b.procs("web", 6, func(all map[string]state.Proc) bool { return all["n1/web.0"].PID != victim.PID })
			if after["n1/web.0"].Restarts != 1 || after["n1/web.1"].PID != before["n1/web.1"].PID {
				t.Errorf("before %+v, after %+v", before, after)
			}
			b.shows("/v1/node/n1/manifest", `!"kill"`) // the order is done with
		}},
		{"pin", func() {
			b.edit("manifests/n1.json", `"sleep 1000"`, `"sleep 2222"`)
			b.shows("/v1/node/n1/manifest", `"owner":"hand"`)
			b.shows("/v1/event/_search?kind=entry.hand-edited", `"node":"n1"`)
			before = b.procs("web", 6, func(all map[string]state.Proc) bool { return strings.Contains(all["n1/web.0"].Cmd, "2222") })
		}},
		{"release", func() {
			b.edit("manifests/n1.json", `"owner": "hand"`, `"owner": "master"`)
			b.shows("/v1/node/n1/manifest", `"sleep 1000"`)
			b.procs("web", 6, changed(before))
		}},
		{"pause", func() {
			b.edit("manifests/n1.json", `"apps": [`, `"paused": true, "apps": [`)
			b.shows("/v1/node/n1/manifest", `"paused":true`)
			b.edit("choreos/web.json", `"scale": 6`, `"scale": 7`)
			b.procs("web", 7, nil)
			b.shows("/v1/node/n2/manifest", `"count":1`)
			b.edit("manifests/n1.json", `"paused": true`, `"paused": false`)
		}},
		{"an app of one's own", func() {
			b.edit("manifests/n2.json", `"apps": [`, `"apps": [{"app": {"name": "mine", "toProcess": "sleep 3333"}}, `)
			b.procs("mine", 1, on("n2"))
			b.edit("manifests/n2.json", `"name": "mine"`, `"start": false, "name": "mine"`)
			b.procs("mine", 0, nil)
		}},
		{"delete", func() {
			b.edit("apps/web.json", `"toProcess"`, `"deleted": true, "toProcess"`)
			b.procs("web", 0, nil)
			b.shows("/v1/app", "!web")
			harness.Within(t, 20*time.Second, func() error {
				if _, err := os.Stat(b.path("choreos/web.json")); !os.IsNotExist(err) {
					return fmt.Errorf("its choreography: %v", err)
				}
				return nil
			})
		}},
		{"forget a node", func() {
			second.Stop(t)
			b.shows("/v1/node/n2", `"state":"down"`)
			b.remove("reports/n2.json", "heartbeats/n2", "manifests/n2.json", "nodes/n2.json")
			b.shows("/v1/node/n2", "there is no node")
		}},
	} {
		t.Log(row.name)
		row.do()
		if t.Failed() {
			t.Fatalf("at the row %q", row.name)
		}
	}
}
