package standalone

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"stathub/state"
	"stathub/state/memstore"
)

const key = "manifests/n.json"

// fakeAgent follows what a test tells it to.
type fakeAgent struct {
	mu     sync.Mutex
	follow *state.Manifest
}

func (f *fakeAgent) Manifest() (*state.Manifest, state.ManifestStatus) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.follow, state.ManifestStatus{}
}

func (f *fakeAgent) Report() state.Report {
	return state.Report{Node: "n", Tags: []string{"flag"}, Facts: state.Facts{Hostname: "host"}, AgentVersion: "1"}
}

type bench struct {
	*Editor
	t     *testing.T
	store state.Store
	agent *fakeAgent
}

func newBench(t *testing.T) *bench {
	b := &bench{t: t, store: memstore.New(), agent: &fakeAgent{}}
	b.Editor = New(b.store, "n", b.agent)
	return b
}

func (b *bench) put(key, text string) state.ETag {
	b.t.Helper()
	etag, err := state.Write(b.t.Context(), b.store, key, []byte(text), state.Condition{})
	if err != nil {
		b.t.Fatal(err)
	}
	return etag
}

func (b *bench) text(key string) string {
	data, _, err := state.Read(b.t.Context(), b.store, key, "", state.MaxDocument)
	if err != nil {
		return ""
	}
	return string(data)
}

// manifest reads the stored manifest.
func (b *bench) manifest() *state.Manifest {
	b.t.Helper()
	m, err := state.Decode[state.Manifest](key, []byte(b.text(key)))
	if err != nil {
		b.t.Fatal(err)
	}
	return m
}

func app(name string) *state.App {
	return &state.App{Name: name, ToProcess: "sleep 1", KillSignal: 15, Start: true}
}

func want(t *testing.T, code state.Code, err error) {
	t.Helper()
	if state.CodeOf(err) != code {
		t.Errorf("got %v, want code %s", err, code)
	}
}

func TestLifeOfAnApp(t *testing.T) {
	b, ctx := newBench(t), t.Context()
	if _, err := b.CreateApp(ctx, app("web")); err != nil {
		t.Fatal(err)
	}
	_, err := b.CreateApp(ctx, app("web"))
	want(t, state.Exists, err)
	if e := b.manifest().Entry("web"); e.Count != 1 || !e.App.Start || e.Owner != "" {
		t.Errorf("a new app is %+v", e)
	}
	if _, err := b.Scale(ctx, "web", 3); err != nil {
		t.Fatal(err)
	}
	if _, err := b.StopApp(ctx, "web"); err != nil {
		t.Fatal(err)
	}
	if e := b.manifest().Entry("web"); e.Count != 3 || e.Instances() != 0 {
		t.Errorf("a stopped app is %+v", e)
	}
	before := b.manifest()
	if _, err := b.StartApp(ctx, "web"); err != nil {
		t.Fatal(err)
	}
	if e := b.manifest().Entry("web"); e.Instances() != 3 || state.SpecSum(before, before.Entry("web")) != state.SpecSum(before, e) {
		t.Errorf("a started app is %+v", e)
	}
	if _, err := b.RestartApp(ctx, "web"); err != nil {
		t.Fatal(err)
	}
	if e := b.manifest().Entry("web"); state.SpecSum(before, before.Entry("web")) == state.SpecSum(before, e) || e.App.RestartToken != "" {
		t.Errorf("nothing restarts: %+v", e)
	}
	if _, err := b.DeleteApp(ctx, "web", state.Condition{}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.text(key), `"apps": []`) {
		t.Errorf("the last app leaves %s", b.text(key))
	}
}

