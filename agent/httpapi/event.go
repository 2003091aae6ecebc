package httpapi

import (
	"net/http"
	"slices"
	"strconv"

	"stathub/agent/crash"
	"stathub/state"
	"stathub/web/rest"
)

// History is what happened on the node.
type History interface {
	// Events gives the latest events, newest first, limit at the most.
	Events(limit int) []state.Event
	// Crashes gives what is kept of the output of instances that ended badly, newest first.
	Crashes() []crash.Kept
	// Crash gives one of Crashes by its name; code NotFound when there is none.
	Crash(name string) ([]byte, error)
}

const (
	defaultEvents = 100
	maxEvents     = 10_000
)

func (a *api) events(w http.ResponseWriter, r *http.Request) error {
	limit, err := rest.Number(r, "limit", defaultEvents, maxEvents)
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	all := a.sv.Events(limit)
	if all == nil {
		all = []state.Event{}
	}
	rest.WriteJSON(w, r, http.StatusOK, all, "")
	return nil
}

// crashes lists what is kept; with ?instance=web.0 of that one.
func (a *api) crashes(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Cache-Control", "no-store")
	kept := a.sv.Crashes()
	if name := r.URL.Query().Get("instance"); name != "" {
		id := a.sv.Report().Node + "/" + name
		kept = slices.DeleteFunc(slices.Clone(kept), func(c crash.Kept) bool { return c.Instance != id })
	}
	rest.WriteJSON(w, r, http.StatusOK, kept, "")
	return nil
}

// crash sends the text as it is: the output in it may be in any encoding.
func (a *api) crash(w http.ResponseWriter, r *http.Request) error {
	data, err := a.sv.Crash(rest.Param(r, "name"))
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Length", strconv.Itoa(len(data)))
	if r.Method != http.MethodHead {
		_, _ = w.Write(data) // the client is gone: nobody to tell
	}
	return nil
}
