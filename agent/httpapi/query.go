package httpapi

import (
	"net/http"
	"strconv"

	"stathub/state"
)

// flag reads a query parameter that is on or off; a bare "?name" is on.
func flag(r *http.Request, name string) (bool, error) {
	q := r.URL.Query()
	if !q.Has(name) {
		return false, nil
	}
	switch text := q.Get(name); text {
	case "", "true", "1":
		return true, nil
	case "false", "0":
		return false, nil
	default:
		return false, state.Errorf(state.Invalid, "", "query parameter %s must be true or false, not %q", name, text)
	}
}

// number reads a query parameter from 0 to most.
func number(r *http.Request, name string, missing, most int) (int, error) {
	q := r.URL.Query()
	if !q.Has(name) {
		return missing, nil
	}
	n, err := strconv.Atoi(q.Get(name))
	if err != nil || n < 0 || n > most {
		return 0, state.Errorf(state.Invalid, "", "query parameter %s must be a number from 0 to %d, not %q", name, most, q.Get(name))
	}
	return n, nil
}
