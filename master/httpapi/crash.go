package httpapi

import (
	"cmp"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"stathub/state"
	"stathub/web/rest"
)

// maxCrashes bounds the keys of one node that are looked at; its agent keeps far fewer.
const maxCrashes = 10_000

// keptCrash is what is kept of the output of an instance that ended badly, as the agent lists it, too.
type keptCrash struct {
	Name     string    `json:"name"`
	App      string    `json:"app"`
	Instance string    `json:"instance"`
	At       time.Time `json:"at"`
	Bytes    int64     `json:"bytes"`
}

// crashes lists what the bucket has of a node, newest first; with ?instance=web.0 of that one. It needs no agent.
func (a *api) crashes(w http.ResponseWriter, r *http.Request) error {
	node, only := rest.Param(r, "id"), r.URL.Query().Get("instance")
	if err := state.CheckName(node); err != nil {
		return err
	}
	prefix := state.KindCrash.Prefix() + node + "/"
	if only != "" {
		app, n, ok := state.ParseInstance(only)
		if !ok {
			return state.Errorf(state.Invalid, "", "an instance is an app and a number, such as web.0, not %q", only)
		}
		prefix += app + "." + strconv.Itoa(n) + "-"
	}
	entries, _, err := a.control.ListBucket(r.Context(), prefix, "", maxCrashes)
	if err != nil {
		return err
	}
	kept := []keptCrash{}
	for _, e := range entries {
		_, name, ok := state.ParseCrashKey(e.Key)
		app, n, at, named := state.ParseCrashName(name)
		if ok && named && (only == "" || only == app+"."+strconv.Itoa(n)) {
			kept = append(kept, keptCrash{name, app, state.InstanceID(node, app, n), at, e.Size})
		}
	}
	slices.SortFunc(kept, func(x, y keptCrash) int { return cmp.Or(y.At.Compare(x.At), strings.Compare(x.Name, y.Name)) })
	rest.WriteJSON(w, r, http.StatusOK, kept, "")
	return nil
}

// crash sends the text as it is: the output in it may be in any encoding.
func (a *api) crash(w http.ResponseWriter, r *http.Request) error {
	node, name := rest.Param(r, "id"), rest.Param(r, "name")
	key := state.CrashKey(node, name)
	if _, _, ok := state.ParseCrashKey(key); !ok || strings.Contains(name, "/") {
		return rest.NotFound("crash", name)
	}
	o, err := a.control.GetRaw(r.Context(), key, "")
	if err != nil {
		return err
	}
	defer o.Body.Close()
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	if r.Method == http.MethodHead {
		return nil
	}
	if _, err := io.Copy(w, o.Body); err != nil {
		panic(http.ErrAbortHandler) // so that half of it is not taken for whole
	}
	return nil
}
