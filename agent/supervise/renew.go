package supervise

import (
	"time"

	"stathub/agent/artifact"
	"stathub/agent/converge"
	"stathub/agent/events"
	"stathub/state"
)

// ignoreChange is the onArtifactChange of an app whose instances go on with what they have until they start anew.
const ignoreChange = "ignore"

// renewable reports whether instances are replaced when their artifacts change. One that is never to be restarted is
// not, and neither is a run of a job: the next run takes what is newest.
func renewable(from *spec, want *converge.Want) bool {
	return from != nil && want != nil && want.Job == nil && want.Hold == "" && want.Off == "" &&
		from.app.OnArtifactChange != ignoreChange && want.Policy.Restart != state.RestartNever
}

// renewAll goes on with the apps whose artifacts changed.
func (s *Supervisor) renewAll() {
	s.renewAt = time.Time{}
	if s.ending || !s.desired.Known || s.desired.Unsure {
		return
	}
	for name := range s.outdated {
		if !s.renew(name) {
			delete(s.outdated, name)
		}
	}
}

// renew goes on with one app. It is false when there is no more to do.
func (s *Supervisor) renew(name string) bool {
	app, now := s.desired.Apps[name], time.Now()
	if app == nil {
		return false
	}
	var siblings []converge.Sibling
	var behind []*instance
	more := false
	for _, id := range app.IDs {
		i, want := s.instances[id], s.desired.Wants[id]
		if i == nil {
			continue
		}
		sibling := converge.Sibling{ID: id, State: i.have.State, Since: i.have.Since, Renewing: i.renewing, Checked: want.App.Checked}
		if renewable(s.desired.specs[id], want) && i.have.State.Live() && i.have.Spec == want.Spec && i.have.Failing == "" {
			if changed := converge.Changed(i.artifacts, s.opts.Artifacts.Latest); changed != "" {
				sibling.Outdated = "artifact " + artifact.Redact(changed) + " changed"
				behind = append(behind, i)
			}
		}
		if sibling.Outdated == "" && i.held != "" {
			i.held = ""
			s.changed()
		}
		more = more || i.renewing || sibling.Outdated != ""
		siblings = append(siblings, sibling)
	}
	r := converge.Renew(siblings, now)
	for _, id := range r.Well {
		s.instances[id].renewing = false
		s.keep(s.instances[id])
	}
	if r.Held != "" || !r.Open {
		s.hold(behind, r.Held)
	}
	if r.Next != "" {
		s.makeWay(s.instances[r.Next])
	}
	if !r.Wake.IsZero() && (s.renewAt.IsZero() || r.Wake.Before(s.renewAt)) {
		s.renewAt = r.Wake
	}
	return more
}

// hold notes why instances stay with what they have; "" is that they do not.
func (s *Supervisor) hold(behind []*instance, why string) {
	for _, i := range behind {
		text := ""
		if why != "" {
			uri := converge.Changed(i.artifacts, s.opts.Artifacts.Latest)
			text = "stays with what it has of " + artifact.Redact(uri) + ", which changed: " + why
		}
		if i.held == text {
			continue
		}
		if i.held = text; text != "" {
			s.event(events.ArtifactHeld, i, text)
		}
		s.changed()
	}
}

// makeWay ends the process of an instance for one with the newest artifacts.
func (s *Supervisor) makeWay(i *instance) {
	i.renewing, i.held = true, ""
	i.have.Outdated = "artifact " + artifact.Redact(converge.Changed(i.artifacts, s.opts.Artifacts.Latest)) + " changed"
	s.event(events.ArtifactChanged, i, i.have.Outdated+": the instance is replaced")
	s.convergeOne(i.id)
	i.have.Outdated = ""
}

// sourceSays takes what a source said: it has something else than before, or is in reach again.
func (s *Supervisor) sourceSays(uri string) {
	for _, i := range s.instances {
		uses := false
		for _, a := range i.artifacts {
			uses = uses || a.URI == uri
		}
		if !uses {
			continue
		}
		if i.cached[uri] != "" {
			delete(i.cached, uri)
			s.changed()
		}
		if i.renewing || converge.Changed(i.artifacts, s.opts.Artifacts.Latest) != "" {
			s.outdated[i.app] = true
		}
	}
}
