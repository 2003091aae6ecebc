package scheduler

import (
	"bytes"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"stathub/state"
)

func TestHandEdits(t *testing.T) {
	w := newWorld("n1", "n2")
	w.app("web", 4, 0)
	w.app("api", 2)
	w.settle(t)
	m := w.Manifests["n1"].Manifest
	m.Entry("web").App.Args = []string{"--debug"}
	m.Entry("web").Count = 3
	want := state.Encode(m.Entry("web").App)
	p := w.settle(t)
	wantNote(t, p, NoteHandEdited, "n1", "web")
	e := w.Manifests["n1"].Manifest.Entry("web")
	if e.Owner != state.OwnerHand || e.Count != 3 || !bytes.Equal(state.Encode(e.App), want) {
		t.Errorf("the edited entry became %s", state.Encode(e))
	}
	wantCounts(t, w, "web", "n1:3 n2:1")
	// From now on nothing the master does reaches it.
	w.Apps["web"].ToProcess = "other"
	w.settle(t)
	if e := w.Manifests["n1"].Manifest.Entry("web"); e.App.ToProcess != "run" || w.Manifests["n2"].Manifest.Entry("web").App.ToProcess != "other" {
		t.Error("a change of the app reaches the person's entry, or not the master's")
	}
	w.Apps["web"].Deleted = true
	w.settle(t)
	wantCounts(t, w, "web", "n1:3")
}

// An entry that is handed back by hand, as the master's and without a sum, becomes what the app says.
func TestReleaseByHand(t *testing.T) {
	for name, appThere := range map[string]bool{"with its app": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			w := newWorld("n1", "n2")
			w.app("web", 2)
			w.app("api", 2)
			w.settle(t)
			for _, app := range []string{"web", "api"} { // two at a time must not be taken for each other
				e := w.Manifests["n1"].Manifest.Entry(app)
				e.App.Args, e.Owner, e.Sum = []string{"--mine", app}, state.OwnerMaster, ""
			}
			if !appThere {
				delete(w.Apps, "web")
				delete(w.Choreos, "web")
			}
			p := w.settle(t)
			for _, n := range p.Notes {
				if n.Kind == NoteHandEdited {
					t.Errorf("note %+v", n)
				}
			}
			web, api := w.Manifests["n1"].Manifest.Entry("web"), w.Manifests["n1"].Manifest.Entry("api")
			if api.Pinned() || len(api.App.Args) != 0 {
				t.Errorf("api became %s", state.Encode(api))
			}
			if web.Pinned() || (len(web.App.Args) == 0) != appThere {
				t.Errorf("web became %s", state.Encode(web))
			}
		})
	}
}

// A manifest that could not be read for too long is written again as it last could be, people's entries included.
func TestRestore(t *testing.T) {
	w := newWorld("n1")
	w.app("web", 2)
	w.settle(t)
	w.person("n1", "mine")
	last := w.Manifests["n1"].Manifest
	w.Manifests["n1"] = Current{Manifest: last, Restore: true}
	p := Schedule(w.Input)
	m := p.Manifests["n1"]
	if m == nil || m.Generation != last.Generation+1 || state.ContentETag(m.Apps) != state.ContentETag(last.Apps) {
		t.Fatalf("it is restored as %s", state.Encode(m))
	}
	last.Paused = true
	w.Manifests["n1"] = Current{Manifest: last, Restore: true}
	if p := Schedule(w.Input); p.Manifests["n1"] != nil {
		t.Error("a paused one is written")
	}
}

func TestPeoplesEntriesCount(t *testing.T) {
	w := newWorld("n1", "n2")
	w.Manifests["n1"] = Current{Manifest: &state.Manifest{Node: "n1", Envs: map[string]string{}, Apps: []state.ManifestEntry{
		{App: state.App{Name: "web", ToProcess: "mine", KillSignal: 15, Start: true}, Count: 2, Owner: "ann"},
		{App: state.App{Name: "own", ToProcess: "mine", KillSignal: 15, Start: true, Ports: []int{80}}, Count: 1},
	}}}
	w.app("web", 3)
	w.app("http", 2, 80)
	p := w.settle(t)
	wantCounts(t, w, "web", "n1:2 n2:1")
	wantCounts(t, w, "http", "n2:1")
	wantReason(t, p, "http", CodePort, "port 80 in use by own")
	if p.Manifests["n1"] != nil {
		t.Errorf("a manifest of a person's is written: %s", state.Encode(p.Manifests["n1"]))
	}
}

