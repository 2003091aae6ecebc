package control

import (
	"context"
	"slices"
	"time"

	"stathub/scheduler"
	"stathub/state"
	"stathub/state/schedule"
)

type dryKey struct{}

// DryRun has every edit of ctx checked as any edit is, against the document as it lies in the bucket, and not written: it
// gives the document that it would leave, at the revision that there is now.
func DryRun(ctx context.Context) context.Context { return context.WithValue(ctx, dryKey{}, true) }

func dry(ctx context.Context) bool { return ctx.Value(dryKey{}) != nil }

// Preview is what would come of the documents of an app.
type Preview struct {
	Matching int                     `json:"matching"` // nodes that the query finds, whatever their state
	Started  bool                    `json:"started"`  // false: the rest is what comes of it once the app is started
	Wanted   int                     `json:"wanted"`
	Placed   int                     `json:"placed"`
	Arriving int                     `json:"arriving"` // instances that nodes get
	Leaving  int                     `json:"leaving"`  // instances that nodes lose
	Changing int                     `json:"changing"` // nodes whose number of instances changes
	Nodes    []scheduler.NodeOutlook `json:"nodes"`
	Reasons  []state.AppReason       `json:"reasons"`       // why less is placed than wanted
	Runs     []time.Time             `json:"runs,omitzero"` // when the schedule comes next, in its time zone
}

// Bounds of what a preview lists.
const (
	previewUsed   = 100 // nodes that run the app, or would
	previewOthers = 20  // nodes that match besides
	previewRuns   = 5
)

// Preview says what the scheduler would make of an app with these documents, as things are now. Other apps stay as they
// are, except where this one takes their place. choreo nil is the app's own; without any there is no preview, nil, nor when
// ctx ends before it is its turn; see ponder.
func (c *Controller) Preview(ctx context.Context, app *state.App, choreo *state.Choreo) *Preview {
	done, err := c.ponder(ctx)
	if err != nil {
		return nil
	}
	defer done()
	in, _ := c.input(ctx)
	if choreo == nil {
		choreo = in.Choreos[app.Name]
	}
	if choreo == nil || in.Broken[app.Name] != "" && in.Choreos[app.Name] == choreo {
		return nil
	}
	started := *app
	started.Start, started.Deleted = true, false
	in.Apps[app.Name], in.Choreos[app.Name] = &started, choreo
	delete(in.Broken, app.Name)
	in.Memo = &c.previews // apart from that of the plans, which would have to forget what differs
	found := scheduler.Foresee(in, app.Name, previewUsed, previewOthers)
	said := map[string]scheduler.AppStatus{app.Name: found.Status}
	c.explainQueries(ctx, said, func(string) string { return choreo.Query })
	return &Preview{
		Matching: found.Matching, Started: app.Start, Wanted: found.Status.Wanted, Placed: found.Status.Placed,
		Arriving: found.Arriving, Leaving: found.Leaving, Changing: found.Changing,
		Nodes: slices.Concat([]scheduler.NodeOutlook{}, found.Nodes), Reasons: reasons(said[app.Name].Reasons), Runs: schedule.Upcoming(choreo.Schedule, in.Now, previewRuns),
	}
}

// ponder waits for leave to make a plan that nobody carries out. They are made one at a time, so that those who ask never
// take more than a core, nor hold up the plans that count. The caller calls done. Code Unavailable: ctx ended first.
func (c *Controller) ponder(ctx context.Context) (done func(), err error) {
	select {
	case c.pondering <- struct{}{}:
		return func() { <-c.pondering }, nil
	case <-ctx.Done():
		return nil, state.Errorf(state.Unavailable, "", "cannot look at it: other questions are before it: %w", ctx.Err())
	}
}

// CheckRaw gives nil where a write of a key would meet its condition: else the error of that write.
func (c *Controller) CheckRaw(ctx context.Context, key string, cond state.Condition) error {
	if err := c.open(); err != nil {
		return err
	}
	o, err := c.GetRaw(ctx, key, "")
	switch state.CodeOf(err) {
	case "":
		defer o.Body.Close()
	case state.NotFound:
		o = &state.Object{}
	default:
		return err
	}
	switch {
	case cond.IfAbsent && o.ETag != "":
		return state.Errorf(state.Exists, key, "there is such a document already")
	case cond.IfMatch != "" && o.ETag != cond.IfMatch:
		return state.Errorf(state.Stale, key, "the document changed since it was read: read it again")
	}
	return nil
}
