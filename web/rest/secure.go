package rest

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"stathub/state"
)

// SecureOptions says what Secure lets through.
type SecureOptions struct {
	Log      *slog.Logger // requests at debug level, failures of ours as errors; nil: none
	Loopback bool         // the server listens on a loopback address only: the Host must be one too
	Hosts    []string     // further names that the Host may be, when Loopback: those of a reverse proxy
	Origins  []string     // "scheme://host[:port]" of other sites whose pages may send edits
}

// Secure wraps the whole of an API: it recovers from panics, logs, sets security headers, which a handler may override,
// and refuses foreign Host names (DNS rebinding) and edits that a page of another site sends.
// It panics when an entry of Origins is not an origin.
func Secure(next http.Handler, opts SecureOptions) http.Handler {
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	csrf := http.NewCrossOriginProtection()
	csrf.SetDenyHandler(HandlerFunc(func(_ http.ResponseWriter, r *http.Request) error {
		return state.Errorf(state.Denied, "", "%s from a page of another site (%s) is refused", r.Method, r.Header.Get("Origin"))
	}))
	for _, origin := range opts.Origins {
		if err := csrf.AddTrustedOrigin(origin); err != nil {
			panic(fmt.Sprintf("cannot trust origin %q: %v", origin, err))
		}
	}
	return &guard{next: csrf.Handler(next), opts: opts}
}

// LoopbackAddr reports whether a server that listens on addr is reached from this machine only.
func LoopbackAddr(addr net.Addr) bool {
	host, _, err := net.SplitHostPort(addr.String())
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// guard is the outermost handler.
type guard struct {
	next http.Handler
	opts SecureOptions
}

// entry is what the access log tells of one request.
type entry struct{ err error }

type entryKey struct{}

func entryOf(ctx context.Context) *entry {
	e, _ := ctx.Value(entryKey{}).(*entry)
	return e
}

// ServeHTTP is http.Handler's.
func (g *guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e, rec, began := &entry{}, &recorder{ResponseWriter: w}, time.Now()
	r = r.WithContext(context.WithValue(r.Context(), entryKey{}, e))
	defer func() {
		panicked := recover()
		if panicked != nil && panicked != http.ErrAbortHandler {
			g.opts.Log.Error("request handler panicked", "method", r.Method, "path", r.URL.Path,
				"panic", fmt.Sprint(panicked), "stack", string(debug.Stack()))
			if rec.status == 0 {
				writeProblem(rec, newProblem(http.StatusInternalServerError, "the server failed on this request; its log says why"))
				panicked = nil
			}
		}
		g.log(r, rec, e, time.Since(began))
		if panicked != nil {
			panic(http.ErrAbortHandler) // half an answer is out: break it off, so that nobody takes it for whole
		}
	}()
	setHeaders(w.Header())
	switch {
	case !slices.Contains(methods[:], r.Method) && r.Method != http.MethodOptions:
		writeProblem(rec, newProblem(http.StatusMethodNotAllowed, r.Method+" is not served"))
	case g.opts.Loopback && !g.knownHost(r.Host):
		WriteError(rec, r, state.Errorf(state.Denied, "",
			"host %q is not a name of this server, which listens on a loopback address only: use localhost", r.Host))
	default:
		g.next.ServeHTTP(rec, r)
	}
}

func (g *guard) log(r *http.Request, rec *recorder, e *entry, took time.Duration) {
	level := slog.LevelDebug
	if rec.status == http.StatusInternalServerError {
		level = slog.LevelError
	}
	if !g.opts.Log.Enabled(r.Context(), level) {
		return
	}
	attrs := []any{"method", r.Method, "path", r.URL.Path, "status", rec.status, "bytes", rec.bytes, "took", took, "remote", r.RemoteAddr}
	if e.err != nil {
		attrs = append(attrs, "error", e.err)
	}
	g.opts.Log.Log(r.Context(), level, "request", attrs...)
}

// knownHost accepts localhost, the names under it (RFC 6761), loopback addresses, and the configured names, at any port.
// HTTP/1.0 probes send no Host at all; browsers, which DNS rebinding needs, always do.
func (g *guard) knownHost(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
	if host == "" || host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	if ip, err := netip.ParseAddr(host); err == nil && ip.Unmap().IsLoopback() {
		return true
	}
	return slices.ContainsFunc(g.opts.Hosts, func(name string) bool { return strings.EqualFold(name, host) })
}

func setHeaders(h http.Header) {
	h.Set("Content-Security-Policy", PageCSP(""))
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
}

// PageCSP is what a page may do: nothing but what this server sends, and no script or style in the page itself. A nonce
// lets scripts add styles that carry it (CSP level 3, section 2.3.1); empty: none.
func PageCSP(nonce string) string {
	style := "'self'"
	if nonce != "" {
		style += " 'nonce-" + nonce + "'"
	}
	return "default-src 'self'; style-src " + style + "; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
}

// recorder sees what is answered. http.ResponseController reaches the writer below through Unwrap.
type recorder struct {
	http.ResponseWriter
	status int // 0: nothing is out yet
	bytes  int64
}

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 && status >= 200 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(p)
	w.bytes += int64(n)
	return n, err
}

// Unwrap is for http.ResponseController.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }
