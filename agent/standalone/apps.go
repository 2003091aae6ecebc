package standalone

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"

	"stathub/state"
)

// App is an app of the manifest as an edit left it.
type App struct {
	Entry    state.ManifestEntry
	Manifest state.ETag // the revision of the manifest
}

// AppOf shows an entry as the app document that the API speaks of. Its revision is state.ContentETag of it.
func AppOf(entry *state.ManifestEntry) *state.App {
	app := entry.App
	app.RestartToken = entry.RestartToken
	return &app
}

// SetApp is AppOf's inverse: it makes app the entry's.
func SetApp(entry *state.ManifestEntry, app *state.App) {
	entry.App, entry.RestartToken = *app, app.RestartToken
	entry.App.Deleted, entry.App.RestartToken = false, ""
}

// ChoreoOf shows an entry as the choreography that the API speaks of: how many processes, and when. There is one node.
// Its revision is state.ContentETag of it without its dist.
func ChoreoOf(entry *state.ManifestEntry) *state.Choreo {
	return &state.Choreo{App: entry.App.Name, Query: "*", Scale: entry.Count, Schedule: entry.Schedule}
}

// CreateApp adds an app, with one process. One that is there is code Exists.
func (e *Editor) CreateApp(ctx context.Context, app *state.App) (App, error) {
	doc, _, err := e.PutApp(ctx, app.Name, state.Condition{IfAbsent: true}, func(*state.App) (*state.App, error) { return app, nil })
	return doc, err
}

// PutApp replaces an app, or adds it with one process. make gives the new one from the present one, which is nil when
// there is none. created tells a new app from a replaced one.
func (e *Editor) PutApp(ctx context.Context, name string, cond state.Condition,
	make func(old *state.App) (*state.App, error)) (doc App, created bool, err error) {
	if err := state.CheckName(name); err != nil {
		return doc, false, err
	}
	doc, err = e.editApp(ctx, name, func(m *state.Manifest, entry *state.ManifestEntry) (*state.ManifestEntry, error) {
		var old *state.App
		var current state.ETag
		if created = entry == nil; !created {
			old = AppOf(entry)
			current = state.ContentETag(old)
		}
		if err := checkPart(cond, fmt.Sprintf("an app %q", name), current); err != nil {
			return nil, err
		}
		app, err := make(old)
		if err != nil {
			return nil, err
		}
		if created {
			m.Apps = append(m.Apps, state.ManifestEntry{Count: 1})
			entry = &m.Apps[len(m.Apps)-1]
		}
		SetApp(entry, app)
		return entry, nil
	})
	return doc, created, err
}

// PutEntry replaces an app together with its number of processes, or adds it. change gets the present entry, or a new one
// with one process. The condition speaks of the entry, whose revision is its Digest.
func (e *Editor) PutEntry(ctx context.Context, name string, cond state.Condition, change func(entry *state.ManifestEntry) error) (App, error) {
	if err := state.CheckName(name); err != nil {
		return App{}, err
	}
	return e.editApp(ctx, name, func(m *state.Manifest, entry *state.ManifestEntry) (*state.ManifestEntry, error) {
		var current state.ETag
		if entry != nil {
			current = state.ETag(entry.Digest())
		}
		if err := checkPart(cond, fmt.Sprintf("an app %q", name), current); err != nil {
			return nil, err
		}
		if entry == nil {
			m.Apps = append(m.Apps, state.ManifestEntry{Count: 1, App: state.App{Name: name, KillSignal: state.DefaultKillSignal}})
			entry = &m.Apps[len(m.Apps)-1]
		}
		return entry, change(entry)
	})
}

// DeleteApp takes an app out of the manifest: its processes stop, and their own working folders go.
func (e *Editor) DeleteApp(ctx context.Context, name string, cond state.Condition) (manifest state.ETag, err error) {
	_, manifest, err = e.edit(ctx, func(m *state.Manifest) error {
		entry := m.Entry(name)
		if entry == nil {
			return missing(name)
		}
		if err := checkPart(cond, fmt.Sprintf("app %q", name), state.ContentETag(AppOf(entry))); err != nil {
			return err
		}
		m.Apps = slices.DeleteFunc(m.Apps, func(other state.ManifestEntry) bool { return other.App.Name == name })
		return nil
	})
	return manifest, err
}

