package httpstore

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
	"strings"

	"stathub/state"
)

// Options of the gateway.
type Options struct {
	// MaxBody bounds a PUT, in bytes; 0: state.MaxDocument.
	MaxBody int64

	// Allow is asked before anything is done: the one place that decides who may do what, such as AllowNode. key is one that
	// state.CheckKey accepts or, for OpList and OpWatch, any prefix. An error is answered as it is. Nil allows everything.
	Allow func(r *http.Request, op, key string) error

	// MaxHeld bounds the answers that are held back, and the watches, at one moment; 0: 25,000. Past it a GET is answered
	// at once, and a watch is code Unavailable.
	MaxHeld int

	// Heartbeat is told of the heartbeat of a node. True: it is taken in, and nothing is written. Nil, or false: it is
	// written like any document.
	Heartbeat func(node string) bool

	// Hinted tells of a key whether the store's Watch gives a hint at every change of what its Get answers. An answer
	// that is held for another key looks again every 2 s. Nil: no key.
	Hinted func(key string) bool

	// Stop, once closed, ends held answers with code Unavailable, and watches: http.Server.Shutdown waits for them.
	// Nil: never.
	Stop <-chan struct{}
}

// defaultMaxHeld suffices for 10,000 agents that wait for their manifest, most of them behind one master of several.
const defaultMaxHeld = 25_000

// Handler is the gateway to store. It is mounted at Path, with the prefix left on. It sets the deadlines of its requests
// itself, whatever those of the server are.
func Handler(store state.Store, o Options) http.Handler {
	if o.MaxBody == 0 {
		o.MaxBody = state.MaxDocument
	}
	if o.MaxHeld == 0 {
		o.MaxHeld = defaultMaxHeld
	}
	g := &gateway{store: store, options: o, held: make(chan struct{}, o.MaxHeld), packers: make(packers, idlePackers)}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a := newAnswer(w)
		a.Header().Set("Accept-Encoding", gzipName) // of bodies that clients send (RFC 9110 section 12.5.3)
		err := g.serve(a, r)
		a.extend() // for what net/http writes after the handler
		if err != nil {
			a.fail(err)
		}
	})
}

type gateway struct {
	store   state.Store
	options Options
	held    chan struct{} // one value for each answer that is held back, and each watch
	packers packers
}

const methods = "GET, HEAD, PUT, DELETE"

func (g *gateway) serve(a *answer, r *http.Request) error {
	key, query := strings.TrimPrefix(r.URL.Path, Path), r.URL.Query()
	op, serve := "", g.get
	switch {
	case key == "" && r.Method == http.MethodGet && query.Has("watch"):
		op, key, serve = OpWatch, query.Get("watch"), g.watch
	case key == "" && r.Method == http.MethodGet:
		op, key, serve = OpList, query.Get("prefix"), g.list
	case r.Method == http.MethodGet || r.Method == http.MethodHead:
		op = OpGet // net/http drops the body of an answer to HEAD
	case r.Method == http.MethodPut:
		op, serve = OpPut, g.put
	case r.Method == http.MethodDelete:
		op, serve = OpDelete, g.delete
	case r.Method == http.MethodOptions:
		a.Header().Set("Allow", methods)
		a.WriteHeader(http.StatusNoContent)
		return nil
	default:
		a.Header().Set("Allow", methods)
		a.failAs(http.StatusMethodNotAllowed, state.Errorf(state.Unsupported, "", "the gateway knows %s, not %s", methods, r.Method))
		return nil
	}
	if op != OpWatch && op != OpList {
		if err := state.CheckKey(key); err != nil { // before Allow, which may compare prefixes: "manifests/../leases/x"
			return err
		}
	}
	if g.options.Allow != nil {
		if err := g.options.Allow(r, op, key); err != nil {
			return err
		}
	}
	return serve(a, r, key)
}

func (g *gateway) get(a *answer, r *http.Request, key string) error {
	have := joined(r.Header, "If-None-Match")
	ifNoneMatch, err := state.ParseETag(have)
	if err != nil || have == "*" || strings.Contains(have, ",") {
		ifNoneMatch = "" // nothing that this gateway sent: the client gets the document
	}
	o, err := g.store.Get(r.Context(), key, ifNoneMatch)
	if wait := waitIn(r.Header); wait > 0 && state.CodeOf(err) == state.NotModified && g.take() {
		defer g.release()
		a.lift()
		o, err = g.hold(r.Context(), wait, key, ifNoneMatch)
	}
	h := a.Header()
	h.Set("Cache-Control", "no-store") // revisions are the clients' business, and documents hold secrets
	if state.CodeOf(err) == state.NotModified {
		h.Set("ETag", ifNoneMatch.Header())
	}
	if err != nil {
		return err
	}
	defer o.Body.Close()
	return g.send(a, r, key, o)
}

