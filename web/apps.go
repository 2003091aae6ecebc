package web

import "stathub/state"

// Apps is the page of all apps.
type Apps struct {
	Query    string
	Fault    *QueryFault // why it cannot be read
	Warnings []string
	State    string // that is shown alone; empty: any
	Sort     string // "name" or "state"
	All      int    // apps that match the query, in any state
	Any      bool   // there is an app at all
	Filters  []AppFilter
	Rows     []AppRow
	Pager    Pager
	Columns  []AppColumn
	Command  string // that makes a first app
}

// AppFilter shows the apps of one state alone.
type AppFilter struct {
	State  state.AppState
	Count  int
	URL    string // to have it, or, where it is chosen, to have all
	Chosen bool
}

// AppColumn is a column that the page can be sorted by.
type AppColumn struct{ Name, URL, Sorted string }

// AppRow is an app as a list shows it.
type AppRow struct {
	Name    string
	Status  state.AppStatus
	Query   string // of its choreography
	Scale   int    // of it
	Each    bool   // on each node
	Planned bool   // it has a choreography that can be read
	Plan    string // ETag of that
	Checked bool   // it has health checks
	Start   bool
	Exists  bool // it has a document that can be read: it can be started, stopped and scaled
	Going   bool // it is not on its way out
}

// Share is how much of it runs.
func (a AppRow) Share() Share {
	s := shareOf(float64(a.Status.Running+a.Status.Waiting+a.Status.Completed), float64(a.Status.Wanted))
	s.Goal = true
	return s
}

// Less is the scale with one process less.
func (a AppRow) Less() int { return max(0, a.Scale-1) }

// More is the scale with one process more.
func (a AppRow) More() int { return min(state.MaxScale, a.Scale+1) }

// Reasons are why it is not as it should be, in short.
func (a AppRow) Reasons() []state.AppReason {
	switch a.Status.State {
	case state.AppRunning, state.AppIdle, state.AppStopped, state.AppCompleted, state.AppDeleting:
		return nil
	}
	return a.Status.Reasons[:min(1, len(a.Status.Reasons))]
}

// Answered reports whether a health check of it has told something.
func (a AppRow) Answered() bool { return a.Checked && a.Status.Healthy+a.Status.Unhealthy > 0 }

// Rollout is how far its last change is, while that is of interest.
func (a AppRow) Rollout() *RolloutView {
	if r := a.Status.Rollout; r != nil && r.State != state.RolloutDone && (r.State != state.RolloutGoing || r.Old > 0) {
		return &RolloutView{r}
	}
	return nil
}

// RolloutView is a rollout as pages show it.
type RolloutView struct{ *state.Rollout }

// Tone is the colour of its state.
func (r RolloutView) Tone() string {
	switch r.State {
	case state.RolloutDone:
		return "good"
	case state.RolloutStalled:
		return "bad"
	}
	return "warn"
}
