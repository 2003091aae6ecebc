package state

import (
	"strings"
)

// Expand replaces every ${NAME} that lookup knows; an unknown one stays as it is, so that text that means the process's
// own variables goes on working.
func Expand(s string, lookup func(name string) (string, bool)) string {
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(s, "${")
		name, after, closed := strings.Cut(rest, "}")
		if !ok || !closed {
			b.WriteString(s)
			return b.String()
		}
		b.WriteString(before)
		if value, known := lookup(name); known {
			b.WriteString(value)
			s = after
			continue
		}
		// Only "${" is passed over: "${${A}" still finds A.
		b.WriteString("${")
		s = rest
	}
}

// Resolve replaces the placeholders in an app's args and env values. A name is looked up among the app's envs, then
// builtin (PORT, NODE_ID, …: what the agent knows of the instance), then the node's envs. An env that refers to itself,
// directly or in a circle, gets the value that it hides: PATH=${PATH}:/opt/bin extends the node's PATH.
func Resolve(app *App, builtin, node map[string]string) (args []string, envs map[string]string) {
	return resolve(app, builtin, func(name string) (string, bool) {
		v, ok := node[name]
		return v, ok
	})
}

func resolve(app *App, builtin map[string]string, node func(string) (string, bool)) (args []string, envs map[string]string) {
	open := map[string]bool{} // envs being resolved
	var lookup func(name string) (string, bool)
	lookup = func(name string) (string, bool) {
		if raw, ok := app.Envs[name]; ok && !open[name] {
			open[name] = true
			defer delete(open, name)
			return Expand(raw, lookup), true
		}
		if v, ok := builtin[name]; ok {
			return v, true
		}
		return node(name)
	}
	for _, a := range app.Args {
		args = append(args, Expand(a, lookup))
	}
	envs = make(map[string]string, len(app.Envs))
	for name := range app.Envs {
		envs[name], _ = lookup(name)
	}
	return args, envs
}

// SpecSum identifies what an instance of entry e in manifest m runs with: a running instance must be replaced if and
// only if its sum changes (law 5). A node env counts only where a placeholder uses it; members that the agent applies to
// a running process, such as health checks and restart policy, do not count.
func SpecSum(m *Manifest, e *ManifestEntry) string {
	used := map[string]string{}
	resolve(&e.App, nil, func(name string) (string, bool) {
		v, ok := m.Envs[name]
		if ok {
			used[name] = v
		}
		return v, ok
	})
	a := e.App
	return digest(struct {
		ToProcess, WorkingDirectory, User, RestartToken string
		Envs, NodeEnvs                                  map[string]string
		Args, URIs                                      []string
		Ports                                           []int
		ResAlloc                                        *Resources
	}{a.ToProcess, a.WorkingDirectory, a.User, e.RestartToken, a.Envs, used, a.Args, a.URIs, a.Ports, a.ResAlloc})
}
