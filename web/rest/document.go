package rest

import (
	"errors"
	"io"
	"net/http"
	"strings"

	"stathub/state"
)

// WriteJSON answers with v as state.Encode has it. With an etag it sends the ETag header, and answers a GET whose
// If-None-Match names it with 304.
func WriteJSON(w http.ResponseWriter, r *http.Request, status int, v any, etag state.ETag) {
	w.Header().Set("Cache-Control", "no-cache")
	if etag != "" {
		w.Header().Set("ETag", etag.Header())
		reading := r.Method == http.MethodGet || r.Method == http.MethodHead
		if reading && status == http.StatusOK && noneMatch(r, etag) {
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	writeBody(w, "application/json", status, state.Encode(v))
}

// WriteCompact answers with v in one line: what is long and no document that people edit. It is not to be kept.
func WriteCompact(w http.ResponseWriter, v any) {
	w.Header().Set("Cache-Control", "no-store")
	writeBody(w, "application/json", http.StatusOK, state.EncodeLine(v))
}

// ReadBody gives the whole body of a request; one longer than limit bytes is code TooLarge, and its connection is closed.
func ReadBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, state.Errorf(state.TooLarge, "", "the request's body is larger than %d bytes", limit)
	case err != nil:
		return nil, state.Errorf(state.Invalid, "", "cannot read the request's body: %w", err)
	}
	return data, nil
}

// IfNoneMatch gives the revision that the client of a GET has already, or "".
func IfNoneMatch(r *http.Request) state.ETag {
	text := header(r, "If-None-Match")
	if text == "" || text == "*" || strings.Contains(text, ",") {
		return ""
	}
	etag, _ := state.ParseETag(text)
	return etag
}

// IfMatch gives the condition of a write, as state.ParseCondition reads it.
func IfMatch(r *http.Request) (state.Condition, error) {
	return state.ParseCondition(header(r, "If-Match"), header(r, "If-None-Match"))
}

// header joins the values of a header that may come in several lines.
func header(r *http.Request, name string) string {
	return strings.TrimSpace(strings.Join(r.Header.Values(name), ","))
}

func noneMatch(r *http.Request, etag state.ETag) bool {
	text := header(r, "If-None-Match")
	if text == "*" {
		return true
	}
	for one := range strings.SplitSeq(text, ",") {
		if strings.TrimSpace(one) == "" {
			continue
		}
		if got, err := state.ParseETag(one); err == nil && got == etag {
			return true
		}
	}
	return false
}