func TestErrors(t *testing.T) {
	b, ctx := newBench(t), t.Context()
	b.put(key, `{"apps": [{"app": {"name": "web", "toProcess": "x"}}]}`)
	text := b.text(key)
	for name, do := range map[string]func() (state.Code, error){
		"delete none": func() (state.Code, error) {
			_, err := b.DeleteApp(ctx, "no", state.Condition{})
			return state.NotFound, err
		},
		"start none":  func() (state.Code, error) { _, err := b.StartApp(ctx, "no"); return state.NotFound, err },
		"scale none":  func() (state.Code, error) { _, err := b.Scale(ctx, "no", 1); return state.NotFound, err },
		"scale below": func() (state.Code, error) { _, err := b.Scale(ctx, "web", -1); return state.Nonsense, err },
		"scale above": func() (state.Code, error) {
			_, err := b.Scale(ctx, "web", state.MaxCount+1)
			return state.Nonsense, err
		},
		"a bad name": func() (state.Code, error) { _, err := b.CreateApp(ctx, app("../x")); return state.Invalid, err },
		"a bad app": func() (state.Code, error) {
			_, err := b.CreateApp(ctx, &state.App{Name: "y"})
			return state.Nonsense, err
		},
		"a bad env": func() (state.Code, error) {
			_, err := b.SetEnvs(ctx, state.Envs{"A=": ""}, state.Condition{})
			return state.Nonsense, err
		},
		"stale delete": func() (state.Code, error) {
			_, err := b.DeleteApp(ctx, "web", state.Condition{IfMatch: "x"})
			return state.Stale, err
		},
		"stale envs": func() (state.Code, error) {
			_, err := b.SetEnvs(ctx, nil, state.Condition{IfMatch: "x"})
			return state.Stale, err
		},
		"stale tags": func() (state.Code, error) { return state.Stale, b.SetTags(ctx, nil, state.Condition{IfMatch: "x"}) },
	} {
		if code, err := do(); state.CodeOf(err) != code {
			t.Errorf("%s: %v, want code %s", name, err, code)
		}
	}
	if b.text(key) != text || b.text("nodes/n.json") != "" {
		t.Errorf("a refused edit left %s", b.text(key))
	}
}

// An edit under a condition sees its own app only: what happens to others does not make it stale.
func TestConditions(t *testing.T) {
	b, ctx := newBench(t), t.Context()
	b.put(key, `{"apps": [{"app": {"name": "web", "toProcess": "x"}}, {"app": {"name": "api", "toProcess": "y"}}]}`)
	revision := func() state.ETag { return state.ContentETag(AppOf(b.manifest().Entry("web"))) }
	put := func(cond state.Condition) error {
		_, _, err := b.PutApp(ctx, "web", cond, func(old *state.App) (*state.App, error) {
			old.Args = append(old.Args, "more")
			return old, nil
		})
		return err
	}
	first := revision()
	if _, err := b.Scale(ctx, "api", 4); err != nil {
		t.Fatal(err)
	}
	if err := put(state.Condition{IfMatch: first}); err != nil {
		t.Errorf("an edit of another app is in the way: %v", err)
	}
	want(t, state.Stale, put(state.Condition{IfMatch: first}))
	want(t, state.Exists, put(state.Condition{IfAbsent: true}))
	if err := put(state.Condition{}); err != nil || len(b.manifest().Entry("web").App.Args) != 2 {
		t.Errorf("without a condition: %v", err)
	}
	choreo := state.ContentETag(ChoreoOf(b.manifest().Entry("web")))
	scale := func(cond state.Condition, n int) error {
		_, err := b.PutChoreo(ctx, "web", cond, func(old *state.Choreo) (*state.Choreo, error) {
			old.Scale = n
			return old, nil
		})
		return err
	}
	if err := scale(state.Condition{IfMatch: choreo}, 5); err != nil {
		t.Error(err)
	}
	want(t, state.Stale, scale(state.Condition{IfMatch: choreo}, 6))
	want(t, state.Nonsense, scale(state.Condition{}, state.MaxCount+1))
	if e := b.manifest().Entry("web"); e.Count != 5 {
		t.Errorf("scale %d", e.Count)
	}
}

