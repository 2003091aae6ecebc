package scheduler

import (
	"slices"
	"strings"

	"stathub/state"
)

// spreadHostname is the word of Choreo.Spread that stands for the host name; any other is a prefix of tags.
const spreadHostname = "hostname"

// grouping parts the hosts by the values of a spread, level by level. Group 0 is all of them; the others come after the
// group that they are a part of.
type grouping struct {
	leaf   []int32 // by host: its group of the last level
	parent []int32 // by group
}

// grouping gives the groups of a spread, nil where there is none.
func (p *planner) grouping(spread []string) *grouping {
	if len(spread) == 0 {
		return nil
	}
	key := strings.Join(spread, "\x00")
	if g := p.groupings[key]; g != nil {
		return g
	}
	type value struct {
		parent int32
		text   string
	}
	g := &grouping{leaf: make([]int32, len(p.slab)), parent: []int32{-1}}
	groups := map[value]int32{}
	for i := range p.slab {
		at := int32(0)
		for _, level := range spread {
			v := value{at, p.slab[i].value(level)}
			next, ok := groups[v]
			if !ok {
				next = int32(len(g.parent))
				groups[v] = next
				g.parent = append(g.parent, at)
			}
			at = next
		}
		g.leaf[i] = at
	}
	if p.groupings == nil {
		p.groupings = map[string]*grouping{}
	}
	p.groupings[key] = g
	return g
}

// value gives what a host has for one level of a spread: its host name, or its tags of a prefix. Nodes without such a tag
// share one value.
func (h *host) value(level string) string {
	switch {
	case h.record == nil:
		return ""
	case level == spreadHostname:
		return h.record.Hostname
	}
	return tagsOf(h.record, level)
}

func tagsOf(n *state.Node, prefix string) string {
	first, more := "", []string(nil)
	for _, tag := range n.Tags {
		switch {
		case !strings.HasPrefix(tag, prefix):
		case first == "":
			first = tag
		default:
			more = append(more, tag)
		}
	}
	if more == nil {
		return first
	}
	more = append(more, first)
	slices.Sort(more)
	return strings.Join(more, "\x00")
}
