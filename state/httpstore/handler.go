package httpstore

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"stathub/state"
)

// Options of the gateway.
type Options struct {
	// MaxBody bounds a PUT, in bytes; 0: state.MaxDocument.
	MaxBody int64
	// Allow is asked before anything is done: the one place that decides who may do what. op is get, put, delete, list
	// or watch; key is the key or the prefix. Nil allows everything. An error is answered as it is.
	Allow func(r *http.Request, op, key string) error
}

// pollEvery is how often a held answer looks again where the store gives no hints.
const pollEvery = 2 * time.Second

// inMemory is the size in bytes up to which the body of a PUT is kept in memory; past it, in a temporary file.
const inMemory = 1 << 20

// Handler is the gateway to store. It is mounted at Path, with the prefix left on.
func Handler(store state.Store, o Options) http.Handler {
	if o.MaxBody == 0 {
		o.MaxBody = state.MaxDocument
	}
	g := &gateway{store: store, options: o}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := g.serve(w, r); err != nil {
			writeError(w, err)
		}
	})
}

type gateway struct {
	store   state.Store
	options Options
}

func (g *gateway) serve(w http.ResponseWriter, r *http.Request) error {
	key := strings.TrimPrefix(r.URL.Path, Path)
	query := r.URL.Query()
	op, serve := "", g.get
	switch {
	case key == "" && r.Method == http.MethodGet && query.Has("watch"):
		op, key, serve = "watch", query.Get("watch"), g.watch
	case key == "" && r.Method == http.MethodGet:
		op, key, serve = "list", query.Get("prefix"), g.list
	case r.Method == http.MethodGet:
		op = "get"
	case r.Method == http.MethodPut:
		op, serve = "put", g.put
	case r.Method == http.MethodDelete:
		op, serve = "delete", g.delete
	default:
		w.Header().Set("Allow", "GET, PUT, DELETE")
		return state.Errorf(state.Unsupported, key, "the gateway knows GET, PUT and DELETE, not %s", r.Method)
	}
	if g.options.Allow != nil {
		if err := g.options.Allow(r, op, key); err != nil {
			return err
		}
	}
	// What this server allows an answer by default is meant for short ones.
	http.NewResponseController(w).SetWriteDeadline(time.Time{})
	return serve(w, r, key)
}

func (g *gateway) get(w http.ResponseWriter, r *http.Request, key string) error {
	ifNoneMatch, _ := unquote(r.Header.Get("If-None-Match"))
	o, err := g.store.Get(r.Context(), key, ifNoneMatch)
	if wait := waitOf(r); wait > 0 && ifNoneMatch != "" && state.CodeOf(err) == state.NotModified {
		o, err = g.hold(r.Context(), wait, key, ifNoneMatch)
	}
	if err != nil {
		return err
	}
	defer o.Body.Close()
	h := w.Header()
	h.Set("ETag", quote(o.ETag))
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Cache-Control", "no-cache")
	h.Set("Content-Length", strconv.FormatInt(o.Size, 10))
	if !o.ModTime.IsZero() {
		h.Set("Last-Modified", o.ModTime.UTC().Format(http.TimeFormat))
	}
	if _, err := io.Copy(w, o.Body); err != nil {
		panic(http.ErrAbortHandler) // the status is sent: only cutting the body off tells the client
	}
	return nil
}

// hold waits until the document differs from the ETag that the client has, or the time is up.
func (g *gateway) hold(ctx context.Context, wait time.Duration, key string, etag state.ETag) (*state.Object, error) {
	timed, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	hints := g.store.Watch(timed, key)
	for {
		// Looks before it waits: the document may have changed before the watch began.
		o, err := g.store.Get(ctx, key, etag)
		if state.CodeOf(err) != state.NotModified || timed.Err() != nil {
			return o, err
		}
		select {
		case <-timed.Done():
		case <-hints:
		case <-time.After(pollEvery):
		}
	}
}

