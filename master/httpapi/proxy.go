package httpapi

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"path"
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

type (
	targetKey  struct{}
	insteadKey struct{} // what answers when the agent does not, a func(why error) error; may be missing
)

// newProxy makes what passes requests on to agents: to the URL that toAgent put into the context. Whoever writes a report
// names that URL and answers there, so neither side sees more of the other than the call needs: nothing goes out that
// tells of the client's page or session, and what comes back is data, never a page, a redirect or a cookie of this site.
func newProxy() *httputil.ReverseProxy {
	return &httputil.ReverseProxy{
		FlushInterval: -1, // logs are followed live
		Transport: &http.Transport{
			DialContext:           (&net.Dialer{Timeout: dialTimeout}).DialContext,
			TLSHandshakeTimeout:   dialTimeout,
			ResponseHeaderTimeout: answerTimeout,
			IdleConnTimeout:       30 * time.Second,
			MaxIdleConnsPerHost:   2,
			DisableCompression:    true,
		},
		Rewrite: func(p *httputil.ProxyRequest) {
			p.Out.URL, _ = p.In.Context().Value(targetKey{}).(*url.URL)
			p.Out.Host = ""
			p.Out.Header = only(p.Out.Header, "Accept", "Content-Type")
		},
		ModifyResponse: plainData,
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			target, _ := r.Context().Value(targetKey{}).(*url.URL)
			err = state.Errorf(state.Unavailable, "", "cannot get an answer of the node's agent at %s: %w", target.Host, err)
			if instead, ok := r.Context().Value(insteadKey{}).(func(error) error); ok {
				if err = instead(err); err == nil {
					return
				}
			}
			rest.WriteError(w, r, err)
		},
	}
}

func only(h http.Header, names ...string) http.Header {
	kept := http.Header{}
	for _, name := range names {
		if values, ok := h[name]; ok {
			kept[name] = values
		}
	}
	return kept
}

// plainData lets an agent's answer through if it is one that an agent gives.
func plainData(resp *http.Response) error {
	if resp.StatusCode < 200 || resp.StatusCode >= 300 && resp.StatusCode < 400 {
		return fmt.Errorf("it answers with status %d, as no agent does", resp.StatusCode)
	}
	resp.Header = only(resp.Header, "Content-Type", "Content-Length", "Retry-After", rest.LogOffset)
	resp.Header.Set("Cache-Control", "no-store")
	switch media, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); media {
	case "application/json", "application/problem+json", "text/plain":
	default:
		resp.Header.Set("Content-Type", "text/plain; charset=utf-8")
	}
	return nil
}

// toAgent passes a request about a process on to the agent of its node, which serves the same at /v1/proc.
func (a *api) toAgent(what string) rest.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		target, err := a.target(r, what)
		if err != nil {
			return err
		}
		body, err := rest.ReadBody(w, r, rest.MaxEdit)
		if err != nil {
			return err
		}
		a.forward(w, r, target, body)
		return nil
	}
}

// target is where the agent of a node serves what a request about a process asks for. Of the agent's address it uses nothing
// but scheme, host and port.
func (a *api) target(r *http.Request, what string) (*url.URL, error) {
	process, pid, err := rest.Process(r)
	if err != nil {
		return nil, err
	}
	if process == "" {
		process = strconv.Itoa(pid)
	}
	node, err := a.nodeOf(r)
	if err != nil {
		return nil, err
	}
	base, err := agentOf(node.Value)
	if err != nil {
		return nil, err
	}
	base.Path, base.RawQuery = path.Join("/v1/proc", process, what), r.URL.RawQuery
	return base, nil
}

// agentOf gives scheme, host and port of a node's agent; code Unavailable when the node tells none.
func agentOf(n *state.Node) (*url.URL, error) {
	base, err := url.Parse(n.AgentAddress)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		return nil, state.Errorf(state.Unavailable, "", "node %q tells no address at which its agent can be reached (agentAddress is %q)",
			n.ID, n.AgentAddress)
	}
	return &url.URL{Scheme: base.Scheme, Host: base.Host}, nil
}

func (a *api) forward(w http.ResponseWriter, r *http.Request, target *url.URL, body []byte) {
	r = r.WithContext(context.WithValue(r.Context(), targetKey{}, target))
	r.Body, r.ContentLength, r.TransferEncoding = io.NopCloser(bytes.NewReader(body)), int64(len(body)), nil
	// The time limit of the server is for its own answers; a log may be followed for days.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Time{})
	a.proxy.ServeHTTP(w, r)
}