// What cannot be followed is not written over, whatever is wrong with it, and the error says where that is.
func TestUnreadableManifestIsLeftAlone(t *testing.T) {
	for text, place := range map[string]string{
		"{\"apps\": [\n{\"app\": {\"name\": \"we": "line 2",
		``:                           "empty",
		`{"apps": 7}`:                "apps: must be a list",
		`{}`:                         `no list "apps"`,
		`{"term": 3, "apps": []}`:    "an old master",
		`{"node": "m", "apps": []}`:  `"m"`,
		`{"apps": [{"app": {}}]}`:    "apps[0].app.toProcess",
		strings.Repeat(" ", 8<<20+1): "larger",
	} {
		b, ctx := newBench(t), t.Context()
		b.agent.follow = &state.Manifest{Node: "n", Term: 5, Apps: []state.ManifestEntry{{App: *app("old"), Count: 2}}}
		etag := b.put(key, text)
		edits := map[string]error{}
		_, edits["create"] = b.CreateApp(ctx, app("new"))
		_, edits["stop"] = b.StopApp(ctx, "old")
		_, edits["delete"] = b.DeleteApp(ctx, "old", state.Condition{})
		_, edits["envs"] = b.SetEnvs(ctx, nil, state.Condition{})
		_, _, _, edits["manifest"] = b.PutManifest(ctx, state.Condition{}, func(*state.Manifest) (*state.Manifest, error) {
			return &state.Manifest{Apps: []state.ManifestEntry{}}, nil
		})
		for name, err := range edits {
			if err == nil || !strings.Contains(err.Error(), place) || !strings.Contains(err.Error(), key) {
				t.Errorf("%s over %.40q: %v", name, text, err)
			}
		}
		if b.text(key) != text && len(text) <= state.MaxDocument {
			t.Fatalf("%.40q was written over", text)
		}
		if m, revision, unread := b.Manifest(ctx); m.Entry("old") == nil || revision != "" || unread == nil {
			t.Errorf("%.40q: shown is %+v, %q, %v", text, m, revision, unread)
		}
		// Who names the revision has seen it.
		mend := func(*state.Manifest) (*state.Manifest, error) {
			return &state.Manifest{Term: 5, Apps: []state.ManifestEntry{{App: *app("mended")}}}, nil
		}
		if _, _, _, err := b.PutManifest(ctx, state.Condition{IfMatch: etag}, mend); err != nil || b.manifest().Entry("mended") == nil {
			t.Errorf("mending %.40q: %v", text, err)
		}
	}
}

// A manifest that is missing is no order to stop: an edit writes down again what runs.
func TestMissingManifestComesBack(t *testing.T) {
	b, ctx := newBench(t), t.Context()
	b.agent.follow = &state.Manifest{Node: "n", Envs: map[string]string{"A": "1"}, Apps: []state.ManifestEntry{{App: *app("old"), Count: 2}}}
	if _, err := b.CreateApp(ctx, app("new")); err != nil {
		t.Fatal(err)
	}
	if m := b.manifest(); m.Entry("old").Instances() != 2 || m.Entry("new") == nil || m.Envs["A"] != "1" {
		t.Errorf("the manifest is %s", b.text(key))
	}
	if len(b.agent.follow.Apps) != 1 {
		t.Error("what is followed was changed")
	}
}

// Members that this version does not know, and entries that the edit is not about, stay as they are.
func TestKeepsWhatItDoesNotKnow(t *testing.T) {
	b, ctx := newBench(t), t.Context()
	b.put(key, `{"future": 12345678901234567890, "apps": [{"owner": "master", "sum": "x", "app": {"name": "web", "toProcess": "x", "new": 1}, "also": 2}]}`)
	if _, err := b.Scale(ctx, "web", 2); err != nil {
		t.Fatal(err)
	}
	m := b.manifest()
	e := m.Entry("web")
	if string(m.Extra) == "" || string(e.Extra) == "" || string(e.App.Extra) == "" || e.Owner != state.OwnerHand || !e.Pinned() {
		t.Errorf("left is %s", b.text(key))
	}
}

// Who edits an entry in the middle of a master's rollout sees one content, and gets it for all instances.
func TestEditEndsARollout(t *testing.T) {
	for name, edit := range map[string]func(*bench) error{
		"scale":   func(b *bench) error { _, err := b.Scale(b.t.Context(), "web", 1); return err },
		"restart": func(b *bench) error { _, err := b.RestartApp(b.t.Context(), "web"); return err },
		"stop":    func(b *bench) error { _, err := b.StopApp(b.t.Context(), "web"); return err },
		"replace": func(b *bench) error {
			_, _, err := b.PutApp(b.t.Context(), "web", state.Condition{}, func(*state.App) (*state.App, error) { return app("web"), nil })
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.put(key, `{"apps": [{"app": {"name": "web", "toProcess": "new"}, "count": 3, "owner": "master",
				"previous": [{"app": {"name": "web", "toProcess": "old"}, "count": 2}]}]}`)
			if err := edit(b); err != nil {
				t.Fatal(err)
			}
			if e := b.manifest().Entry("web"); len(e.Previous) > 0 || !e.Pinned() {
				t.Errorf("%+v", e)
			}
		})
	}
}

