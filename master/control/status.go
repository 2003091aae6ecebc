package control

import (
	"maps"
	"slices"
	"strings"

	"stathub/scheduler"
	"stathub/state"
)

// Status is how an app is doing.
type Status struct {
	State     AppState `json:"state"`
	Wanted    int      `json:"wanted"`    // instances that the choreography asks for
	Placed    int      `json:"placed"`    // instances that manifests of living nodes list
	Running   int      `json:"running"`   // instances that living nodes report as running
	Healthy   int      `json:"healthy"`   // of the running ones, those whose health checks pass
	Unhealthy int      `json:"unhealthy"` // of the running ones, those whose health checks fail
	Unknown   int      `json:"unknown"`   // instances on silent nodes that were running when last heard of
	Reasons   []Reason `json:"reasons"`
}

// Reason is why an app is not as it should be.
type Reason struct {
	Code    string   `json:"code"`
	Message string   `json:"message"`
	Nodes   int      `json:"nodes,omitzero"` // how many nodes it concerns
	Names   []string `json:"names,omitzero"` // the first of them
}

// AppState sums up a Status.
type AppState string

// The states of an app.
const (
	AppBroken    AppState = "broken"    // its document cannot be read
	AppDeleting  AppState = "deleting"  // it is on its way out
	AppStopping  AppState = "stopping"  // not started, and instances still run
	AppStopped   AppState = "stopped"   // not started
	AppIdle      AppState = "idle"      // started, but no instance is asked for
	AppDeploying AppState = "deploying" // all instances are placed, but not all run yet
	AppDegraded  AppState = "degraded"  // instances find no node, cannot run, are unhealthy, or are on nodes that fell silent together
	AppRunning   AppState = "running"   // all run
)

// Status gives how an app is doing.
func (c *Controller) Status(name string) Status { return c.Statuses(name)[name] }

// Statuses gives how apps are doing: of all when none is named.
func (c *Controller) Statuses(names ...string) map[string]Status {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if len(names) == 0 {
		names = slices.Collect(maps.Keys(c.apps.docs))
	}
	all := make(map[string]Status, len(names))
	for _, name := range names {
		planned := c.plan.Apps[name]
		all[name] = Status{Wanted: planned.Wanted, Placed: planned.Placed, Reasons: reasons(planned.Reasons)}
	}
	for _, id := range slices.Sorted(maps.Keys(c.reports.docs)) {
		doc := c.reports.docs[id]
		if doc.Value == nil {
			continue
		}
		up, _ := c.vitals.alive(id)
		for i := range doc.Value.Instances {
			inst := &doc.Value.Instances[i]
			if s, wanted := all[inst.App]; wanted {
				s.count(inst, up)
				if up {
					s.blame(inst, id)
				}
				all[inst.App] = s
			}
		}
	}
	frozen := c.vitals.frozen()
	for name, s := range all {
		if frozen != "" && s.Running < s.Placed && s.Unknown > 0 && !s.frozen() {
			s.Reasons = append(s.Reasons, Reason{Code: scheduler.CodeFrozen, Message: frozen})
		}
		s.State = s.sum(c.apps.docs[name])
		if err := c.apps.docs[name].Err; err != nil && len(s.Reasons) == 0 {
			s.Reasons = []Reason{{Code: scheduler.CodeBroken, Message: strings.ToValidUTF8(err.Error(), "\uFFFD")}}
		}
		all[name] = s
	}
	return all
}

func reasons(planned []scheduler.Reason) []Reason {
	all := make([]Reason, 0, len(planned))
	for _, r := range planned {
		all = append(all, Reason{r.Code, strings.ToValidUTF8(r.Message, "\uFFFD"), r.Nodes, r.Names})
	}
	return all
}

func (s *Status) count(inst *state.Instance, up bool) {
	if !inst.State.Live() || inst.State == state.Stopping && up {
		return
	}
	if !up {
		s.Unknown++
		return
	}
	s.Running++
	switch inst.Health {
	case state.HealthHealthy:
		s.Healthy++
	case state.HealthUnhealthy:
		s.Unhealthy++
	}
}

// CodeNotRunning is the code of a Reason that an agent gives: the instance is placed, but does not run.
const CodeNotRunning = "not-running"

// blame takes up why an instance on a living node does not run. Instances with the same trouble share a Reason.
func (s *Status) blame(inst *state.Instance, node string) {
	if inst.State != state.Backoff && inst.State != state.Failed && inst.State != state.Waiting || inst.Reason == "" {
		return
	}
	message, _, _ := strings.Cut(inst.Reason, "; next try after") // that differs from one to the next
	message = "an instance does not run: " + strings.ToValidUTF8(message, "\uFFFD")
	i := slices.IndexFunc(s.Reasons, func(r Reason) bool { return r.Code == CodeNotRunning && r.Message == message })
	if i < 0 {
		if len(s.Reasons) >= maxReasons {
			return
		}
		s.Reasons = append(s.Reasons, Reason{Code: CodeNotRunning, Message: message})
		i = len(s.Reasons) - 1
	}
	r := &s.Reasons[i]
	if n := len(r.Names); n > 0 && r.Names[n-1] == node {
		return // nodes come one after the other
	}
	r.Nodes++
	if len(r.Names) < scheduler.MaxNames {
		r.Names = append(r.Names, node)
	}
}

// maxReasons bounds the reasons of one app: messages of agents may all differ.
const maxReasons = 20

func (s *Status) failing() bool {
	return slices.ContainsFunc(s.Reasons, func(r Reason) bool { return r.Code == CodeNotRunning })
}

func (s *Status) frozen() bool {
	return slices.ContainsFunc(s.Reasons, func(r Reason) bool { return r.Code == scheduler.CodeFrozen })
}

func (s *Status) sum(doc Doc[state.App]) AppState {
	switch {
	case doc.Err != nil:
		return AppBroken
	case doc.Value == nil:
		return AppStopped
	case doc.Value.Deleted:
		return AppDeleting
	case !doc.Value.Start && s.Running > 0:
		return AppStopping
	case !doc.Value.Start:
		return AppStopped
	case s.Placed < s.Wanted || s.Unhealthy > 0 || s.frozen() || s.failing():
		return AppDegraded
	case s.Running < s.Placed:
		return AppDeploying
	case s.Wanted == 0 && s.Running == 0:
		return AppIdle
	default:
		return AppRunning
	}
}
