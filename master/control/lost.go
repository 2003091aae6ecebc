package control

import (
	"fmt"
	"maps"
	"slices"

	"stathub/scheduler"
	"stathub/state"
)

// CodeLost is the reason of an app whose document is gone while manifests list it.
const CodeLost = "lost"

// lostApp is an app whose document is gone though manifests have entries of it that are the master's. Its instances run
// on: that a document is missing is no instruction (law 1).
type lostApp struct {
	placed int                  // instances that the manifests list
	entry  *state.ManifestEntry // one of them
}

// findLost takes over which apps are lost from what a plan left as it is. A leader tells of those that were not before.
func (c *Controller) findLost(notes []scheduler.Note, tell bool) {
	c.mu.Lock()
	before, now := c.lost, map[string]lostApp{}
	for _, n := range notes {
		if n.Kind != scheduler.NoteKept {
			continue
		}
		e := c.manifests.docs[n.Node].Value.Entry(n.App)
		if _, there := c.apps.docs[n.App]; there || e == nil {
			continue
		}
		l := now[n.App]
		now[n.App] = lostApp{l.placed + e.Instances(), e}
	}
	c.lost = now
	c.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(now)) {
		if _, known := before[name]; !known && tell {
			c.event(AppLost, state.Event{App: name, Message: lostText(name, now[name].placed)})
		}
	}
}

func lostText(name string, placed int) string {
	return fmt.Sprintf("%s is gone, and the instances of the app run on (%d are listed): put it back, or end the app with DELETE /v1/app/%s",
		state.KindApp.Key(name), placed, name)
}

// lostDoc gives a lost app as its manifests have it, nil for any other. It has no revision. The caller holds mu.
func (c *Controller) lostDoc(name string) *state.App {
	l, lost := c.lost[name]
	if _, back := c.apps.docs[name]; !lost || back {
		return nil
	}
	app := l.entry.App
	app.RestartToken = l.entry.RestartToken // so that putting it back restarts nothing
	return &app
}

// lostApp is lostDoc for callers without mu.
func (c *Controller) lostApp(name string) *state.App {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.lostDoc(name)
}

// lostStatus gives the status of a lost app, but for its counts. The caller holds mu.
func (c *Controller) lostStatus(name string) state.AppStatus {
	placed := c.lost[name].placed
	return state.AppStatus{Wanted: placed, Placed: placed, Reasons: []state.AppReason{{Code: CodeLost, Message: lostText(name, placed)}}}
}
