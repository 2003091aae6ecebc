package rest

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"stathub/state"
)

// WriteView answers with a document and what the program knows of it beside. The ETag is that of the document, for edits;
// the view may change without it, so there is no 304.
func WriteView(w http.ResponseWriter, r *http.Request, status int, v any, etag state.ETag) {
	if etag != "" {
		w.Header().Set("ETag", etag.Header())
	}
	WriteJSON(w, r, status, v, "")
}

// Written gives the status of an edit: 201 for a new document.
func Written(created bool) int {
	if created {
		return http.StatusCreated
	}
	return http.StatusOK
}

// Location tells where a new document is; the arguments are parts of its path.
func Location(w http.ResponseWriter, format string, args ...any) {
	for i, arg := range args {
		args[i] = url.PathEscape(fmt.Sprint(arg))
	}
	w.Header().Set("Location", fmt.Sprintf(format, args...))
}

// Warn adds what may be wrong with a request that was carried out to the answer's header: a Warning of code 299 each.
func Warn(w http.ResponseWriter, warnings []string) {
	for _, text := range warnings {
		w.Header().Add("Warning", "299 - "+strconv.QuoteToASCII(text))
	}
}

// NotFound is what a read of something that is not there gets.
func NotFound(what, name string) error {
	return state.Errorf(state.NotFound, "", "there is no %s %q", what, name)
}

// WriteProcs answers with the processes of an app: with full all that is known of its instances, those without a process
// too, else pid, node and app of those that have one.
func WriteProcs(w http.ResponseWriter, r *http.Request, procs []state.Proc, full bool) {
	if full {
		WriteJSON(w, r, http.StatusOK, procs, "")
		return
	}
	type proc struct {
		PID  int    `json:"pid"`
		Node string `json:"node"`
		App  string `json:"app"`
	}
	short := []proc{}
	for _, p := range procs {
		if p.PID != 0 {
			short = append(short, proc{p.PID, p.Node, p.App})
		}
	}
	WriteJSON(w, r, http.StatusOK, short, "")
}
