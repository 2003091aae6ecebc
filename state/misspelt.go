package state

import (
	"reflect"
	"slices"
	"strings"
)

// Misspelt finds the members of a document that its type does not know and whose name is close to one that it knows:
// typing errors, most likely, which reading keeps and does not act on. data is what doc was decoded from.
func Misspelt(key string, data []byte, doc Document) error {
	var problems []Problem
	unknownMembers(reflect.ValueOf(doc).Elem(), "", &problems)
	problems = slices.DeleteFunc(problems, func(p Problem) bool { return !strings.Contains(p.Message, didYouMean) })
	if len(problems) == 0 {
		return nil
	}
	locateAll(data, problems)
	return &Error{Code: Invalid, Key: key, Problems: problems}
}

// misspelt is for a member that the app lacks: which unknown one may be meant to be it; "" when none.
func (a *App) misspelt(member string) string {
	var problems []Problem
	reportExtra(a.Extra, "", []string{member}, &problems)
	for _, p := range problems {
		if strings.Contains(p.Message, didYouMean) {
			return "; " + p.Message
		}
	}
	return ""
}

const didYouMean = ": did you mean "

// otherWords are members as other supervisors call them (supervisord, PM2, systemd, Docker), in lower case.
func otherWords(name string) string {
	switch strings.ToLower(name) {
	case "command", "cmd", "exec", "execstart", "script", "program":
		return "toProcess"
	case "environment", "envvars":
		return "envs"
	case "cwd", "directory", "dir", "workdir":
		return "workingDirectory"
	case "autorestart":
		return "restart"
	case "stopsignal":
		return "killSignal"
	case "stopwaitsecs", "kill_timeout", "timeoutstopsec":
		return "killTimeoutSeconds"
	case "memory", "max_memory_restart":
		return "mem"
	case "cpu":
		return "cpus"
	case "depends_on", "after", "requires":
		return "dependsOn"
	case "numprocs", "instances", "replicas":
		return "count"
	case "cron", "cron_restart":
		return "schedule"
	}
	return ""
}

// elsewhere says where a member belongs that is no app's, however often people look for it there.
func elsewhere(name string, known []string) string {
	if other := otherWords(name); other != "" {
		name = other
	}
	if !slices.Contains(known, "toProcess") {
		return ""
	}
	switch name {
	case "count", "scale":
		return "an app does not say how many: use its _scale or choreo, or in a manifest \"count\" beside \"app\""
	case "schedule":
		return "an app does not say when: use its choreo, or in a manifest \"schedule\" beside \"app\""
	}
	return ""
}