func TestChoreoOfOneNode(t *testing.T) {
	b, ctx := newBench(t), t.Context()
	if _, err := b.CreateApp(ctx, app("job")); err != nil {
		t.Fatal(err)
	}
	set := func(next state.Choreo) error {
		_, err := b.PutChoreo(ctx, "job", state.Condition{}, func(*state.Choreo) (*state.Choreo, error) { return &next, nil })
		return err
	}
	if err := set(state.Choreo{App: "job", Query: "*", Scale: 1, Schedule: &state.Schedule{Cron: "@daily"}}); err != nil {
		t.Fatal(err)
	}
	if e := b.manifest().Entry("job"); e.Schedule == nil || e.Schedule.Cron != "@daily" {
		t.Errorf("the entry is %+v", e)
	}
	for member, bad := range map[string]state.Choreo{
		"query": {Query: "ssd"}, "mode": {Query: "*", Mode: state.ModeEach}, "maxPerNode": {Query: "*", MaxPerNode: 1}, "priority": {Query: "*", Priority: 1},
		"spread": {Query: "*", Spread: []string{"hostname"}}, "update": {Query: "*", Update: &state.UpdatePolicy{}},
		"onDisconnect": {Query: "*", OnDisconnect: "stop"}, "cron": {Query: "*", Schedule: &state.Schedule{Cron: "at tea time"}},
	} {
		if err := set(bad); state.CodeOf(err) != state.Nonsense || !strings.Contains(err.Error(), member) {
			t.Errorf("%s: %v", member, err)
		}
	}
}

func TestTags(t *testing.T) {
	b, ctx := newBench(t), t.Context()
	if tags, err := b.Tags(ctx); err != nil || !slices.Equal(tags, []string{"flag"}) {
		t.Errorf("%v, %v", tags, err)
	}
	if err := b.SetTags(ctx, state.Tags{"ssd"}, state.Condition{IfMatch: state.ContentETag(state.Tags{"flag"})}); err != nil {
		t.Fatal(err)
	}
	n, err := state.Decode[state.Node]("nodes/n.json", []byte(b.text("nodes/n.json")))
	if err != nil || n.Hostname != "host" || n.State != "" || !n.Schedulable {
		t.Errorf("the record is %+v, %v", n, err)
	}
	b.put("nodes/n.json", `{"tags": ["by hand"], "rack": 7}`)
	if tags, err := b.Tags(ctx); err != nil || !slices.Equal(tags, []string{"by hand"}) {
		t.Errorf("%v, %v", tags, err)
	}
	if err := b.SetTags(ctx, nil, state.Condition{}); err != nil || !strings.Contains(b.text("nodes/n.json"), `"rack": 7`) {
		t.Errorf("%s, %v", b.text("nodes/n.json"), err)
	}
	b.put("nodes/n.json", `{"tags": [`)
	_, err = b.Tags(ctx)
	want(t, state.Nonsense, err)
	want(t, state.Nonsense, b.SetTags(ctx, nil, state.Condition{}))
	if b.text("nodes/n.json") != `{"tags": [` {
		t.Error("a record that cannot be read was written over")
	}
}

// Eight editors, half of them with another Editor as another program would have, lose nothing of each other.
func TestEditorsLoseNothing(t *testing.T) {
	b, ctx := newBench(t), t.Context()
	b.put(key, `{"apps": [{"app": {"name": "shared", "toProcess": "x"}, "count": 0}]}`)
	const editors, edits = 8, 10
	var work sync.WaitGroup
	for k := range editors {
		editor := b.Editor
		if k%2 == 1 {
			editor = New(b.store, "n", b.agent)
		}
		work.Go(func() {
			for i := range edits {
				err := editOnce(ctx, editor, k, i)
				for errors.Is(err, context.DeadlineExceeded) { // a busy machine: nothing was acknowledged
					err = editOnce(ctx, editor, k, i)
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	work.Wait()
	m := b.manifest()
	if len(m.Apps) != 1+editors*edits || len(m.Entry("shared").App.Args) != editors*edits {
		t.Errorf("%d apps, %d arguments", len(m.Apps), len(m.Entry("shared").App.Args))
	}
}

func editOnce(ctx context.Context, editor *Editor, k, i int) error {
	name := fmt.Sprintf("app-%d-%d", k, i)
	if _, err := editor.CreateApp(ctx, app(name)); err != nil && state.CodeOf(err) != state.Exists {
		return err
	}
	_, _, err := editor.PutApp(ctx, "shared", state.Condition{}, func(old *state.App) (*state.App, error) {
		if !slices.Contains(old.Args, name) {
			old.Args = append(slices.Clone(old.Args), name)
		}
		return old, nil
	})
	return err
}
