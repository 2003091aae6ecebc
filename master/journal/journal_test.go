package journal

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"stathub/master/index"
	"stathub/state"
)

func TestOldAndNewEvents(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		now := time.Now()
		w.batch("n1", now.Add(-30*time.Hour), 2)
		w.batch("n2", now.Add(-time.Hour), 1)
		w.put("events/.DS_Store", "x")
		w.put("events/2026-01-01/n1/notes.txt", "x")
		defer w.run(Options{})()
		w.pass(time.Second)
		w.want("*", "3 2 1")
		w.batch("n1", time.Now(), 2)
		w.pass(2 * time.Second) // the store hints
		w.want("*", "5 4 3 2 1")
		w.want("event-4.", "4")
		w.want("n2", "3")
		if got := w.warnings(); got != "" {
			t.Errorf("warnings: %s", got)
		}
		c, err := w.j.Count(t.Context(), "*", nil)
		if err != nil || c.Count != 5 || c.Sum != 5 {
			t.Errorf("count %+v, %v", c, err)
		}
	})
}

// A node that comes back tells what happened days ago, and one with a wrong clock tells it under another day.
func TestLateEvents(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		defer w.run(Options{})()
		w.pass(time.Minute)
		old := time.Now().AddDate(0, 0, -2)
		w.batch("n1", old, 1)
		w.batch("n2", time.Now().AddDate(5, 0, 0), 1)
		w.pass(sweepEvery + time.Second)
		w.want("*", "2 1")
		w.batch("n1", old.Add(time.Second), 1)
		w.pass(defaultPoll + time.Second) // the day is looked at now
		w.want("*", "2 3 1")
	})
}

func TestWhatIsGoneIsNotFound(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		key := w.batch("n1", time.Now(), 2)
		w.batch("n2", time.Now(), 1)
		defer w.run(Options{})()
		w.pass(time.Second)
		w.want("*", "3 2 1")
		if err := w.store.Delete(t.Context(), key, ""); err != nil {
			t.Fatal(err)
		}
		w.pass(sweepEvery + time.Second)
		w.want("*", "3")
	})
}

func TestOnlyTheNewestAreKept(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		start := time.Now()
		for i := range 600 {
			w.batch("n1", start.Add(time.Duration(i)*time.Second), 2)
		}
		w.pass(time.Hour)
		defer w.run(Options{Max: 100})()
		w.pass(time.Second)
		got := strings.Fields(w.found("*"))
		if len(got) > 100 || len(got) < 90 || got[0] != "1200" {
			t.Fatalf("%d events kept, %s first", len(got), got[0])
		}
		if gets := w.store.Counts()["get"]; gets > 600 {
			t.Errorf("%d documents fetched", gets)
		}
		if got := w.warnings(); !strings.Contains(got, "are not searched") {
			t.Errorf("warnings: %s", got)
		}
		gets := w.store.Counts()["get"]
		w.pass(time.Hour)
		if more := w.store.Counts()["get"] - gets; more > 0 {
			t.Errorf("%d documents fetched again", more)
		}
		for range 10 {
			w.batch("n2", time.Now(), 5)
			w.pass(time.Minute)
		}
		got = strings.Fields(w.found("*"))
		if len(got) > 100 || len(got) < 90 || got[0] != "1250" {
			t.Errorf("%d events kept after 50 more, %s first", len(got), got[0])
		}
	})
}

func TestOutage(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.batch("n1", time.Now(), 1)
		w.breaks("list")
		defer w.run(Options{})()
		w.pass(time.Second)
		if got := w.warnings(); !strings.Contains(got, "could not be read yet") {
			t.Errorf("warnings: %s", got)
		}
		w.breaks("")
		w.pass(time.Minute)
		w.want("*", "1")
		for _, broken := range []string{"list", "list-entry", "get"} {
			w.breaks(broken)
			w.batch("n1", time.Now(), 1)
			w.pass(time.Minute)
			if got := w.warnings(); !strings.Contains(got, "may be missing") {
				t.Errorf("%s: warnings: %q", broken, got)
			}
		}
		before := w.store.Counts()
		w.pass(time.Hour)
		if n := w.store.Counts()["list"] - before["list"]; n > 60 {
			t.Errorf("%d listings in an hour without a bucket", n)
		}
		w.breaks("")
		w.pass(3 * time.Minute)
		w.want("*", "4 3 2 1")
		if got := w.warnings(); got != "" {
			t.Errorf("warnings: %s", got)
		}
	})
}

