package converge

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"stathub/state"
)

func TestRenew(t *testing.T) {
	long, short := t0.Add(-time.Hour), t0.Add(-time.Second)
	old := func(id string, s state.InstanceState) Sibling {
		return Sibling{ID: id, State: s, Since: long, Outdated: "it changed"}
	}
	renewed := func(id string, s state.InstanceState, since time.Time) Sibling {
		return Sibling{ID: id, State: s, Since: since, Renewing: true}
	}
	again := func(s Sibling) Sibling { s.Outdated = "it changed once more"; return s }
	tests := []struct {
		name    string
		checked bool
		all     []Sibling
		next    string
		well    string
		held    bool
		wake    time.Duration // from t0
	}{
		{name: "nothing to do", all: []Sibling{{ID: "a", State: state.Running, Since: long}}},
		{name: "the first one", all: []Sibling{old("a", state.Running), old("b", state.Running)}, next: "a"},
		{name: "the unhealthy one first", checked: true, all: []Sibling{old("a", state.Healthy), old("b", state.Unhealthy)}, next: "b"},
		{name: "one that stops holds others up", all: []Sibling{renewed("a", state.Stopping, long), old("b", state.Running)}},
		{name: "one that starts holds others up", all: []Sibling{{ID: "a", State: state.Starting}, old("b", state.Running)}},
		{name: "one that fetches holds others up", all: []Sibling{renewed("a", state.Fetching, long), old("b", state.Running)}},
		{name: "up for too short a time", all: []Sibling{renewed("a", state.Running, short), old("b", state.Running)}, wake: goodStart - time.Second},
		{name: "up for long enough", all: []Sibling{renewed("a", state.Running, t0.Add(-goodStart)), old("b", state.Running)}, next: "b", well: "a"},
		{name: "the clock was set back", all: []Sibling{renewed("a", state.Running, t0.Add(time.Hour)), old("b", state.Running)}, next: "b", well: "a"},
		{name: "up, but not healthy yet", checked: true, all: []Sibling{renewed("a", state.Running, long), old("b", state.Healthy)}},
		{name: "healthy", checked: true, all: []Sibling{renewed("a", state.Healthy, short), old("b", state.Healthy)}, next: "b", well: "a"},
		{name: "unhealthy with the new one", checked: true, all: []Sibling{renewed("a", state.Unhealthy, long), old("b", state.Healthy)}, held: true},
		{name: "crashes with the new one", all: []Sibling{renewed("a", state.Backoff, long), old("b", state.Running)}, held: true},
		{name: "did its work with the new one", all: []Sibling{renewed("a", state.Completed, long), old("b", state.Running)}, next: "b", well: "a"},
		{name: "a newer one for that which failed", checked: true,
			all: []Sibling{old("b", state.Unhealthy), again(renewed("a", state.Unhealthy, long))}, next: "a"},
		{name: "a newer one, but that which failed waits for its restart", all: []Sibling{again(renewed("a", state.Backoff, long)), old("b", state.Running)}, held: true},
		{name: "one that crashed for other reasons", all: []Sibling{{ID: "a", State: state.Backoff}, old("b", state.Running)}, next: "b"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for k := range tt.all {
				tt.all[k].Checked = tt.checked
			}
			got := Renew(tt.all, t0)
			if got.Next != tt.next || (got.Held != "") != tt.held || tt.well != "" != (len(got.Well) > 0) {
				t.Errorf("%+v", got)
			}
			if want := t0.Add(tt.wake); tt.wake != 0 && !got.Wake.Equal(want) || tt.wake == 0 && !got.Wake.IsZero() {
				t.Errorf("wake %v, want %v", got.Wake, want)
			}
		})
	}
}

