package supervise

import (
	"time"

	"stathub/agent/converge"
	"stathub/state"
)

// dependDelay gathers what happens to apps that others wait for into one look at all.
const dependDelay = 20 * time.Millisecond

// appOf gives what dependsOn needs to know of an entry whose instances are ids.
func appOf(e *state.ManifestEntry, ids []string) *converge.App {
	if !e.App.Start {
		ids = nil
	}
	return &converge.App{IDs: ids, After: e.App.DependsOn, Checked: len(e.App.HealthChecks) > 0, Job: e.Schedule != nil}
}

// tellDependents has those looked at soon that may wait for an instance.
func (s *Supervisor) tellDependents(i *instance) {
	if app := s.desired.Apps[i.app]; app == nil || !app.Needed {
		return
	}
	s.wakeBy(time.Now().Add(dependDelay))
}

// withNote adds what people should know to the reason of a state.
func withNote(reason, note string) string {
	switch {
	case reason == "":
		return note
	case note == "":
		return reason
	default:
		return reason + "; " + note
	}
}
