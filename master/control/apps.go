package control

import (
	"context"
	"crypto/rand"

	"stathub/state"
)

// CreateApp writes a new app. One that is there is code Exists, unless it is on its way out.
func (c *Controller) CreateApp(ctx context.Context, app *state.App) (Doc[state.App], error) {
	return edit(ctx, c, c.apps, app.Name, state.Condition{}, func(old Doc[state.App]) (*state.App, error) {
		if old.ETag != "" && (old.Err != nil || !old.Value.Deleted) {
			return nil, state.Errorf(state.Exists, state.KindApp.Key(app.Name), "there is an app %q already", app.Name)
		}
		next := *app
		next.Deleted = false
		return &next, nil
	})
}

// PutApp replaces an app, or creates it. make gives the new content from the stored one, which is nil when there is none
// or it cannot be read; then PutApp is how it is mended. created tells a new app from a replaced one.
func (c *Controller) PutApp(ctx context.Context, name string, cond state.Condition,
	make func(old *state.App) (*state.App, error)) (doc Doc[state.App], created bool, err error) {
	doc, err = edit(ctx, c, c.apps, name, cond, func(old Doc[state.App]) (*state.App, error) {
		if created = old.ETag == ""; created {
			old.Value = c.lostApp(name) // what is put back runs on
		}
		return make(old.Value)
	})
	return doc, created, err
}

// DeleteApp marks an app as deleted and stops it; when no manifest lists it any more, its document goes. The mark is
// what stops it: that a document is missing stops nothing (law 1). The choreography goes at once, so that a new app of
// the same name does not inherit it. An app whose document is gone while manifests list it is ended in the same way. One
// whose document cannot be read is code Nonsense without force: somebody may be about to mend it.
func (c *Controller) DeleteApp(ctx context.Context, name string, cond state.Condition, force bool) error {
	_, err := edit(ctx, c, c.apps, name, cond, func(old Doc[state.App]) (*state.App, error) {
		app, err := present(state.KindApp, name, old)
		if lost := c.lostApp(name); old.ETag == "" && lost != nil {
			app, err = lost, nil
		}
		switch {
		case old.Err != nil && force:
			app = &state.App{Name: name, KillSignal: state.DefaultKillSignal} // the mark is all that counts
		case old.Err != nil:
			return nil, state.Unreadable(state.KindApp.Key(name), "mend it, replace it with PUT, or delete it with DELETE and ?force=true", old.Err)
		case err != nil:
			return nil, err
		case app.Deleted:
			return nil, state.ErrNoChange
		}
		app.Deleted, app.Start = true, false
		return app, nil
	})
	if err != nil {
		return err
	}
	if err := forget(ctx, c, c.choreos, name); err != nil {
		c.log.Debug("the choreography of a deleted app goes later, with the app", "app", name, "error", err)
	}
	return nil
}

// StartApp has an app placed, StopApp has it stopped everywhere.
func (c *Controller) StartApp(ctx context.Context, name string) (Doc[state.App], error) {
	return c.editApp(ctx, name, func(app *state.App) { app.Start = true })
}

// StopApp is StartApp's opposite. The app keeps its choreography.
func (c *Controller) StopApp(ctx context.Context, name string) (Doc[state.App], error) {
	return c.editApp(ctx, name, func(app *state.App) { app.Start = false })
}

// RestartApp restarts every instance of an app once.
func (c *Controller) RestartApp(ctx context.Context, name string) (Doc[state.App], error) {
	token := rand.Text()
	return c.editApp(ctx, name, func(app *state.App) { app.RestartToken = token })
}

func (c *Controller) editApp(ctx context.Context, name string, do func(*state.App)) (Doc[state.App], error) {
	return edit(ctx, c, c.apps, name, state.Condition{}, func(old Doc[state.App]) (*state.App, error) {
		app, err := present(state.KindApp, name, old)
		switch {
		case err != nil:
			return nil, err
		case app.Deleted:
			return nil, missing(state.KindApp, name)
		}
		do(app)
		return app, nil
	})
}

