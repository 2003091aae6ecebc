package httpstore

import (
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"stathub/state"
)

// stall is how long a client may take for a piece of an answer, of at most piece bytes: one that reads on, however much,
// is never cut off, and one that stopped does not hold a document open for good.
const (
	stall = time.Minute
	piece = 64 << 10
)

// answer is a ResponseWriter whose deadline moves on with each piece that is written.
type answer struct {
	http.ResponseWriter
	control *http.ResponseController
}

func newAnswer(w http.ResponseWriter) *answer {
	a := &answer{w, http.NewResponseController(w)}
	a.extend()
	return a
}

// extend gives the client time to take what is written next.
func (a *answer) extend() { _ = a.control.SetWriteDeadline(time.Now().Add(stall)) }

// lift takes away the deadlines while nothing is written or read: in HTTP/2 one that passes ends the request, and so
// does that of reading in HTTP/1.
func (a *answer) lift() {
	_ = a.control.SetReadDeadline(time.Time{})
	_ = a.control.SetWriteDeadline(time.Time{})
}

// Write is http.ResponseWriter's.
func (a *answer) Write(p []byte) (written int, err error) {
	for first := true; first || len(p) > 0; first = false {
		a.extend()
		n, err := a.ResponseWriter.Write(p[:min(len(p), piece)])
		if written += n; err != nil {
			return written, err
		}
		p = p[n:]
	}
	return written, nil
}

// say sends a line at once, and lifts the deadlines until the next one. It is false when the client went away.
func (a *answer) say(line string) bool {
	_, err := io.WriteString(a, line)
	if err == nil {
		err = a.control.Flush()
	}
	a.lift()
	return err == nil
}

// copy sends a document. Once its status is sent, only cutting the body off tells the client of an error.
func (a *answer) copy(body io.Reader) {
	if _, err := io.Copy(a, body); err != nil {
		panic(http.ErrAbortHandler)
	}
}

// retryAfter is in seconds, and differs from client to client: they are not to come back all at once.
func retryAfter() string { return strconv.Itoa(2 + rand.IntN(8)) }

func (a *answer) fail(err error) { a.failAs(state.CodeOf(err).HTTPStatus(), err) }

func (a *answer) failAs(status int, err error) {
	code := state.CodeOf(err)
	h := a.Header()
	h.Set(codeHeader, string(code))
	if status == http.StatusNotModified {
		a.WriteHeader(status)
		return
	}
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	if status == http.StatusServiceUnavailable {
		h.Set("Retry-After", retryAfter())
	}
	a.WriteHeader(status)
	_, _ = a.Write(state.Encode(problem{ // the client is gone: nobody is left to tell
		Type: "urn:stathub:problem:" + string(code), Title: http.StatusText(status), Status: status, Detail: err.Error(),
	}))
}
