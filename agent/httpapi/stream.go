package httpapi

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"time"

	"stathub/agent/logs"
	"stathub/state"
	"stathub/web/rest"
)

const (
	defaultTail = 200
	maxTail     = 1_000_000
	// sendTimeout is how long one piece of output may take to reach a client; a follower that reads nothing is dropped.
	sendTimeout = time.Minute
)

func (a *api) stdout(w http.ResponseWriter, r *http.Request) error { return a.output(w, r, "stdout") }
func (a *api) stderr(w http.ResponseWriter, r *http.Request) error { return a.output(w, r, "stderr") }

// output sends the end of a stream's file as plain text, or what is kept of it from ?offset= on, and with ?follow=true
// what comes after it; without that ?limit= bounds the bytes.
func (a *api) output(w http.ResponseWriter, r *http.Request, stream string) error {
	name, pid, err := rest.Process(r)
	if err != nil {
		return err
	}
	from, err := begin(r)
	if err != nil {
		return err
	}
	follow, err := rest.Flag(r, "follow")
	if err != nil {
		return err
	}
	limit, err := rest.Number(r, "limit", math.MaxInt, math.MaxInt)
	if err != nil {
		return err
	}
	path, err := a.sv.LogPath(name, pid, stream)
	if err != nil {
		return err
	}
	span, err := logs.Locate(path, from)
	written := state.CodeOf(err) != state.NotFound // else it has written nothing yet
	if err != nil && written {
		return err
	}
	if span.End-span.Start > int64(limit) {
		span.End = span.Start + int64(limit)
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set(rest.LogOffset, offsets(span, follow))
	rest.LiftDeadlines(w)
	out := &streamWriter{w: w, control: http.NewResponseController(w), flush: follow}
	if r.Method == http.MethodHead {
		return nil
	}
	switch {
	case follow:
		err = a.follow(r.Context(), out, path, logs.At(span.Start))
	case written:
		err = logs.Copy(out, path, span)
	default:
		err = nil
	}
	if err != nil && out.begun {
		panic(http.ErrAbortHandler) // the status is out: break off, so that nobody takes it for the whole
	}
	return err
}

// begin reads where an answer starts: at ?offset= in bytes, else ?tail= lines from the end.
func begin(r *http.Request) (logs.From, error) {
	tail, err := rest.Number(r, "tail", defaultTail, maxTail)
	if err != nil || !r.URL.Query().Has("offset") {
		return logs.Lines(tail), err
	}
	offset, err := rest.Number(r, "offset", 0, math.MaxInt)
	return logs.At(int64(offset)), err
}

func offsets(span logs.Span, follow bool) string {
	if follow {
		return fmt.Sprintf("%d-", span.Start)
	}
	return fmt.Sprintf("%d-%d", span.Start, span.End)
}

func (a *api) follow(ctx context.Context, out *streamWriter, path string, from logs.From) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if a.opts.Stop != nil {
		finished := make(chan struct{})
		defer func() { cancel(); <-finished }()
		go func() {
			defer close(finished)
			select {
			case <-a.opts.Stop:
				cancel()
			case <-ctx.Done():
			}
		}()
	}
	if err := out.begin(); err != nil {
		return err
	}
	return logs.Follow(ctx, out, path, from)
}

// streamWriter gives every write its own time limit, in place of the server's for the whole answer.
type streamWriter struct {
	w       http.ResponseWriter
	control *http.ResponseController
	flush   bool
	begun   bool
}

// begin sends the header, so that a client knows that it is connected before there is anything to read.
func (s *streamWriter) begin() error {
	s.begun = true
	s.extend()
	s.w.WriteHeader(http.StatusOK)
	return s.control.Flush()
}

func (s *streamWriter) extend() {
	_ = s.control.SetWriteDeadline(time.Now().Add(sendTimeout)) // a writer without deadlines has none to extend
}

func (s *streamWriter) Write(p []byte) (int, error) {
	s.begun = true
	s.extend()
	n, err := s.w.Write(p)
	if err == nil && s.flush {
		err = s.control.Flush()
	}
	return n, err
}
