package state

import (
	"strings"
)

// maxPlaceholder is how far a "}" may be from its "${", in bytes: text with many of the one is not searched anew each time.
const maxPlaceholder = 1024

// Expand replaces every ${NAME} that lookup knows; an unknown one stays as it is, so that text that means the process's
// own variables goes on working.
func Expand(s string, lookup func(name string) (string, bool)) string {
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(s, "${")
		if !ok {
			b.WriteString(s)
			return b.String()
		}
		b.WriteString(before)
		if name, _, closed := strings.Cut(rest[:min(len(rest), maxPlaceholder)], "}"); closed {
			if value, known := lookup(name); known {
				b.WriteString(value)
				s = rest[len(name)+1:]
				continue
			}
		}
		// Only "${" is passed over: "${${A}" still finds A.
		b.WriteString("${")
		s = rest
	}
}

// Resolve replaces the placeholders in an app's args and env values. A name is looked up among the app's envs, then
// builtin (PORT, NODE_ID, …: what the agent knows of the instance), then the node's envs. An env that refers to itself,
// directly or in a circle, gets the value that it hides: PATH=${PATH}:/opt/bin extends the node's PATH. Past 1 MiB of
// replaced text, which App's validation refuses, placeholders stay as they are.
func Resolve(app *App, builtin, node map[string]string) (args []string, envs map[string]string) {
	return resolve(app, builtin, func(name string) (string, bool) {
		v, ok := node[name]
		return v, ok
	})
}

// maxExpansion bounds the work and the text of the placeholders of one app: envs that name each other twice would double
// with each of them.
const maxExpansion = 1 << 20

// growsTooFar: the app's own placeholders, without the node's, are past maxExpansion.
func growsTooFar(app *App) bool {
	_, _, left := expandAll(app, nil, func(string) (string, bool) { return "", false })
	return left < 0
}

func resolve(app *App, builtin map[string]string, node func(string) (string, bool)) (args []string, envs map[string]string) {
	args, envs, _ = expandAll(app, builtin, node)
	return args, envs
}

// expandAll also gives what is left of maxExpansion. Where nothing is, placeholders stay as they are.
func expandAll(app *App, builtin map[string]string, node func(string) (string, bool)) (args []string, envs map[string]string, left int) {
	left = maxExpansion
	open := map[string]bool{} // envs being resolved
	var lookup func(name string) (string, bool)
	lookup = func(name string) (string, bool) {
		if raw, ok := app.Envs[name]; ok && !open[name] {
			if left -= 1 + len(raw); left < 0 {
				return "", false
			}
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
	for _, name := range sortedKeys(app.Envs) {
		open[name] = true
		envs[name] = Expand(app.Envs[name], lookup)
		delete(open, name)
	}
	return args, envs, left
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
