package schema

import (
	"reflect"
	"slices"

	"stathub/state"
)

// Kind is a kind of document.
type Kind struct {
	Name  string // as in /v1/schema/<name>.json
	Title string
	Key   string // where such documents lie in the bucket; empty: inside of others
	typ   reflect.Type
}

var kinds = []Kind{
	{"app", "App", "apps/<app>.json", reflect.TypeFor[state.App]()},
	{"choreo", "Choreography", "choreos/<app>.json", reflect.TypeFor[state.Choreo]()},
	{"manifest", "Manifest", "manifests/<node>.json", reflect.TypeFor[state.Manifest]()},
	{"node", "Node record", "nodes/<node>.json", reflect.TypeFor[state.Node]()},
	{"tags", "Tags of a node", "", reflect.TypeFor[state.Tags]()},
	{"envs", "Environment of a node", "", reflect.TypeFor[state.Envs]()},
	{"report", "Report", "reports/<node>.json", reflect.TypeFor[state.Report]()},
	{"event", "Event", "events/<day>/<writer>/<id>.jsonl", reflect.TypeFor[state.Event]()},
	{"history", "Revision of an app", "history/<app>/<revision>.json", reflect.TypeFor[state.Revision]()},
	{"lease", "Lease of the leader", "leases/master.json", reflect.TypeFor[state.Lease]()},
}

// Kinds are all kinds, those that people type first.
func Kinds() []Kind { return slices.Clone(kinds) }

// Type is the Go type of the kind's documents.
func (k Kind) Type() reflect.Type { return k.typ }

// Of gives the complete schema of a kind, nil when there is no such kind.
func Of(kind string) *Schema {
	i := slices.IndexFunc(kinds, func(k Kind) bool { return k.Name == kind })
	if i < 0 {
		return nil
	}
	b := NewBuilder("#/$defs/")
	s := b.of(kinds[i].typ)
	if kinds[i].typ.Kind() == reflect.Struct {
		whole := *b.defs[kinds[i].typ.Name()]
		s = &whole
		delete(b.defs, kinds[i].typ.Name())
	}
	s.Dialect, s.ID, s.Title, s.Defs = Dialect, "urn:stathub:schema:"+kind, kinds[i].Title, b.Defs()
	return s
}
