package control

import (
	"cmp"
	"slices"
	"strings"

	"stathub/state"
)

// Summary is how the cluster is doing.
type Summary struct {
	Nodes NodeCounts
	Apps  map[state.AppState]int // how many are in each state

	Wanted, Running, Unhealthy, Unknown int // instances; of scheduled jobs those between two runs count as running

	Short      []ShortApp // apps that are not at scale, the worst first: the first ones of them
	ShortCount int        // all of them
}

// NodeCounts counts nodes. A node that drains is not Up.
type NodeCounts struct{ All, Up, Down, Draining, Cordoned int }

// ShortApp is an app that is not at scale.
type ShortApp struct {
	Name   string
	Status state.AppStatus
}

// shortStates are those of apps that are not at scale, the worst first.
var shortStates = []state.AppState{state.AppBroken, state.AppLost, state.AppDegraded, state.AppDeploying}

// Summary sums up the picture, with most apps that are not at scale.
func (c *Controller) Summary(most int) Summary {
	s := Summary{Nodes: c.nodeCounts(), Apps: map[state.AppState]int{}}
	for name, app := range c.Statuses() {
		s.Apps[app.State]++
		s.Wanted += app.Wanted
		s.Running += app.Running + app.Waiting + app.Completed
		s.Unhealthy += app.Unhealthy
		s.Unknown += app.Unknown
		if slices.Contains(shortStates, app.State) {
			s.Short = append(s.Short, ShortApp{name, app})
		}
	}
	s.ShortCount = len(s.Short)
	slices.SortFunc(s.Short, func(a, b ShortApp) int {
		return cmp.Or(cmp.Compare(slices.Index(shortStates, a.Status.State), slices.Index(shortStates, b.Status.State)), strings.Compare(a.Name, b.Name))
	})
	s.Short = s.Short[:min(most, len(s.Short))]
	return s
}

func (c *Controller) nodeCounts() (n NodeCounts) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	for id, doc := range c.nodes.docs {
		if doc.Value == nil {
			continue
		}
		n.All++
		switch nodeState(c.alive(id), doc.Value.Drain) {
		case state.NodeUp:
			n.Up++
		case state.NodeDraining:
			n.Draining++
		default:
			n.Down++
		}
		if !doc.Value.Schedulable {
			n.Cordoned++
		}
	}
	return n
}