// breaks makes one operation of the store fail, none when it is empty.
func (w *world) breaks(operation string) {
	w.store.Fail(func(op, _ string) error {
		if op == operation {
			return errors.New("no route to host")
		}
		return nil
	})
}

func TestIndexFails(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.batch("n1", time.Now(), 1)
		w.index.fail = errors.New("no memory")
		defer w.run(Options{})()
		w.pass(time.Minute)
		w.index.mu.Lock()
		w.index.fail = nil
		w.index.mu.Unlock()
		w.pass(2 * time.Minute)
		w.want("*", "1")
	})
}

func TestUnreadableDocuments(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		now := time.Now()
		day := now.UTC().Format(time.DateOnly)
		w.put("events/"+day+"/n1/"+ulid(now, 1000)+".jsonl", "{\n\x00garbage\n\n"+`{"id":"","kind":"k"}`+"\n"+`{"id":"x"}`+"\n")
		good := w.batch("n2", now, 1)
		w.put("events/"+day+"/n3/"+ulid(now, 1001)+".jsonl", w.text(good)) // the same once more
		defer w.run(Options{})()
		w.pass(time.Second)
		w.want("*", "1")
		gets := w.store.Counts()["get"]
		w.pass(time.Hour)
		if more := w.store.Counts()["get"] - gets; more > 0 {
			t.Errorf("%d documents fetched again", more)
		}
	})
}

func (w *world) text(key string) string {
	w.t.Helper()
	data, _, err := state.Read(w.t.Context(), w.store, key, "", state.MaxDocument)
	if err != nil {
		w.t.Fatal(err)
	}
	return string(data)
}

// One document, of whatever writer, leaves room for the events of others, also when it says to be from far in the future.
func TestDocumentOfTooMuch(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		now := time.Now()
		var lines strings.Builder
		fmt.Fprintf(&lines, `{"id":"long","kind":"k","message":"%s"}`+"\n", strings.Repeat("a ", maxLine/2))
		for i := range maxPerDocument + 500 {
			fmt.Fprintf(&lines, `{"id":"many-%d","kind":"k"}`+"\n", i)
		}
		w.put("events/2099-01-01/odd/7ZZZZZZZZZZZZZZZZZZZZZZZZZ.jsonl", lines.String())
		w.batch("n1", now, 2)
		defer w.run(Options{Max: maxPerDocument + 100})()
		w.pass(time.Second)
		w.batch("n2", now, 1)
		w.pass(time.Minute)
		for _, what := range []string{"event-1.", "event-2.", "event-3."} {
			if w.found(what) == "" {
				t.Errorf("%s is not found", what)
			}
		}
		if c, err := w.j.Count(t.Context(), "*", nil); err != nil || c.Count != maxPerDocument+3 {
			t.Errorf("%d events are kept, %v", c.Count, err)
		}
		w.want("a a a", "")
	})
}

// While documents are read for the first time, an answer says that there is more.
func TestStillReading(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.batch("n1", time.Now(), 1)
		w.store.Fail(func(op, _ string) error {
			if op == "get" {
				time.Sleep(5 * time.Second)
			}
			return nil
		})
		defer w.run(Options{})()
		w.pass(time.Second)
		if got := w.warnings(); !strings.Contains(got, "still being read") {
			t.Errorf("warnings: %s", got)
		}
		w.pass(10 * time.Second)
		w.want("*", "1")
		if got := w.warnings(); got != "" {
			t.Errorf("warnings: %s", got)
		}
	})
}

// Listing costs money where the bucket is one: ten requests a minute for looks, and ten for sweeps, are the most.
func TestRequests(t *testing.T) {
	for _, tt := range []struct{ documents, most int }{{0, 7}, {500, 7}, {30_000, 20}} {
		t.Run(fmt.Sprint(tt.documents), func(t *testing.T) {
			now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
			p := newPlan(defaultPoll)
			requests := 0
			for end := now.Add(10 * time.Hour); now.Before(end); now = now.Add(max(time.Millisecond, p.wait(now))) {
				switch {
				case p.sweepDue(now):
					requests += max(1, pages(7*tt.documents))
					p.listed(now, now.Add(time.Second), 7*tt.documents, true)
				case p.lookDue(now):
					requests += max(1, pages(tt.documents))
					p.listed(now, now.Add(time.Second), tt.documents, false)
				}
			}
			if perMinute := requests / 600; perMinute > tt.most {
				t.Errorf("%d requests a minute", perMinute)
			}
		})
	}
}

