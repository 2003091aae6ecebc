package control

import (
	"context"
	"fmt"

	"stathub/state"
)

// decodeManifest reads a manifest as agents do: one without a list of apps is no instruction to stop all of them, but a
// document that cannot be followed.
func decodeManifest(key string, data []byte) (*state.Manifest, error) {
	m, err := state.Decode[state.Manifest](key, data)
	if err == nil && m.Apps == nil {
		return nil, &state.Error{Code: state.Nonsense, Key: key, Problems: []state.Problem{
			{Path: "apps", Line: 1, Column: 1, Message: `must be there; to stop everything write "apps": []`}}}
	}
	return m, err
}

// PutManifest replaces the manifest of a node by a person's. make gets the stored one, nil when there is none or it
// cannot be read. Entries without owner, or whose content is no longer what the master wrote, are the person's.
func (c *Controller) PutManifest(ctx context.Context, id string, cond state.Condition,
	make func(old *state.Manifest) (*state.Manifest, error)) (doc Doc[state.Manifest], created bool, err error) {
	doc, err = c.editManifest(ctx, id, cond, func(old Doc[state.Manifest]) (*state.Manifest, error) {
		created = old.ETag == ""
		return make(old.Value)
	})
	return doc, created, err
}

// ReleaseEntry hands a pinned entry of a manifest back to the master, which then makes of it what the app's documents
// say. An entry that is the master's already stays as it is.
func (c *Controller) ReleaseEntry(ctx context.Context, id, app string) (Doc[state.Manifest], error) {
	released := false
	doc, err := c.editManifest(ctx, id, state.Condition{}, func(old Doc[state.Manifest]) (*state.Manifest, error) {
		released = false
		m, err := present(state.KindManifest, id, old)
		if err != nil {
			return nil, err
		}
		e := m.Entry(app)
		switch {
		case e == nil:
			return nil, state.Errorf(state.NotFound, state.KindManifest.Key(id), "the manifest has no entry of app %q", app)
		case !e.Pinned():
			return nil, state.ErrNoChange
		}
		e.Owner, e.Sum, released = state.OwnerMaster, e.Digest(), true
		return m, nil
	})
	if released && err == nil {
		c.event(EntryReleased, state.Event{Node: id, App: app,
			Message: fmt.Sprintf("the entry of app %s on node %s is handed back to the master", app, id)})
	}
	return doc, err
}
