package artifact

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"stathub/state"
)

const (
	userAgent    = "stathub-agent"
	maxRedirects = 5
)

func newClient(opts Options) *http.Client {
	transport := opts.Transport
	if transport == nil {
		transport = &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			DialContext:           (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
			TLSHandshakeTimeout:   10 * time.Second,
			ResponseHeaderTimeout: opts.IdleTimeout,
			IdleConnTimeout:       90 * time.Second,
			MaxIdleConnsPerHost:   2,
			ForceAttemptHTTP2:     true,
			DisableCompression:    true, // an archive is taken as it is, so that its checksum is the one people know
		}
	}
	return &http.Client{Transport: transport, CheckRedirect: func(_ *http.Request, via []*http.Request) error {
		if len(via) > maxRedirects {
			return fmt.Errorf("more than %d redirects", maxRedirects)
		}
		return nil
	}}
}

// openHTTP is a conditional GET (RFC 9110, section 13). Weak ETags do: one that matches means the same artifact.
func (c *Cache) openHTTP(ctx context.Context, src source, known answer) (*body, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, src.url.String(), nil)
	if err != nil {
		return nil, state.Errorf(state.Invalid, "", "cannot fetch %s: %w", src, err)
	}
	req.Header.Set("User-Agent", userAgent)
	req.Header.Set("Accept-Encoding", "identity")
	if known.ETag != "" {
		req.Header.Set("If-None-Match", known.ETag)
	}
	if known.LastModified != "" {
		req.Header.Set("If-Modified-Since", known.LastModified)
	}
	resp, err := c.client.Do(req)
	if err != nil {
		var wrapped *url.Error
		if errors.As(err, &wrapped) {
			err = wrapped.Err // its text repeats the URL
		}
		return nil, state.Errorf(state.Unavailable, "", "cannot fetch %s: %w", src, err)
	}
	if resp.StatusCode == http.StatusOK {
		return &body{
			ReadCloser: resp.Body, size: resp.ContentLength,
			etag: resp.Header.Get("ETag"), lastModified: resp.Header.Get("Last-Modified"),
		}, nil
	}
	_ = resp.Body.Close() // nothing of it is wanted
	if resp.StatusCode == http.StatusNotModified && known.SHA256 != "" {
		return nil, state.Errorf(state.NotModified, "", "unchanged")
	}
	return nil, state.Errorf(statusCode(resp.StatusCode), "", "cannot fetch %s: the source answered %s", src, resp.Status)
}

func statusCode(status int) state.Code {
	switch status {
	case http.StatusNotFound, http.StatusGone:
		return state.NotFound
	case http.StatusUnauthorized, http.StatusForbidden:
		return state.Denied
	}
	return state.Unavailable
}
