// Package httpstore carries the bucket over HTTP (design section 6): Handler is the gateway on the master, Open the
// state.Store on the node's side. An agent that knows only its master needs nothing else, and only ever dials out.
//
// Documents are at /state/<key>: GET with If-None-Match, PUT and DELETE with If-Match or If-None-Match: *.
// GET /state/?prefix=… lists as one JSON object a line, GET /state/?watch=… sends a line when something may have changed.
// "Prefer: wait=30" (RFC 7240) on a GET with If-None-Match holds the answer back for at most
// 30 s; on a watch it is how long the answer goes on.
package httpstore

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"stathub/state"
)

// Path is where the gateway lives on the master.
const Path = "/state/"

// codeHeader carries the state code of an error, which is finer than its HTTP status.
const codeHeader = "Stathub-Code"

// maxWait bounds how long an answer is held back.
const maxWait = 60 * time.Second

// entry is one line of a listing. The last line has only End or Error, so that a listing that was cut off is not taken
// for a short one.
type entry struct {
	Key     string     `json:"key,omitzero"`
	ETag    state.ETag `json:"etag,omitzero"`
	Size    int64      `json:"size,omitzero"`
	ModTime time.Time  `json:"modTime,omitzero"`
	End     bool       `json:"end,omitzero"`
	Code    state.Code `json:"code,omitzero"`
	Error   string     `json:"error,omitzero"`
}

// problem is an error answer (RFC 9457).
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
}

var statuses = map[state.Code]int{
	state.Invalid: http.StatusBadRequest, state.Nonsense: http.StatusUnprocessableEntity, state.Denied: http.StatusForbidden,
	state.NotFound: http.StatusNotFound, state.Exists: http.StatusPreconditionFailed, state.Stale: http.StatusPreconditionFailed,
	state.TooLarge: http.StatusRequestEntityTooLarge, state.Unsupported: http.StatusNotImplemented,
	state.Unavailable: http.StatusServiceUnavailable, state.NotModified: http.StatusNotModified, state.Internal: http.StatusInternalServerError,
}

// keyPath escapes a key for a URL, segment by segment.
func keyPath(key string) string {
	segments := strings.Split(key, "/")
	for i, s := range segments {
		segments[i] = url.PathEscape(s)
	}
	return strings.Join(segments, "/")
}

func quote(etag state.ETag) string { return `"` + url.PathEscape(string(etag)) + `"` }

func unquote(header string) (state.ETag, bool) {
	header = strings.TrimPrefix(header, "W/") // a proxy that compresses weakens the ETag
	inner, ok := strings.CutPrefix(header, `"`)
	inner, closed := strings.CutSuffix(inner, `"`)
	etag, err := url.PathUnescape(inner)
	return state.ETag(etag), ok && closed && err == nil && etag != ""
}