// What queries see: the time sorts as text, every event has a count, and no member is lost.
func TestSearched(t *testing.T) {
	at := time.Date(2026, 11, 22, 10, 30, 0, 120e6, time.FixedZone("", 3600))
	for want, e := range map[string]state.Event{
		`{"at":"2026-11-22T09:30:00.120Z","id":"x","writer":"n1","kind":"k","node":"n1","app":"web","instance":"n1/web.0","count":1,"message":"m"}`: {
			ID: "x", At: at, Writer: "n1", Kind: "k", Node: "n1", App: "web", Instance: "n1/web.0", Message: "m"},
		`{"at":"2026-11-22T09:30:00.000Z","id":"","writer":"","kind":"","count":7,"message":"","new":[1]}`: {
			At: at.Truncate(time.Second), Count: 7, Extra: []byte(`{"new":[1]}`)},
	} {
		if got := strings.TrimSpace(string(state.EncodeLine(searched{&e}))); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

// Over the real index: kinds narrow a query down, and a query that goes wrong says where.
func TestKinds(t *testing.T) {
	x, err := index.New(index.FieldsOf[state.Event]()...)
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	j := New(Options{Index: x})
	for i, kind := range []string{"node.down", "node.up", "app.scaled", "instance.exit"} {
		at := time.Date(2026, 11, 22, 10, 0, i, 0, time.UTC)
		e := &state.Event{ID: ulid(at, i), At: at, Kind: kind, Node: "n1", Message: "what happened", Count: i}
		if err := j.take([]fetched{{ref{id: e.ID, key: kind}, []*state.Event{e}, []int{100}}}); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		text  string
		kinds []string
		want  string
	}{
		{"", nil, "instance.exit app.scaled node.up node.down"},
		{"*", []string{"node.down"}, "node.down"},
		{"", []string{"node.*", "app.scaled"}, "app.scaled node.up node.down"},
		{"happened OR x", []string{"node.*"}, "node.up node.down"},
		{"NOT kind:node.up", []string{"node.*"}, "node.down"},
		{"", []string{`a"b)\ `}, ""},
		{`at:>="2026-11-22T10:00:02"`, nil, "instance.exit app.scaled"},
		{`at:["2026-11-22T10:00:01" TO "2026-11-22T10:00:02.500Z"]`, nil, "app.scaled node.up"},
		{"at:>2026-11-22", nil, "instance.exit app.scaled node.up node.down"},
		{"at:>2026-11-23", nil, ""},
		{"count:>1 AND node:n1", nil, "instance.exit app.scaled"},
		{"count:1", nil, "node.up node.down"},
		{"kind:*.down OR kind:app*", nil, "app.scaled node.down"},
	} {
		p, err := j.Search(t.Context(), tt.text, tt.kinds, 0, 10)
		if err != nil {
			t.Errorf("%q %v: %v", tt.text, tt.kinds, err)
			continue
		}
		var got []string
		for _, e := range p.Rows {
			got = append(got, e.Kind)
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%q %v finds %v, want %s", tt.text, tt.kinds, got, tt.want)
		}
	}
	if c, err := j.Count(t.Context(), "", []string{"app.scaled", "instance.*"}); err != nil || c.Count != 2 || c.Sum != 5 {
		t.Errorf("count %+v, %v", c, err)
	}
	for i := range 3 {
		e := &state.Event{ID: fmt.Sprint("absurd ", i), Kind: "absurd", Count: 1 << 62}
		if err := j.take([]fetched{{ref{id: e.ID, key: e.ID}, []*state.Event{e}, []int{100}}}); err != nil {
			t.Fatal(err)
		}
	}
	if c, err := j.Count(t.Context(), "kind:absurd", nil); err != nil || c.Count != 3 || c.Sum != 3*maxCount {
		t.Errorf("count %+v, %v", c, err)
	}
	if _, err := j.Search(t.Context(), "a AND (", []string{"x"}, 0, 10); state.CodeOf(err) != state.Invalid || !strings.Contains(err.Error(), "column 8") {
		t.Errorf("a bad query: %v", err)
	}
	if p, err := j.Search(t.Context(), "nod:n1", nil, 0, 10); err != nil || !strings.Contains(strings.Join(p.Warnings, "\n"), `did you mean "node"?`) {
		t.Errorf("an unknown field: %v, %v", p.Warnings, err)
	}
}
