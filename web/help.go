package web

import (
	"slices"
	"strings"

	"stathub/state"
	"stathub/state/schema"
	"stathub/web/rest/openapi"
)

// Help is a page of the help.
type Help struct {
	Topic  string   // "start", "query", … or a kind of document
	Topics []string // that there are, but documents
	Kinds  []string // of documents
	Master bool     // the program is a master; else it is an agent
	Alone  bool     // it is an agent without a master

	Forms  []QueryForm
	Rules  []string // their words in the family "help.rule."
	Keys   []Section
	How    []string // questions, in the families "help.how." and "help.answer."
	Groups []StateGroup
	Terms  []string // in the families "help.term." and "help.about."

	Doc *DocHelp // of a kind of document
}

// StateGroup are words for how something is doing.
type StateGroup struct {
	Name  string
	Words []string // in the family "help.<name>."
}

// DocHelp tells of a kind of document.
type DocHelp struct {
	Kind    schema.Kind
	Typed   bool // people type it: unknown members are refused
	Tables  []TypeTable
	Example string
}

// QueryForm is one form of the query language. What it means is in the family "help.form.".
type QueryForm struct {
	Name, Form string
	Examples   []string
}

// QueryForms are all forms of the query language, as the table of the README has them; tests hold both against each
// other, and against the parser.
func QueryForms() []QueryForm {
	return []QueryForm{
		{"all", "*", []string{"*"}},
		{"word", "word", []string{"appserver", "192.168.1.165"}},
		{"field", "field:word", []string{"tags:ssd", "os.cpus:8", "*:ssd"}},
		{"phrase", `"some words"`, []string{`os.name:"Mac OS X"`, `tags:"zone:b"`}},
		{"near", `"some words"~N`, []string{`disks.option:"rw rootfs"~1`}},
		{"wildcard", "* ?", []string{"hostname*", "192.168.1.*", "hostname:web-??", "*worker-1*"}},
		{"regexp", "/regexp/", []string{"/web-[0-9]+/", "hostname:/(db|web)-.*/"}},
		{"fuzzy", "word~ word~N", []string{"servr~", "tags:appsrver~1"}},
		{"range", "[a TO b] {a TO b}", []string{"os.cpus:[4 TO 16}", "networks.address:[192.168.1.100 TO 192.168.1.150]", `os.version:["10.13" TO *]`}},
		{"compare", "field:>v >= < <=", []string{"os.cpus:>8", "memory.total:>=8GiB", "memory.total:<= 512MB"}},
		{"address", "a.b.c.d/n", []string{"networks.address:10.0.0.0/8", `networks.address:"fe80::1"`, "192.168.1.0/24"}},
		{"exists", "field:* _exists_:field", []string{"tags:*", "_exists_:os.cpus", "NOT _exists_:tags"}},
		{"or", "a b, a OR b, a || b", []string{"ssd hdd", "tags:ssd OR os.cpus:>8", "ssd || hdd"}},
		{"and", "a AND b, a && b, +a", []string{"tags:appserver AND tags:hpc", "ssd && hpc", "+tags:ssd +os.cpus:>8"}},
		{"not", "NOT a, !a, -a", []string{"NOT tags:old", "tags:ssd !old", "tags:ssd -hostname:web-1"}},
		{"group", "( … )", []string{"(tags:ssd OR tags:hdd) AND os.cpus:>8"}},
		{"fieldgroup", "field:( … )", []string{"tags:(ssd AND NOT old)", "os.cpus:(>=8 AND <16)"}},
		{"escape", `\`, []string{`tags:zone\:b`, `\*`, `C\+\+`}},
	}
}

var terms = []string{
	"agent", "app", "artifact", "bucket", "choreography", "drain", "event", "health", "history", "instance", "leader", "manifest",
	"master", "node", "pin", "process", "rollback", "rollout", "scale", "tag",
}

// stateGroups are the states in the order in which they come, and the reasons that masters and agents give.
var stateGroups = []StateGroup{
	{"node", []string{"up", "down", "draining"}},
	{"app", []string{"running", "deploying", "degraded", "idle", "scheduled", "completed", "stopping", "stopped", "deleting", "broken", "lost"}},
	{"instance", []string{"waiting", "fetching", "starting", "running", "healthy", "unhealthy", "stopping", "stopped", "backoff", "completed", "failed"}},
	{"rollout", []string{"going", "paused", "stalled", "reverted", "done"}},
	{"reason", []string{
		"no-match", "no-node", "cpu", "memory", "disk", "full", "port", "one-per-node", "max-per-node", "down", "frozen", "draining",
		"cordoned", "held", "leaving", "pinned", "not-running", "run-failed", "query", "no-choreo", "no-app", "broken", "lost", "stopped",
		"deleted", "scale", "not-required", "placed",
	}},
}

// NewHelp makes a page of the help of a program ("master" or "agent"; alone is an agent without a master). sections are
// its navigation. No such topic is code NotFound.
func NewHelp(topic, program string, alone bool, sections []Section) (*Help, error) {
	h := &Help{Topic: topic, Topics: []string{"start", "query", "console", "states", "glossary"}, Master: program == "master", Alone: alone}
	if !h.Master {
		h.Topics = []string{"start", "console", "states", "glossary"}
	}
	for _, k := range schema.Kinds() {
		h.Kinds = append(h.Kinds, k.Name)
		if k.Name == topic {
			h.Doc = docHelp(k)
		}
	}
	if h.Doc == nil && !slices.Contains(h.Topics, topic) {
		return nil, state.Errorf(state.NotFound, "", "the help has no page %q", topic)
	}
	switch topic {
	case "query":
		h.Forms, h.Rules = QueryForms(), []string{"1", "2", "3", "4", "5"}
	case "console":
		h.Keys, h.How = sections, []string{"scale", "logs", "why", "drain", "rollback", "tags", "pin", "file"}
	case "states":
		h.Groups = stateGroups
	case "glossary":
		h.Terms = terms
	}
	return h, nil
}

func docHelp(k schema.Kind) *DocHelp {
	s := schema.Of(k.Name)
	name := k.Type().Name()
	d := &DocHelp{Kind: k, Tables: Tables(name, s), Example: strings.TrimSpace(openapi.ExampleOf(k.Name))}
	_, closed := s.Additional.(*bool)
	d.Typed = closed || len(s.Properties) == 0
	return d
}