func TestChanged(t *testing.T) {
	newest := func(uri string) string { return map[string]string{"new": "2", "same": "1"}[uri] }
	run := func(uri, etag string) state.ArtifactState { return state.ArtifactState{URI: uri, ETag: etag} }
	for _, tt := range []struct {
		name    string
		running []state.ArtifactState
		want    string
	}{
		{"nothing", nil, ""},
		{"the same", []state.ArtifactState{run("same", "1")}, ""},
		{"newer", []state.ArtifactState{run("same", "1"), run("new", "1")}, "new"},
		{"its source said nothing", []state.ArtifactState{run("silent", "1")}, ""},
		{"what runs is not known", []state.ArtifactState{run("new", "")}, ""},
	} {
		if got := Changed(tt.running, newest); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

// fleet is the instances of one app, each with the revision of its one artifact.
type fleet struct {
	t        *rapid.T
	now      time.Time
	newest   int
	checked  bool
	bad      map[int]bool // revisions with which nothing comes up
	has      []int
	siblings []Sibling
}

func (f *fleet) look() Renewal {
	for k := range f.siblings {
		if f.siblings[k].Outdated = ""; f.has[k] != f.newest {
			f.siblings[k].Outdated = "changed"
		}
	}
	return Renew(f.siblings, f.now)
}

func (f *fleet) serves(k int) bool {
	s := f.siblings[k]
	return s.State == state.Healthy || s.State == state.Running && !f.bad[f.has[k]]
}

// step lets time pass, and something happen to those that are on their way.
func (f *fleet) step() {
	f.now = f.now.Add(5 * time.Second)
	for k := range f.siblings {
		s := &f.siblings[k]
		switch s.State {
		case state.Stopping, state.Backoff:
			s.State, f.has[k] = state.Starting, f.newest
		case state.Starting:
			s.State, s.Since = state.Running, f.now
		case state.Running:
			switch {
			case f.bad[f.has[k]] && f.checked:
				s.State = state.Unhealthy
			case f.bad[f.has[k]]:
				s.State = state.Backoff
			case f.checked:
				s.State = state.Healthy
			}
		case state.Unhealthy:
			s.State = state.Backoff
		}
	}
}

// Whatever comes out, one instance at the most is out of service for a new artifact; with a good one all get it in the
// end, and a bad one costs one instance.
func TestRenewOneAtATime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := &fleet{t: t, now: t0, checked: rapid.Bool().Draw(t, "checked"), bad: map[int]bool{}}
		up := state.Running
		if f.checked {
			up = state.Healthy
		}
		for k := range rapid.IntRange(1, 5).Draw(t, "instances") {
			f.has = append(f.has, 0)
			f.siblings = append(f.siblings, Sibling{ID: fmt.Sprint(k), State: up, Since: t0.Add(-time.Hour), Checked: f.checked})
		}
		count := len(f.has)
		for revision := range rapid.IntRange(1, 3).Draw(t, "revisions") {
			f.newest = revision + 1
			f.bad[f.newest] = rapid.Bool().Draw(t, "bad")
			steps := rapid.IntRange(0, 10*count).Draw(t, "steps until the next one")
			if revision == 2 {
				steps = 20 * count
			}
			for range steps {
				r := f.look()
				for _, id := range r.Well {
					f.siblings[slices.IndexFunc(f.siblings, func(s Sibling) bool { return s.ID == id })].Renewing = false
				}
				if k := slices.IndexFunc(f.siblings, func(s Sibling) bool { return s.ID == r.Next }); k >= 0 {
					if !f.siblings[k].State.Live() || f.siblings[k].State == state.Stopping || f.has[k] == f.newest {
						t.Fatalf("replaced %+v", f.siblings[k])
					}
					f.siblings[k].State, f.siblings[k].Renewing = state.Stopping, true
				}
				f.step()
				serving := 0
				for k := range f.siblings {
					if f.serves(k) {
						serving++
					}
				}
				if serving < count-1 {
					t.Fatalf("%d of %d serve: %+v, revisions %v, bad %v", serving, count, f.siblings, f.has, f.bad)
				}
			}
		}
		f.newest++ // a good one mends all
		for range 20 * count {
			r := f.look()
			for k := range f.siblings {
				if slices.Contains(r.Well, f.siblings[k].ID) {
					f.siblings[k].Renewing = false
				}
				if f.siblings[k].ID == r.Next {
					f.siblings[k].State, f.siblings[k].Renewing = state.Stopping, true
				}
			}
			f.step()
		}
		for k := range f.siblings {
			if f.has[k] != f.newest || f.siblings[k].State != up || f.siblings[k].Renewing {
				t.Fatalf("at the end: %+v with %v of %d", f.siblings[k], f.has, f.newest)
			}
		}
	})
}
