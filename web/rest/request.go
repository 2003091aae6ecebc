package rest

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/go-chi/chi/v5"

	"stathub/state"
)

// MaxEdit bounds the body of an edit of one document, in bytes.
const MaxEdit = 1 << 20

// Param gives a part of the path. chi matches the path as it was sent, so that it may hold escapes.
func Param(r *http.Request, name string) string {
	raw := chi.URLParam(r, name)
	if plain, err := url.PathUnescape(raw); err == nil {
		return plain
	}
	return raw
}

// Flag reads a query parameter that is true or false; false when it is not there, true when it has no value. Anything
// else is code Invalid.
func Flag(r *http.Request, name string) (bool, error) {
	values := r.URL.Query()
	if !values.Has(name) {
		return false, nil
	}
	text := values.Get(name)
	b, err := strconv.ParseBool(text)
	if err != nil && text != "" {
		return false, state.Errorf(state.Invalid, "", "query parameter %s must be true or false, not %q", name, text)
	}
	return b || text == "", nil
}

// Number reads a query parameter from 0 to most, def when it is not there. Anything else is code Invalid.
func Number(r *http.Request, name string, def, most int) (int, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return def, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > most {
		return 0, state.Errorf(state.Invalid, "", "query parameter %s must be a number from 0 to %d, not %q", name, most, text)
	}
	return n, nil
}

// PID gives the process id in the path, as {pid}; code Invalid when it is none.
func PID(r *http.Request) (int, error) {
	text := Param(r, "pid")
	pid, err := strconv.Atoi(text)
	if err != nil || pid < 1 {
		return 0, state.Errorf(state.Invalid, "", "a process id is a number from 1, not %q", text)
	}
	return pid, nil
}

// Process reads {pid} of the path, which is a process id, or the name that an instance has on its node, such as "web.0": that
// one has output, and reasons, also while it has no process. Code Invalid when it is neither.
func Process(r *http.Request) (name string, pid int, err error) {
	text := Param(r, "pid")
	if !strings.Contains(text, ".") {
		pid, err = PID(r)
		return "", pid, err
	}
	if _, _, ok := state.ParseInstance(text); !ok {
		return "", 0, state.Errorf(state.Invalid, "", "an instance is an app and a number, such as web.0, not %q", text)
	}
	return text, 0, nil
}

// LogOffset is the header that says which bytes of a stream of output an answer brings: "start-end", the end without, or
// "start-" when it goes on. A client that lost its connection asks for the rest with ?offset=.
const LogOffset = "Stathub-Log-Offset"

// ReadEdit gives body and condition of an edit of a document.
func ReadEdit(w http.ResponseWriter, r *http.Request) ([]byte, state.Condition, error) {
	cond, err := IfMatch(r)
	if err != nil {
		return nil, cond, err
	}
	data, err := ReadBody(w, r, MaxEdit)
	return data, cond, err
}

// ReadScale gives the number of processes that is the body.
func ReadScale(w http.ResponseWriter, r *http.Request) (int, error) {
	data, err := ReadBody(w, r, MaxEdit)
	if err != nil {
		return 0, err
	}
	text := strings.TrimSpace(string(data))
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, state.Errorf(state.Invalid, "", "the body must be the number of processes, such as 5, not %.40q", text)
	}
	return n, nil
}
