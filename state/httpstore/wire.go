// Package httpstore carries the bucket over HTTP (design section 6): Handler is the gateway on the master, Open the
// state.Store on the node's side. An agent that knows only its master needs nothing else, and only ever dials out.
//
// Documents are at /state/<key>: GET and HEAD with If-None-Match, PUT and DELETE with If-Match or If-None-Match: *.
// GET /state/?prefix=… lists as one JSON object a line, GET /state/?watch=… sends a line when something may have changed.
// "Prefer: wait=30" (RFC 7240) on a GET with If-None-Match holds the answer back for at most 30 s; on a watch it is how
// long the answer goes on. Both may be answered early: when the server stops, or when it holds too many already.
//
// A client that asks for a node says so in the header Stathub-Node, and then gets what NodeAccess allows.
//
// An error is problem JSON (RFC 9457) with its state code in the header Stathub-Code. A failed If-None-Match: * is 412
// here, as RFC 9110 has it, and not the API's 409.
package httpstore

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"stathub/state"
)

// Path is where the gateway lives on the master.
const Path = "/state/"

const (
	codeHeader = "Stathub-Code" // the state code of an error: finer than its HTTP status, and what the client goes by
	sizeHeader = "Stathub-Size" // the size of a document in bytes, whatever a proxy makes of Content-Length
)

// How long an answer is held back at most, and how long a watch goes on that does not say.
const (
	maxWait   = 60 * time.Second
	watchTime = 30 * time.Second
)

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

// keyPath escapes a key for a URL, segment by segment.
func keyPath(key string) string {
	segments := strings.Split(key, "/")
	for i, s := range segments {
		segments[i] = url.PathEscape(s)
	}
	return strings.Join(segments, "/")
}

// preferWait asks for an answer that is held back (RFC 7240 section 4.3), in whole seconds.
func preferWait(d time.Duration) string {
	d = min(max(d, time.Second), maxWait)
	return "wait=" + strconv.Itoa(int((d+time.Second-1)/time.Second))
}

// waitIn reads "Prefer: wait=30"; 0: the header does not ask for it.
func waitIn(h http.Header) time.Duration {
	for preference := range strings.SplitSeq(joined(h, "Prefer"), ",") {
		if text, ok := strings.CutPrefix(strings.TrimSpace(preference), "wait="); ok {
			if seconds, err := strconv.Atoi(text); err == nil && seconds > 0 {
				return time.Duration(min(seconds, int(maxWait/time.Second))) * time.Second
			}
		}
	}
	return 0
}

// joined gives the values of a header that may come in several lines.
func joined(h http.Header, name string) string {
	return strings.TrimSpace(strings.Join(h.Values(name), ","))
}