// send answers with a document, packed for a client that takes it so.
func (g *gateway) send(a *answer, r *http.Request, key string, o *state.Object) error {
	body, size, etag, h := io.Reader(o.Body), o.Size, o.ETag.Header(), a.Header()
	if r.Method != http.MethodHead && packable(key, o.Size) && takesGzip(r.Header) {
		packed, plain, err := g.packed(key, o)
		if err != nil {
			return err
		}
		if body = bytes.NewReader(plain); packed != nil {
			body, size, etag = bytes.NewReader(packed), int64(len(packed)), "W/"+etag // RFC 9110 section 8.8.3.3
			h.Set("Content-Encoding", gzipName)
		}
	}
	h.Set("ETag", etag)
	h.Set("Vary", "Accept-Encoding")
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Length", strconv.FormatInt(size, 10))
	h.Set(sizeHeader, strconv.FormatInt(o.Size, 10))
	if !o.ModTime.IsZero() {
		h.Set("Last-Modified", o.ModTime.UTC().Format(http.TimeFormat))
	}
	if r.Method == http.MethodHead {
		return nil
	}
	a.copy(body)
	return nil
}

func (g *gateway) put(a *answer, r *http.Request, key string) error {
	cond, err := conditionOf(r)
	if err != nil {
		return err
	}
	body, done, err := g.receive(a, r, key)
	if err != nil {
		return err
	}
	defer done()
	if g.beat(key, cond) {
		a.Header().Set("ETag", beatETag.Header())
		a.WriteHeader(http.StatusNoContent)
		return nil
	}
	a.lift() // the store may take its time: a deadline that passes meanwhile would end the request, and the Put with it
	etag, err := g.store.Put(r.Context(), key, body, cond)
	if err != nil {
		return unmet(a, err)
	}
	a.Header().Set("ETag", etag.Header())
	a.WriteHeader(http.StatusNoContent)
	return nil
}

// beatETag is the revision of a heartbeat that was taken in and not written: no document has it.
const beatETag state.ETag = "heard"

// beat is true when a Put was a heartbeat that is now taken in. With a condition it is somebody else's document.
func (g *gateway) beat(key string, cond state.Condition) bool {
	if g.options.Heartbeat == nil || cond != (state.Condition{}) {
		return false
	}
	node, ok := state.KindHeartbeat.Name(key)
	return ok && g.options.Heartbeat(node)
}

func (g *gateway) delete(a *answer, r *http.Request, key string) error {
	cond, err := conditionOf(r)
	if err == nil && cond.IfAbsent {
		err = state.Errorf(state.Invalid, key, "a DELETE takes If-Match, not If-None-Match")
	}
	if err != nil {
		return err
	}
	if err := g.store.Delete(r.Context(), key, cond.IfMatch); err != nil {
		return err
	}
	a.WriteHeader(http.StatusNoContent)
	return nil
}

// unmet answers Exists as RFC 9110 section 13.1.2 wants a failed If-None-Match: *; other errors are left to the caller.
func unmet(a *answer, err error) error {
	if state.CodeOf(err) != state.Exists {
		return err
	}
	a.extend()
	a.failAs(http.StatusPreconditionFailed, err)
	return nil
}

func (g *gateway) list(a *answer, r *http.Request, prefix string) error {
	a.Header().Set("Cache-Control", "no-store")
	begun, to, closing := false, io.Writer(a), func() {}
	defer func() { closing() }()
	line := func(e entry) bool {
		if !begun {
			a.Header().Set("Content-Type", "application/jsonl")
			a.Header().Set("Vary", "Accept-Encoding")
			if takesGzip(r.Header) {
				a.Header().Set("Content-Encoding", gzipName)
				w := g.packers.get(a)
				to = w
				closing = func() { _ = w.Close(); g.packers.put(w) } // a client that went away is told nothing
			}
		}
		begun = true
		_, err := to.Write(state.EncodeLine(e))
		return err == nil
	}
	for e, err := range g.store.List(r.Context(), prefix) {
		switch {
		case err != nil && !begun:
			return err
		case err != nil: // the status is sent: the error is the last line
			line(entry{Code: state.CodeOf(err), Error: err.Error()})
			return nil
		case !line(entry{Key: e.Key, ETag: e.ETag, Size: e.Size, ModTime: e.ModTime.UTC()}):
			return nil // the client went away
		}
	}
	line(entry{End: true})
	return nil
}

func conditionOf(r *http.Request) (state.Condition, error) {
	return state.ParseCondition(joined(r.Header, "If-Match"), joined(r.Header, "If-None-Match"))
}
