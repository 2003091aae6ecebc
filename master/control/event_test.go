package control

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"stathub/scheduler"
	"stathub/state"
)

// events gives what this master and those before it told so far, as "kind node app: message".
func (w *world) events() []string {
	w.t.Helper()
	w.wait(15 * time.Second) // the batch
	var all []string
	for e, err := range w.store.List(w.t.Context(), state.KindEvents.Prefix()) {
		if err != nil {
			w.t.Fatal(err)
		}
		for line := range strings.Lines(w.get(e.Key)) {
			e, err := state.Decode[state.Event]("", []byte(line))
			if err != nil {
				w.t.Fatal(err)
			}
			if e.Writer != "master" {
				w.t.Errorf("writer of %+v", e)
			}
			all = append(all, strings.Join([]string{e.Kind, e.Node, e.App}, " ")+": "+e.Message)
		}
	}
	return all
}

// wantEvents fails unless events with these beginnings were told, in this order, with others between.
func wantEvents(t *testing.T, got []string, want ...string) {
	t.Helper()
	rest := got
	for _, text := range want {
		i := slices.IndexFunc(rest, func(e string) bool { return strings.HasPrefix(e, text) })
		if i < 0 {
			t.Fatalf("no event %q in its place in:\n%s", text, strings.Join(got, "\n"))
		}
		rest = rest[i+1:]
	}
}

func count(events []string, beginning string) (n int) {
	for _, e := range events {
		if strings.HasPrefix(e, beginning) {
			n++
		}
	}
	return n
}

func TestEventsOfNodesAndApps(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		all := w.agents(3)
		w.wait(5 * time.Second)
		w.deploy("web", 3)
		w.wait(5 * time.Second)
		if _, err := w.c.SetDrain(t.Context(), "n1", true); err != nil {
			t.Fatal(err)
		}
		w.wait(5 * time.Second)
		if _, err := w.c.SetDrain(t.Context(), "n1", false); err != nil {
			t.Fatal(err)
		}
		all[1].stop()
		w.wait(time.Minute)
		got := w.events()
		wantEvents(t, got, "master.start", "node.joined n1 : node n1 (host-n1) joined", "app.created  web: app web is created",
			`app.choreo  web: app web is to run on nodes that match "*", with a scale of 3`, "app.placed  web: app web: 3 instances placed on n1, n2, n3",
			"node.drain n1 : node n1 is drained", "app.moved  web: app web: 1 instance moved off n1 (draining) to n",
			"node.undrain n1 : ", "node.down n2 : node n2 is down: nothing was heard of it for 35s",
			"app.moved  web: app web: ")
		if !strings.Contains(got[len(got)-1], "moved off n2") || !strings.Contains(got[len(got)-1], "(down)") {
			t.Errorf("the last event is %q", got[len(got)-1])
		}
		w.resume(all[1])
		w.wait(5 * time.Second)
		wantEvents(t, w.events(), "node.down n2", "node.up n2 : node n2 is up again")
	})
}

// A master that starts anew, or one that is asked for what is so already, has nothing to tell of it.
func TestNothingNewIsNoEvent(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.agents(2)
		w.wait(5 * time.Second)
		w.deploy("web", 2)
		w.wait(5 * time.Second)
		w.halt()
		w.wait(time.Second)
		w.startMaster()
		w.wait(time.Minute)
		for range 2 {
			if _, err := w.c.StartApp(t.Context(), "web"); err != nil {
				t.Fatal(err)
			}
			if _, err := w.c.Scale(t.Context(), "web", 2); err != nil {
				t.Fatal(err)
			}
		}
		got := w.events()
		wantEvents(t, got, "master.start", "node.joined", "node.joined", "app.placed", "master.stop", "master.start")
		for _, kind := range []string{"node.joined n1", "node.joined n2", "app.placed", "app.choreo"} {
			if n := count(got, kind); n != 1 {
				t.Errorf("%d times %s in:\n%s", n, kind, strings.Join(got, "\n"))
			}
		}
		if n := count(got, "app.started") + count(got, "app.scaled") + count(got, "node.up") + count(got, "node.down"); n > 0 {
			t.Errorf("told what is not so:\n%s", strings.Join(got, "\n"))
		}
	})
}

func TestEventsOfAFreeze(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		all := w.agents(4)
		w.wait(5 * time.Second)
		for _, a := range all {
			a.stop()
		}
		w.wait(time.Minute)
		wantEvents(t, w.events(), "schedule.frozen  : 4 of 4 nodes fell silent together")
		for _, a := range all {
			w.resume(a)
		}
		w.wait(10 * time.Second)
		got := w.events()
		wantEvents(t, got, "schedule.frozen", "schedule.unfrozen")
		if n := count(got, "schedule."); n != 2 {
			t.Errorf("%d times told:\n%s", n, strings.Join(got, "\n"))
		}
	})
}

