package history

import "stathub/state"

// New makes a revision of an app and its choreography, which may be nil: of what the app is and where it runs, not of
// whether it is started, how often it was restarted, where it was placed, and whether its rollouts are paused.
func New(app *state.App, choreo *state.Choreo) *state.Revision {
	r := &state.Revision{App: *app}
	r.App.Start, r.App.RestartToken, r.App.Deleted = true, "", false
	if choreo != nil {
		bare := *choreo
		bare.Dist = nil
		if bare.Update != nil && bare.Update.Paused {
			bare.Update = bare.Update.WithPause(false)
		}
		r.Choreo = &bare
	}
	return r
}

// Same reports whether two revisions are of the same content. The scale alone makes no difference: it follows the load,
// and would push out of the history what somebody may want back.
func Same(a, b *state.Revision) bool { return key(a) == key(b) }

func key(r *state.Revision) state.ETag {
	choreo := state.Choreo{App: r.App.Name, Query: "*"} // what an app without one has
	if r.Choreo != nil {
		choreo = *r.Choreo
	}
	choreo.Scale = 0
	return state.ContentETag(New(&r.App, &choreo))
}

// content is what a revision is of, as JSON: /app and /choreo.
func content(r *state.Revision) []byte {
	bare := New(&r.App, r.Choreo)
	return state.Encode(&struct {
		App    *state.App    `json:"app"`
		Choreo *state.Choreo `json:"choreo,omitzero"`
	}{&bare.App, bare.Choreo})
}
