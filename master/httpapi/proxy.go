package httpapi

import (
	"context"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"time"

	"stathub/state"
	"stathub/web/rest"
)

// Limits of a call to an agent. A stream that has begun may go on as long as its client listens.
const (
	dialTimeout   = 3 * time.Second
	answerTimeout = 15 * time.Second
)

type targetKey struct{}

// newProxy makes what passes requests on to agents: to the URL that toAgent put into the context, without anything that
// tells of the client's page or session.
func newProxy() *httputil.ReverseProxy {
	return &httputil.ReverseProxy{
		FlushInterval: -1, // logs are followed live
		Transport: &http.Transport{
			DialContext:           (&net.Dialer{Timeout: dialTimeout}).DialContext,
			TLSHandshakeTimeout:   dialTimeout,
			ResponseHeaderTimeout: answerTimeout,
			IdleConnTimeout:       30 * time.Second,
			MaxIdleConnsPerHost:   2,
		},
		Rewrite: func(p *httputil.ProxyRequest) {
			p.Out.URL, _ = p.In.Context().Value(targetKey{}).(*url.URL)
			p.Out.Host = ""
			for _, name := range []string{"Origin", "Referer", "Cookie", "Authorization", "Sec-Fetch-Site", "Sec-Fetch-Mode", "Sec-Fetch-Dest"} {
				p.Out.Header.Del(name)
			}
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			target, _ := r.Context().Value(targetKey{}).(*url.URL)
			rest.WriteError(w, r, state.Errorf(state.Unavailable, "", "cannot reach the node's agent at %s: %w", target.Host, err))
		},
	}
}

// toAgent passes a request about a process on to the agent of its node, which serves the same at /v1/proc.
func (a *api) toAgent(what string) rest.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		pid, err := pidOf(r)
		if err != nil {
			return err
		}
		node, err := a.nodeOf(r)
		if err != nil {
			return err
		}
		base, err := url.Parse(node.Value.AgentAddress)
		if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
			return state.Errorf(state.Unavailable, "", "node %q tells no address at which its agent can be reached (agentAddress is %q)",
				node.Value.ID, node.Value.AgentAddress)
		}
		if base.Path == "" {
			base.Path = "/" // else JoinPath makes a relative one
		}
		target := base.JoinPath("v1", "proc", strconv.Itoa(pid), what)
		target.RawQuery = r.URL.RawQuery
		r.Body = http.MaxBytesReader(w, r.Body, maxDocument)
		// The time limit of the server is for its own answers; a log may be followed for days.
		_ = http.NewResponseController(w).SetWriteDeadline(time.Time{})
		a.proxy.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), targetKey{}, target)))
		return nil
	}
}
