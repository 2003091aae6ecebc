package control

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"stathub/state"
)

// tellEdit tells what the API did to a document. old is nil where there was none that could be read.
func (c *Controller) tellEdit(old, now any) {
	var kind string
	var e state.Event
	switch now := now.(type) {
	case *state.App:
		e.App = now.Name
		kind, e.Message = appEdit(old.(*state.App), now)
	case *state.Choreo:
		e.App = now.App
		kind, e.Message = choreoEdit(old.(*state.Choreo), now)
	case *state.Node:
		e.Node = now.ID
		kind, e.Message = drainEdit(old.(*state.Node), now)
	}
	if kind != "" {
		c.event(kind, e)
	}
}

// appEdit says what an edit made of an app; nothing where it changed nothing.
func appEdit(old, now *state.App) (kind, message string) {
	switch {
	case now.Deleted && (old == nil || !old.Deleted):
		return AppDeleted, fmt.Sprintf("app %s is deleted: it is stopped, and its documents go once no manifest lists it", now.Name)
	case now.Deleted:
		return "", ""
	case old == nil || old.Deleted:
		return AppCreated, fmt.Sprintf("app %s is created", now.Name)
	}
	members := differing(old, now)
	switch {
	case len(members) == 0:
		return "", ""
	case len(members) > 1 || members[0] != "start" && members[0] != "restartToken":
		return AppChanged, fmt.Sprintf("app %s is changed: %s", now.Name, strings.Join(members, ", "))
	case members[0] == "restartToken":
		return AppRestarted, fmt.Sprintf("app %s is restarted", now.Name)
	case now.Start:
		return AppStarted, fmt.Sprintf("app %s is started", now.Name)
	default:
		return AppStopped, fmt.Sprintf("app %s is stopped", now.Name)
	}
}

// choreoEdit does so for a choreography.
func choreoEdit(old, now *state.Choreo) (kind, message string) {
	if old == nil {
		return AppChoreo, fmt.Sprintf("app %s is to run on nodes that match %q, with a scale of %d", now.App, now.Query, now.Scale)
	}
	if message := pauseEdit(old, now); message != "" && now.Update != nil && now.Update.Paused {
		return RolloutPaused, message
	} else if message != "" {
		return RolloutResumed, message
	}
	members := differing(old, now)
	switch {
	case len(members) == 0:
		return "", ""
	case len(members) > 1 || members[0] != "scale" && members[0] != "query":
		return AppChoreo, fmt.Sprintf("the choreography of app %s is changed: %s", now.App, strings.Join(members, ", "))
	case members[0] == "scale":
		return AppScaled, fmt.Sprintf("app %s is scaled from %d to %d", now.App, old.Scale, now.Scale)
	default:
		return AppChoreo, fmt.Sprintf("app %s is to run on nodes that match %q, no longer %q", now.App, now.Query, old.Query)
	}
}

// pauseEdit says so where pausing or resuming its rollouts is all that an edit did; else it says nothing.
func pauseEdit(old, now *state.Choreo) string {
	paused := func(ch *state.Choreo) bool { return ch.Update != nil && ch.Update.Paused }
	same := *old
	same.Update = old.Update.WithPause(paused(now))
	switch {
	case paused(old) == paused(now) || len(differing(&same, now)) > 0:
		return ""
	case paused(now):
		return fmt.Sprintf("the rollouts of app %s are paused: no further instance is replaced", now.App)
	default:
		return fmt.Sprintf("the rollouts of app %s go on", now.App)
	}
}

// drainEdit does so for the drain mark of a node record.
func drainEdit(old, now *state.Node) (kind, message string) {
	switch {
	case old != nil && old.Drain == now.Drain || old == nil && !now.Drain:
		return "", ""
	case now.Drain:
		return NodeDrain, fmt.Sprintf("node %s is drained: what the master runs on it moves away", now.ID)
	default:
		return NodeUndrain, fmt.Sprintf("node %s is drained no more: it may be placed on again", now.ID)
	}
}

// differing names the members in which two documents differ, in order.
func differing(a, b any) []string {
	of := func(doc any) (members map[string]jsontext.Value) {
		if json.Unmarshal(state.EncodeLine(doc), &members) != nil {
			return nil // it was encoded just now
		}
		return members
	}
	old, now := of(a), of(b)
	all := maps.Clone(old)
	maps.Copy(all, now)
	var names []string
	for name := range all {
		if !bytes.Equal(old[name], now[name]) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
