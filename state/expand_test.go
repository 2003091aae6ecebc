package state_test

import (
	"maps"
	"slices"
	"strconv"
	"testing"

	"stathub/state"
)

func TestExpand(t *testing.T) {
	vars := map[string]string{"A": "1", "B": "${A}", "": "empty"}
	lookup := func(n string) (string, bool) { v, ok := vars[n]; return v, ok }
	for in, want := range map[string]string{
		"": "", "plain": "plain", "${A}": "1", "x${A}y${A}z": "x1y1z", "$A": "$A", "${": "${", "${A": "${A", "${X}": "${X}",
		"${${A}": "${1", "${B}": "${A}", "$${A}": "$1", "${}": "empty", "${X}${A}": "${X}1",
	} {
		if got := state.Expand(in, lookup); got != want {
			t.Errorf("Expand(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestResolve(t *testing.T) {
	app := &state.App{
		Args: []string{"--port=${PORT}", "${ZONE}", "${URL}", "$(rm) ${HOME}"},
		Envs: map[string]string{"PATH": "${PATH}:/opt", "URL": "http://${HOST}:${PORT}", "HOST": "h", "LOOP1": "${LOOP2}", "LOOP2": "${LOOP1}"},
	}
	args, envs := state.Resolve(app, map[string]string{"PORT": "80"}, map[string]string{"PATH": "/bin", "ZONE": "z1", "PORT": "hidden", "LOOP1": "end"})
	if want := []string{"--port=80", "z1", "http://h:80", "$(rm) ${HOME}"}; !slices.Equal(args, want) {
		t.Errorf("args %q, want %q", args, want)
	}
	if want := map[string]string{"PATH": "/bin:/opt", "URL": "http://h:80", "HOST": "h", "LOOP1": "end", "LOOP2": "${LOOP2}"}; !maps.Equal(envs, want) {
		t.Errorf("envs %q, want %q", envs, want)
	}
}

// Law 5: the sum changes with what a running process got at its start, and with nothing else.
func TestSpecSum(t *testing.T) {
	entry := func() *state.ManifestEntry {
		return &state.ManifestEntry{Count: 1, App: state.App{Name: "a", ToProcess: "x", Args: []string{"${ZONE}"}, Envs: map[string]string{"A": "${RACK}"}}}
	}
	m := func() *state.Manifest {
		return &state.Manifest{Node: "n", Envs: map[string]string{"ZONE": "z1", "RACK": "r1", "OTHER": "o", "A": "hidden"}}
	}
	base := state.SpecSum(m(), entry())
	same := map[string]func(m *state.Manifest, e *state.ManifestEntry){
		"count":           func(m *state.Manifest, e *state.ManifestEntry) { e.Count = 9 },
		"unused node env": func(m *state.Manifest, e *state.ManifestEntry) { m.Envs["OTHER"] = "changed" },
		"hidden node env": func(m *state.Manifest, e *state.ManifestEntry) { m.Envs["A"] = "changed" },
		"generation":      func(m *state.Manifest, e *state.ManifestEntry) { m.Generation = 7 },
		"health checks":   func(m *state.Manifest, e *state.ManifestEntry) { e.App.HealthChecks = make([]state.HealthCheck, 1) },
		"restart policy":  func(m *state.Manifest, e *state.ManifestEntry) { e.App.Restart = &state.Restart{Policy: "never"} },
		"description":     func(m *state.Manifest, e *state.ManifestEntry) { e.App.Description = "text" },
		"owner":           func(m *state.Manifest, e *state.ManifestEntry) { e.Owner = "me" },
	}
	for name, change := range same {
		mm, e := m(), entry()
		if change(mm, e); state.SpecSum(mm, e) != base {
			t.Errorf("a change of %s restarts the instances", name)
		}
	}
	other := map[string]func(m *state.Manifest, e *state.ManifestEntry){
		"program":           func(m *state.Manifest, e *state.ManifestEntry) { e.App.ToProcess = "y" },
		"args":              func(m *state.Manifest, e *state.ManifestEntry) { e.App.Args = []string{"${ZONE}", ""} },
		"node env in arg":   func(m *state.Manifest, e *state.ManifestEntry) { m.Envs["ZONE"] = "z2" },
		"node env in env":   func(m *state.Manifest, e *state.ManifestEntry) { m.Envs["RACK"] = "r2" },
		"node env goes":     func(m *state.Manifest, e *state.ManifestEntry) { delete(m.Envs, "ZONE") },
		"env":               func(m *state.Manifest, e *state.ManifestEntry) { e.App.Envs["B"] = "1" },
		"ports":             func(m *state.Manifest, e *state.ManifestEntry) { e.App.Ports = []int{0} },
		"restart token":     func(m *state.Manifest, e *state.ManifestEntry) { e.RestartToken = "t" },
		"working directory": func(m *state.Manifest, e *state.ManifestEntry) { e.App.WorkingDirectory = "/srv" },
		"user":              func(m *state.Manifest, e *state.ManifestEntry) { e.App.User = "nobody" },
	}
	for name, change := range other {
		mm, e := m(), entry()
		if change(mm, e); state.SpecSum(mm, e) == base {
			t.Errorf("a change of %s leaves the sum as it was", name)
		}
	}
}

// Envs that multiply each other are cut off, in the same way each time, so that nobody runs out of memory or time.
func TestResolveIsBounded(t *testing.T) {
	app := &state.App{Args: []string{"${A0}"}, Envs: map[string]string{}}
	for i := range 40 {
		next := "${A" + strconv.Itoa(i+1) + "}"
		app.Envs["A"+strconv.Itoa(i)] = next + next
	}
	app.Envs["A40"] = "${ZONE}"
	node := map[string]string{"ZONE": "z"}
	args, envs := state.Resolve(app, nil, node)
	again, _ := state.Resolve(app, nil, node)
	if !slices.Equal(args, again) || len(args[0]) > 16<<20 || len(envs) != 41 {
		t.Errorf("%d bytes, %d envs", len(args[0]), len(envs))
	}
}