func TestEventsOfDocuments(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.agents(1)
		w.wait(5 * time.Second)
		w.deploy("web", 1)
		w.wait(5 * time.Second)
		good := w.get("apps/web.json")
		w.put("apps/web.json", "{")
		w.wait(5 * time.Second)
		w.put("apps/web.json", good)
		w.wait(5 * time.Second)
		w.put("manifests/n1.json", strings.Replace(w.get("manifests/n1.json"), `"run"`, `"run -v"`, 1))
		w.wait(5 * time.Second)
		if _, err := w.c.Scale(t.Context(), "web", 2); err != nil {
			t.Fatal(err)
		}
		if _, err := w.c.ReleaseEntry(t.Context(), "n1", "web"); err != nil {
			t.Fatal(err)
		}
		if err := w.c.DeleteApp(t.Context(), "web", state.Condition{}, false); err != nil {
			t.Fatal(err)
		}
		wantEvents(t, w.events(), "document.unreadable  web: apps/web.json: ", "entry.kept n1 web", "document.readable  web",
			"entry.hand-edited n1 web", "app.scaled  web: app web is scaled from 1 to 2", "entry.released n1 web", "app.deleted  web")
	})
}

// While the bucket is away the master keeps what happens, and tells it in order when it is back.
func TestEventsOutliveAnOutage(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.agents(1)
		w.wait(5 * time.Second)
		w.store.Fail(func(op, key string) error {
			if strings.HasPrefix(key, "events/") {
				return fmt.Errorf("no route to host")
			}
			return nil
		})
		w.deploy("web", 1)
		w.wait(time.Minute)
		w.store.Fail(nil)
		w.wait(2 * time.Minute)
		wantEvents(t, w.events(), "app.created", "app.choreo", "app.placed")
	})
}

func TestMoves(t *testing.T) {
	entry := func(app string, n int) state.ManifestEntry {
		return state.ManifestEntry{App: state.App{Name: app, Start: true}, Count: n, Owner: state.OwnerMaster}
	}
	manifest := func(entries ...state.ManifestEntry) *state.Manifest { return &state.Manifest{Apps: entries} }
	many, manyHad := map[string]*state.Manifest{}, map[string]scheduler.Current{}
	for i := range 14 {
		many[fmt.Sprintf("m%02d", i)] = manifest(entry("web", 2))
	}
	nodes := map[string]*state.Node{
		"n1": {State: state.NodeDown, Schedulable: true}, "n2": {State: state.NodeUp, Schedulable: true}, "n3": {State: state.NodeUp},
	}
	for name, tt := range map[string]struct {
		had  map[string]scheduler.Current
		now  map[string]*state.Manifest
		want []string
	}{
		"nothing": {nil, nil, nil},
		"content only": {map[string]scheduler.Current{"n1": {Manifest: manifest(entry("web", 1))}},
			map[string]*state.Manifest{"n1": manifest(entry("web", 1))}, nil},
		"placed": {nil, map[string]*state.Manifest{"n2": manifest(entry("web", 2))},
			[]string{"app.placed n2 app web: 2 instances placed on n2"}},
		"placed on many": {manyHad, many,
			[]string{"app.placed  app web: 28 instances placed on m00: 2, m01: 2, m02: 2, m03: 2, m04: 2, m05: 2, m06: 2, m07: 2, m08: 2, m09: 2 and 4 more nodes"}},
		"moved, and another app removed": {
			map[string]scheduler.Current{"n1": {Manifest: manifest(entry("web", 3), entry("api", 1))}, "n2": {Manifest: manifest()}},
			map[string]*state.Manifest{"n1": manifest(), "n2": manifest(entry("web", 1)), "n3": manifest(entry("web", 2))},
			[]string{"app.removed n1 app api: 1 instance removed from n1 (down)", "app.moved  app web: 3 instances moved off n1 (down) to n2, n3: 2"}},
		"not all find a place": {
			map[string]scheduler.Current{"n3": {Manifest: manifest(entry("web", 3))}},
			map[string]*state.Manifest{"n3": manifest(), "n2": manifest(entry("web", 1))},
			[]string{"app.moved  app web: 3 instances moved off n3 (cordoned), 1 placed on n2"}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, m := range moves(tt.had, tt.now) {
				kind, e := m.event(nodes)
				got = append(got, kind+" "+e.Node+" "+e.Message)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
			}
		})
	}
}

func TestEditsAreNamed(t *testing.T) {
	app := func(do func(*state.App)) *state.App {
		a := &state.App{Name: "web", ToProcess: "run", Envs: map[string]string{"A": "1"}}
		do(a)
		return a
	}
	same := app(func(*state.App) {})
	for name, tt := range map[string]struct {
		old, now      *state.App
		kind, message string
	}{
		"nothing":   {same, app(func(*state.App) {}), "", ""},
		"created":   {nil, same, AppCreated, "app web is created"},
		"recreated": {app(func(a *state.App) { a.Deleted = true }), same, AppCreated, "app web is created"},
		"started":   {same, app(func(a *state.App) { a.Start = true }), AppStarted, "app web is started"},
		"restarted": {same, app(func(a *state.App) { a.RestartToken = "x" }), AppRestarted, "app web is restarted"},
		"changed": {same, app(func(a *state.App) { a.Envs, a.Args, a.Start = nil, []string{"-v"}, true }),
			AppChanged, "app web is changed: args, envs, start"},
	} {
		t.Run(name, func(t *testing.T) {
			if kind, message := appEdit(tt.old, tt.now); kind != tt.kind || message != tt.message {
				t.Errorf("%s %q, want %s %q", kind, message, tt.kind, tt.message)
			}
		})
	}
}