// StartApp has an app run.
func (e *Editor) StartApp(ctx context.Context, name string) (App, error) {
	return e.change(ctx, name, func(entry *state.ManifestEntry) { entry.App.Start = true })
}

// StopApp stops the processes of an app. It stays in the manifest with its scale, and its processes keep their folders.
func (e *Editor) StopApp(ctx context.Context, name string) (App, error) {
	return e.change(ctx, name, func(entry *state.ManifestEntry) { entry.App.Start = false })
}

// RestartApp restarts every process of an app once.
func (e *Editor) RestartApp(ctx context.Context, name string) (App, error) {
	token := rand.Text()
	return e.change(ctx, name, func(entry *state.ManifestEntry) { entry.RestartToken = token })
}

// Scale sets the number of processes of an app.
func (e *Editor) Scale(ctx context.Context, name string, count int) (App, error) {
	if count < 0 || count > state.MaxCount {
		return App{}, state.Errorf(state.Nonsense, "", "%d is not a number of processes from 0 to %d", count, state.MaxCount)
	}
	return e.change(ctx, name, func(entry *state.ManifestEntry) { entry.Count = count })
}

// PutChoreo sets scale and schedule of an app. make gives the new choreography from the present one. What makes sense
// with several nodes only is code Nonsense.
func (e *Editor) PutChoreo(ctx context.Context, name string, cond state.Condition,
	make func(old *state.Choreo) (*state.Choreo, error)) (App, error) {
	return e.editApp(ctx, name, func(_ *state.Manifest, entry *state.ManifestEntry) (*state.ManifestEntry, error) {
		if entry == nil {
			return nil, missing(name)
		}
		old := ChoreoOf(entry)
		if err := checkPart(cond, fmt.Sprintf("the choreography of app %q", name), state.ContentETag(old)); err != nil {
			return nil, err
		}
		next, err := make(old)
		if err == nil {
			err = checkChoreo(next)
		}
		if err != nil {
			return nil, err
		}
		entry.Count, entry.Schedule = next.Scale, next.Schedule
		return entry, nil
	})
}

// checkChoreo refuses what an entry of a manifest cannot hold: it would be lost.
func checkChoreo(ch *state.Choreo) error {
	var problems []state.Problem
	refuse := func(bad bool, path, message string) {
		if bad {
			problems = append(problems, state.Problem{Path: path, Message: message})
		}
	}
	const alone = "needs a master: this agent runs alone, and has only its own node"
	refuse(ch.Query != "*", "query", `must be "*": this agent runs alone, and has only its own node`)
	refuse(ch.Scale > state.MaxCount, "scale", fmt.Sprintf("must be at most %d on one node", state.MaxCount))
	refuse(ch.Mode == state.ModeEach, "mode", alone)
	refuse(ch.MaxPerNode != 0, "maxPerNode", alone)
	refuse(len(ch.Spread) > 0, "spread", alone)
	refuse(ch.Priority != 0, "priority", alone)
	refuse(ch.Update != nil, "update", alone)
	refuse(ch.OnDisconnect != "" || ch.DisconnectSeconds != 0, "onDisconnect", alone)
	if len(problems) > 0 {
		return &state.Error{Code: state.Nonsense, Problems: problems}
	}
	return nil
}

func (e *Editor) change(ctx context.Context, name string, do func(entry *state.ManifestEntry)) (App, error) {
	return e.editApp(ctx, name, func(_ *state.Manifest, entry *state.ManifestEntry) (*state.ManifestEntry, error) {
		if entry == nil {
			return nil, missing(name)
		}
		do(entry)
		return entry, nil
	})
}

// editApp edits one entry; do gets nil where there is none, and gives the one that it left.
func (e *Editor) editApp(ctx context.Context, name string,
	do func(*state.Manifest, *state.ManifestEntry) (*state.ManifestEntry, error)) (App, error) {
	var doc App
	_, etag, err := e.edit(ctx, func(m *state.Manifest) error {
		entry, err := do(m, m.Entry(name))
		if err != nil {
			return err
		}
		if entry.Owner == state.OwnerMaster {
			entry.Owner, entry.Sum = state.OwnerHand, "" // of a master that is gone: should it return, it leaves the entry alone
		}
		entry.Previous = nil // nobody would bring a master's rollout to its end: all become what the person sees
		doc.Entry = *entry
		return nil
	})
	doc.Manifest = etag
	return doc, err
}

func missing(name string) error { return state.Errorf(state.NotFound, "", "there is no app %q", name) }
