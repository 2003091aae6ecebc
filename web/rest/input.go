package rest

import (
	"stathub/state"
)

// StatusMember is what the APIs add to an app or manifest that they show. What people send back may carry it, and it
// means nothing there.
const StatusMember = "status"

// DecodeApp reads the body of a write over the stored app, nil when there is none. Members that the stored one has from a
// newer or older peer stay as they are stored. A body that says nothing of start, as the seed's, changes nothing about it:
// an edit of the arguments must not stop the app. Errors are those of state.DecodeInput.
func DecodeApp(key string, data []byte, old *state.App) (*state.App, error) {
	if old == nil {
		return state.DecodeInput[state.App](key, HideMembers(data, KnownMembers(nil, StatusMember)))
	}
	app, err := state.DecodeInput[state.App](key, HideMembers(data, KnownMembers(old.Extra, StatusMember)))
	if err != nil {
		return nil, err
	}
	app.Extra = old.Extra
	if !HasMember(data, "start") && !old.Deleted {
		app.Start = old.Start
	}
	if !HasMember(data, "restartToken") {
		app.RestartToken = old.RestartToken
	}
	return app, nil
}

// DecodeChoreo does so for a choreography; dist is the API's.
func DecodeChoreo(key string, data []byte, old *state.Choreo) (*state.Choreo, error) {
	if old == nil {
		old = &state.Choreo{}
	}
	ch, err := state.DecodeInput[state.Choreo](key, HideMembers(data, KnownMembers(old.Extra, "dist")))
	if err == nil {
		ch.Extra = old.Extra
		if !HasMember(data, "scale") {
			ch.Scale = old.Scale
		}
	}
	return ch, err
}

// DecodeManifest does so for a manifest. One without the list of apps is code Nonsense: written back it would read as an
// empty list, and stop everything.
func DecodeManifest(key string, data []byte, old *state.Manifest) (*state.Manifest, error) {
	if old == nil {
		old = &state.Manifest{}
	}
	m, err := state.DecodeInput[state.Manifest](key, HideMembers(data, KnownMembers(old.Extra, StatusMember)))
	if err != nil {
		return nil, err
	}
	if m.Apps == nil {
		return nil, &state.Error{Code: state.Nonsense, Key: key, Problems: []state.Problem{
			{Path: "apps", Line: 1, Column: 1, Message: `must be there; to stop everything write "apps": []`}}}
	}
	m.Extra = old.Extra
	return m, nil
}
