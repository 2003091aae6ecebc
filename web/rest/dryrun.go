package rest

import (
	"errors"
	"net/http"

	"stathub/state"
)

// report is the value of dryRun with which what is wrong comes in an answer of status 200, for those who ask at every pause
// in typing: browsers write each other status into their console.
const report = "report"

// DryRun reads ?dryRun=true or =report, with which an edit is checked and not carried out.
func DryRun(r *http.Request) (bool, error) {
	if r.URL.Query().Get("dryRun") == report {
		return true, nil
	}
	return Flag(r, "dryRun")
}

// Reporting makes a handler of edits tell with ?dryRun=report what is wrong with a document as {"problems": […]}, in the
// form of the errors of a Problem, and status 200.
func Reporting(h HandlerFunc) HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		err := h(w, r)
		var bad *state.Error
		if r.URL.Query().Get("dryRun") != report || !errors.As(err, &bad) {
			return err
		}
		switch bad.Code {
		case state.Invalid, state.Nonsense, state.Exists:
		default:
			return err
		}
		problems := bad.Problems
		if len(problems) == 0 {
			problems = []state.Problem{{Message: err.Error()}}
		}
		WriteJSON(w, r, http.StatusOK, struct {
			Problems []state.Problem `json:"problems"`
		}{problems}, "")
		return nil
	}
}