func TestManifestsLeftAlone(t *testing.T) {
	for name, c := range map[string]struct {
		change func(w *world)
		want   string // of web, in manifests that can be read
	}{
		"paused":                            {func(w *world) { w.Manifests["n1"].Manifest.Paused = true }, "n1:2 n2:1"},
		"unreadable, the last one known":    {func(w *world) { w.Manifests["n1"] = Current{Manifest: w.Manifests["n1"].Manifest, Unreadable: true} }, "n1:2 n2:1"},
		"unreadable, only the report tells": {func(w *world) { w.Manifests["n1"] = Current{Unreadable: true}; w.reportOf("n1", "web", "web") }, "n2:1"},
		"gone, and a stranger runs there":   {func(w *world) { delete(w.Manifests, "n1"); w.reportOf("n1", "web", "web", "lost") }, "n2:1"},
		"gone, and an app with a broken document runs there": {func(w *world) {
			w.Broken["lost"] = "line 1"
			delete(w.Manifests, "n1")
			w.reportOf("n1", "web", "web", "lost")
		}, "n2:1"},
		"no record of the node": {func(w *world) { delete(w.Nodes, "n1") }, "n1:2 n2:1"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld("n1", "n2")
			w.app("web", 4)
			w.settle(t)
			c.change(w)
			w.Choreos["web"].Scale = 3
			p := Schedule(w.Input)
			wantNote(t, p, NoteHeld, "n1", "")
			if p.Manifests["n1"] != nil {
				t.Errorf("n1 gets %s", state.Encode(p.Manifests["n1"]))
			}
			if p.Apps["web"].Placed != 3 {
				t.Errorf("status %+v", p.Apps["web"])
			}
			w.apply(t, p)
			wantCounts(t, w, "web", c.want)
		})
	}
}

func TestAbsenceIsSaid(t *testing.T) {
	w := newWorld("n1")
	w.app("web", 1)
	w.app("api", 1)
	w.settle(t)
	delete(w.Apps, "web")
	delete(w.Choreos, "web")
	w.Broken["api"] = "apps/api.json: line 3"
	delete(w.Apps, "api")
	p := w.settle(t)
	wantNote(t, p, NoteKept, "n1", "web")
	wantNote(t, p, NoteKept, "n1", "api")
	wantReason(t, p, "api", CodeBroken, "line 3")
	if s := p.Apps["api"]; s.Placed != 1 || s.Wanted != 1 {
		t.Errorf("status %+v", s)
	}
}

// A manifest keeps what this version does not know, the order of its entries, and takes the envs of the record.
func TestRewriting(t *testing.T) {
	w := newWorld("n1")
	w.app("b", 1)
	w.settle(t)
	m := w.Manifests["n1"].Manifest
	m.Extra = jsontext.Value(`{"future":1}`)
	m.Apps[0].Extra = jsontext.Value(`{"entryFuture":12345678901234567890}`)
	m.Apps[0].Sum = m.Apps[0].Digest()
	w.Nodes["n1"].Envs = map[string]string{"REGION": "east"}
	w.app("a", 1)
	w.app("c", 1)
	w.Apps["b"].Envs = map[string]string{"X": "1"}
	w.Apps["b"].RestartToken = "again"
	w.settle(t)
	m = w.Manifests["n1"].Manifest
	if m.Generation != 2 || string(m.Extra) != `{"future":1}` || m.Envs["REGION"] != "east" || len(m.Apps) != 3 {
		t.Errorf("manifest %s", state.Encode(m))
	}
	for i, name := range []string{"b", "a", "c"} {
		if m.Apps[i].App.Name != name {
			t.Errorf("entry %d is %s, want %s", i, m.Apps[i].App.Name, name)
		}
	}
	if e := m.Apps[0]; string(e.Extra) != `{"entryFuture":12345678901234567890}` || e.App.Envs["X"] != "1" || e.RestartToken != "again" || e.Owner != state.OwnerMaster {
		t.Errorf("entry %s", state.Encode(e))
	}
}

func TestGenerationGoesOnWhenTheManifestIsLost(t *testing.T) {
	w := newWorld("n1")
	w.app("web", 1)
	w.reportOf("n1", "web")
	if m := Schedule(w.Input).Manifests["n1"]; m == nil || m.Generation != 42 {
		t.Errorf("manifest %s", state.Encode(m))
	}
}

func TestInputIsNotChanged(t *testing.T) {
	w := newWorld("n1", "n2")
	w.app("web", 3)
	w.settle(t)
	w.Manifests["n1"].Manifest.Entry("web").App.Args = []string{"edited"}
	w.Choreos["web"].Scale = 9
	w.Nodes["n2"].Drain = true
	before := state.Encode(w.Manifests["n1"].Manifest)
	Schedule(w.Input)
	if after := state.Encode(w.Manifests["n1"].Manifest); !bytes.Equal(before, after) {
		t.Errorf("the plan changed its input to %s", after)
	}
}
