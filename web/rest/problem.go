package rest

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"stathub/state"
)

// Problem is the body of every error answer (RFC 9457), of media type application/problem+json.
type Problem struct {
	Type   string          `json:"type"`   // "urn:stathub:problem:" and the state code, or about:blank
	Title  string          `json:"title"`  // the status in words
	Status int             `json:"status"` // the HTTP status
	Detail string          `json:"detail,omitzero"`
	Errors []state.Problem `json:"errors,omitzero"` // each thing that is wrong with a document
}

// ProblemType is what Problem.Type starts with when a state code caused it; the code follows.
const ProblemType = "urn:stathub:problem:"

// retryAfter is the Retry-After of a 503, in seconds: about the time in which a poll looks again.
const retryAfter = 5

// codeOf is state.CodeOf, with the codes of errors that Go's own packages give to a handler.
func codeOf(err error) state.Code {
	var (
		coded *state.Error
		large *http.MaxBytesError
	)
	switch {
	case errors.As(err, &coded):
		return coded.Code
	case errors.As(err, &large):
		return state.TooLarge
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return state.Unavailable
	}
	return state.Internal
}

// StatusOf gives the HTTP status of an error.
func StatusOf(err error) int { return codeOf(err).HTTPStatus() }

// WriteError answers with err: problem JSON, its status from err's state code. NotModified is a 304 without a body, and
// Unavailable carries Retry-After. Headers that tell of the document that was not sent are taken back.
func WriteError(w http.ResponseWriter, r *http.Request, err error) {
	code := codeOf(err)
	status := code.HTTPStatus()
	if entry := entryOf(r.Context()); entry != nil {
		entry.err = err
	}
	if code == state.NotModified {
		w.Header().Del("Content-Type")
		w.WriteHeader(status)
		return
	}
	p := newProblem(status, err.Error())
	p.Type = ProblemType + string(code)
	var coded *state.Error
	if errors.As(err, &coded) {
		p.Errors = coded.Problems
	}
	writeProblem(w, p)
}

func newProblem(status int, detail string) Problem {
	return Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail}
}

func writeProblem(w http.ResponseWriter, p Problem) {
	h := w.Header()
	for _, name := range []string{"ETag", "Last-Modified", "Content-Encoding", "Content-Disposition"} {
		h.Del(name)
	}
	if p.Status == http.StatusServiceUnavailable {
		h.Set("Retry-After", strconv.Itoa(retryAfter))
	}
	p.Detail = strings.ToValidUTF8(p.Detail, "\uFFFD")
	h.Set("Cache-Control", "no-store")
	writeBody(w, "application/problem+json", p.Status, state.Encode(p))
}

func writeBody(w http.ResponseWriter, mediaType string, status int, body []byte) {
	w.Header().Set("Content-Type", mediaType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client is gone: nobody is left to tell
}
