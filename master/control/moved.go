package control

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"stathub/scheduler"
	"stathub/state"
)

// move is what a plan does to the places of one app.
type move struct {
	app       string
	off, onto map[string]int // by node: instances that go, and that come
}

// moves gives what changes between the manifests that nodes had and those that were written for them, by app.
func moves(had map[string]scheduler.Current, written map[string]*state.Manifest) []move {
	byApp := map[string]*move{}
	add := func(node, app string, n int) {
		m := byApp[app]
		if m == nil {
			m = &move{app, map[string]int{}, map[string]int{}}
			byApp[app] = m
		}
		if n < 0 {
			m.off[node] -= n
		} else {
			m.onto[node] += n
		}
	}
	for node, now := range written {
		counts := map[string]int{}
		if old := had[node].Manifest; old != nil {
			for i := range old.Apps {
				counts[old.Apps[i].App.Name] -= old.Apps[i].Instances()
			}
		}
		for i := range now.Apps {
			counts[now.Apps[i].App.Name] += now.Apps[i].Instances()
		}
		for app, n := range counts {
			if n != 0 {
				add(node, app, n)
			}
		}
	}
	all := make([]move, 0, len(byApp))
	for _, app := range slices.Sorted(maps.Keys(byApp)) {
		all = append(all, *byApp[app])
	}
	return all
}

// event tells of a move, with why a node is left where its record says it.
func (m *move) event(nodes map[string]*state.Node) (kind string, e state.Event) {
	off, onto := total(m.off), total(m.onto)
	from, to := nodeList(m.off, nodes), nodeList(m.onto, nil)
	e.App = m.app
	if len(m.off)+len(m.onto) == 1 {
		e.Node = slices.Concat(slices.Collect(maps.Keys(m.off)), slices.Collect(maps.Keys(m.onto)))[0]
	}
	switch {
	case off == 0:
		e.Message = fmt.Sprintf("app %s: %s placed on %s", m.app, instances(onto), to)
		return AppPlaced, e
	case onto == 0:
		e.Message = fmt.Sprintf("app %s: %s removed from %s", m.app, instances(off), from)
		return AppRemoved, e
	case off == onto:
		e.Message = fmt.Sprintf("app %s: %s moved off %s to %s", m.app, instances(off), from, to)
	default:
		e.Message = fmt.Sprintf("app %s: %s moved off %s, %d placed on %s", m.app, instances(off), from, onto, to)
	}
	return AppMoved, e
}

// maxListed bounds the nodes that a message names.
const maxListed = 10

func nodeList(counts map[string]int, nodes map[string]*state.Node) string {
	ids := slices.Sorted(maps.Keys(counts))
	var texts []string
	for _, id := range ids[:min(len(ids), maxListed)] {
		text := id
		if n := counts[id]; n > 1 && len(ids) > 1 {
			text = fmt.Sprintf("%s: %d", id, n)
		}
		if why := leaving(nodes[id]); why != "" {
			text += " (" + why + ")"
		}
		texts = append(texts, text)
	}
	text := strings.Join(texts, ", ")
	if more := len(ids) - maxListed; more > 0 {
		text += fmt.Sprintf(" and %d more nodes", more)
	}
	return text
}

// leaving says why instances may have to leave a node.
func leaving(n *state.Node) string {
	switch {
	case n == nil:
		return ""
	case n.State == state.NodeDown || n.State == state.NodeDraining:
		return string(n.State)
	case !n.Schedulable:
		return "cordoned"
	default:
		return ""
	}
}

func instances(n int) string {
	if n == 1 {
		return "1 instance"
	}
	return fmt.Sprintf("%d instances", n)
}

func total(counts map[string]int) (n int) {
	for _, k := range counts {
		n += k
	}
	return n
}