// PutChoreo replaces the choreography of an app, or creates it. make gets the stored one, nil when there is none or it
// cannot be read. There must be an app of that name: else code NotFound.
func (c *Controller) PutChoreo(ctx context.Context, name string, cond state.Condition,
	make func(old *state.Choreo) (*state.Choreo, error)) (doc Doc[state.Choreo], created bool, err error) {
	if err := c.hasApp(ctx, name); err != nil {
		return doc, false, err
	}
	doc, err = edit(ctx, c, c.choreos, name, cond, func(old Doc[state.Choreo]) (*state.Choreo, error) {
		created = old.ETag == ""
		next, err := make(old.Value)
		if err != nil {
			return nil, err
		}
		bare := *next
		bare.Dist = nil // the API's view, not a part of the document
		return &bare, nil
	})
	return doc, created, err
}

// hasApp gives nil where there is an app of that name, else code NotFound. What the picture lacks the bucket may have: the
// app was created a moment ago through another master, or this one has only just started.
func (c *Controller) hasApp(ctx context.Context, name string) error {
	if c.App(name).ETag != "" {
		return nil
	}
	if err := state.CheckName(name); err != nil {
		return err
	}
	doc, err := c.apps.fetchOne(ctx, c.store, name)
	switch {
	case err != nil:
		return err
	case doc.ETag == "", doc.Value != nil && doc.Value.Deleted:
		return missing(state.KindApp, name)
	}
	c.look(state.KindApp)
	return nil
}

// Scale sets the number of processes of an app. Without a choreography it makes one for all nodes.
func (c *Controller) Scale(ctx context.Context, name string, scale int) (Doc[state.Choreo], error) {
	return c.ScaleIf(ctx, name, state.Condition{}, scale)
}

// ScaleIf is Scale of the choreography that a condition speaks of; code Stale where it is another by now.
func (c *Controller) ScaleIf(ctx context.Context, name string, cond state.Condition, scale int) (Doc[state.Choreo], error) {
	return c.editChoreo(ctx, name, cond, func(ch *state.Choreo) { ch.Scale = scale })
}

// SetQuery sets the node query of an app, which CheckQuery accepted. Without a choreography it makes one of no process.
func (c *Controller) SetQuery(ctx context.Context, name, query string) (Doc[state.Choreo], error) {
	return c.editChoreo(ctx, name, state.Condition{}, func(ch *state.Choreo) { ch.Query = query })
}

// PauseRollouts has no further instance of an app replaced by a change of it, ResumeRollouts ends that. An app without a
// choreography is code NotFound.
func (c *Controller) PauseRollouts(ctx context.Context, name string) (Doc[state.Choreo], error) {
	return c.pause(ctx, name, true)
}

// ResumeRollouts is PauseRollouts' opposite.
func (c *Controller) ResumeRollouts(ctx context.Context, name string) (Doc[state.Choreo], error) {
	return c.pause(ctx, name, false)
}

func (c *Controller) pause(ctx context.Context, name string, paused bool) (Doc[state.Choreo], error) {
	if err := c.hasApp(ctx, name); err != nil {
		return Doc[state.Choreo]{}, err
	}
	return edit(ctx, c, c.choreos, name, state.Condition{}, func(old Doc[state.Choreo]) (*state.Choreo, error) {
		next, err := present(state.KindChoreo, name, old)
		if err != nil {
			return nil, err
		}
		if was := next.Update != nil && next.Update.Paused; was == paused {
			return nil, state.ErrNoChange
		}
		next.Update = next.Update.WithPause(paused)
		return next, nil
	})
}

func (c *Controller) editChoreo(ctx context.Context, name string, cond state.Condition, do func(*state.Choreo)) (Doc[state.Choreo], error) {
	if err := c.hasApp(ctx, name); err != nil {
		return Doc[state.Choreo]{}, err
	}
	return edit(ctx, c, c.choreos, name, cond, func(old Doc[state.Choreo]) (*state.Choreo, error) {
		if old.Err != nil {
			return nil, broken(state.KindChoreo, name, old.Err)
		}
		next := old.Value
		if next == nil {
			next = &state.Choreo{App: name, Query: "*"}
		}
		do(next)
		return next, nil
	})
}
