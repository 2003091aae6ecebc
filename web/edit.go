package web

import (
	"reflect"
	"strings"

	"stathub/state"
)

// Edit is the page of an app's document or of its choreography: a form, and the JSON beside it.
type Edit struct {
	Kind    string // "app" or "choreo"
	Name    string // of the app; empty: a new one
	Text    string // the document as JSON
	ETag    string // its revision; empty: there is none yet
	Broken  string // why the document cannot be read; then Text is as it lies in the bucket
	Cluster bool   // there are nodes to choose from; false: an agent that runs alone
	Upload  string // path of the page where artifacts are uploaded; empty: there is none
	Scale   int    // of a new app: what its choreography begins with
}

// Method is that of the request that saves the document.
func (e Edit) Method() string {
	if e.Kind == "app" && e.Name == "" {
		return "POST"
	}
	return "PUT"
}

// API is the path of that request.
func (e Edit) API() string {
	switch {
	case e.Name == "":
		return "/v1/app"
	case e.Kind == "choreo":
		return "/v1" + strings.Replace(AppURL(e.Name), "/apps/", "/app/", 1) + "/choreo"
	}
	return "/v1" + strings.Replace(AppURL(e.Name), "/apps/", "/app/", 1)
}

// Back is the page that saving leads to; empty: that of the app that was created.
func (e Edit) Back() string {
	if e.Name == "" {
		return ""
	}
	return AppURL(e.Name)
}

// Order gives the members of the document in their order.
func (e Edit) Order() string {
	if e.Kind == "choreo" {
		return membersOf(reflect.TypeFor[state.Choreo]())
	}
	return membersOf(reflect.TypeFor[state.App]())
}

// membersOf names the members of a document's type.
func membersOf(t reflect.Type) string {
	var names []string
	for i := range t.NumField() {
		if name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ","); name != "" {
			names = append(names, name)
		}
	}
	return strings.Join(names, " ")
}

// NewApp is the text that a new app begins with: the seed's members.
func NewApp() string {
	return string(state.Encode(&state.App{
		Envs: map[string]string{}, Args: []string{}, Ports: []int{}, URIs: []string{}, HealthChecks: []state.HealthCheck{},
		KillSignal: state.DefaultKillSignal, Start: true,
	}))
}