func (g *gateway) put(w http.ResponseWriter, r *http.Request, key string) error {
	var cond state.Condition
	if match := r.Header.Get("If-Match"); match != "" {
		etag, ok := unquote(match)
		if !ok {
			return state.Errorf(state.Invalid, key, "If-Match: want one quoted ETag, not %s", match)
		}
		cond.IfMatch = etag
	}
	cond.IfAbsent = r.Header.Get("If-None-Match") == "*"
	if err := state.CheckKey(key); err != nil {
		return err
	}
	http.NewResponseController(w).SetReadDeadline(time.Now().Add(10 * time.Minute))
	body, done, err := spool(http.MaxBytesReader(w, r.Body, g.options.MaxBody))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return state.Errorf(state.TooLarge, key, "the document is larger than %d bytes", tooLarge.Limit)
	} else if err != nil {
		return state.Errorf(state.Invalid, key, "cannot read the body: %w", err)
	}
	defer done()
	etag, err := g.store.Put(r.Context(), key, body, cond)
	if err != nil {
		return err
	}
	w.Header().Set("ETag", quote(etag))
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// spool takes in a whole body before anything is written: a client that goes away halfway leaves no half document.
func spool(body io.Reader) (seeker io.ReadSeeker, done func(), err error) {
	var first bytes.Buffer
	if _, err := io.CopyN(&first, body, inMemory+1); errors.Is(err, io.EOF) {
		return bytes.NewReader(first.Bytes()), func() {}, nil
	} else if err != nil {
		return nil, nil, err
	}
	f, err := os.CreateTemp("", "stathub-upload-*")
	if err != nil {
		return nil, nil, err
	}
	done = func() { f.Close(); os.Remove(f.Name()) }
	if _, err := io.Copy(f, io.MultiReader(&first, body)); err != nil {
		done()
		return nil, nil, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		done()
		return nil, nil, err
	}
	return f, done, nil
}

func (g *gateway) delete(w http.ResponseWriter, r *http.Request, key string) error {
	var ifMatch state.ETag
	if match := r.Header.Get("If-Match"); match != "" {
		etag, ok := unquote(match)
		if !ok {
			return state.Errorf(state.Invalid, key, "If-Match: want one quoted ETag, not %s", match)
		}
		ifMatch = etag
	}
	if err := g.store.Delete(r.Context(), key, ifMatch); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (g *gateway) list(w http.ResponseWriter, r *http.Request, prefix string) error {
	w.Header().Set("Content-Type", "application/jsonl")
	w.Header().Set("Cache-Control", "no-cache")
	for e, err := range g.store.List(r.Context(), prefix) {
		if err != nil {
			w.Write(state.EncodeLine(entry{Code: state.CodeOf(err), Error: err.Error()}))
			return nil
		}
		if _, err := w.Write(state.EncodeLine(entry{Key: e.Key, ETag: e.ETag, Size: e.Size, ModTime: e.ModTime.UTC()})); err != nil {
			return nil // the client went away
		}
	}
	w.Write(state.EncodeLine(entry{End: true}))
	return nil
}

// watch sends a line at each hint until the time is up. The first line goes out once the watch is in place, so that the
// client knows from when on it sees every change.
func (g *gateway) watch(w http.ResponseWriter, r *http.Request, prefix string) error {
	ctx, cancel := context.WithTimeout(r.Context(), waitOf(r))
	defer cancel()
	hints := g.store.Watch(ctx, prefix)
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-cache")
	for line := "watching\n"; ; line = "changed\n" {
		if _, err := io.WriteString(w, line); err != nil {
			return nil // the client went away
		}
		if err := http.NewResponseController(w).Flush(); err != nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case _, ok := <-hints:
			if !ok {
				<-ctx.Done() // a store without hints
				return nil
			}
		}
	}
}

// waitOf reads "Prefer: wait=30" (RFC 7240 section 4.3), in seconds.
func waitOf(r *http.Request) time.Duration {
	for _, prefer := range r.Header.Values("Prefer") {
		for preference := range strings.SplitSeq(prefer, ",") {
			if text, ok := strings.CutPrefix(strings.TrimSpace(preference), "wait="); ok {
				if seconds, err := strconv.Atoi(text); err == nil && seconds > 0 {
					return min(time.Duration(seconds)*time.Second, maxWait)
				}
			}
		}
	}
	return 0
}

func writeError(w http.ResponseWriter, err error) {
	code := state.CodeOf(err)
	status := statuses[code]
	h := w.Header()
	h.Set(codeHeader, string(code))
	if status == http.StatusNotModified {
		w.WriteHeader(status)
		return
	}
	h.Del("Content-Length")
	h.Set("Content-Type", "application/problem+json")
	if status == http.StatusServiceUnavailable {
		h.Set("Retry-After", "5")
	}
	w.WriteHeader(status)
	w.Write(state.Encode(problem{Type: "urn:stathub:problem:" + string(code), Title: http.StatusText(status), Status: status, Detail: err.Error()}))
}
