package artifact

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
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

// openHTTP is a conditional GET (RFC 9110, section 13). Weak ETags do: one that matches means the same artifact. With a
// part of the content at hand it asks for the rest, on condition that the source still has that revision (If-Range).
func (c *Cache) openHTTP(ctx context.Context, src source, known answer, have part) (*body, error) {
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
	if have.Bytes > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", have.Bytes))
		req.Header.Set("If-Range", cmp.Or(have.ETag, have.LastModified))
	}
	resp, err := c.client.Do(req)
	if err != nil {
		var wrapped *url.Error
		if errors.As(err, &wrapped) {
			err = wrapped.Err // its text repeats the URL
		}
		return nil, state.Errorf(state.Unavailable, "", "cannot fetch %s: %w", src, err)
	}
	switch {
	case resp.StatusCode == http.StatusOK:
		etag, date := validators(resp.Header)
		return &body{
			ReadCloser: resp.Body, size: resp.ContentLength,
			etag: resp.Header.Get("ETag"), lastModified: settled(resp.Header),
			ranges: (etag != "" || date != "") && resp.Header.Get("Accept-Ranges") != "none",
		}, nil
	case resp.StatusCode == http.StatusPartialContent && have.Bytes > 0:
		return restOf(src, resp, have)
	}
	_ = resp.Body.Close() // nothing of it is wanted
	switch {
	case resp.StatusCode == http.StatusNotModified && known.SHA256 != "":
		return nil, state.Errorf(state.NotModified, "", "unchanged")
	case resp.StatusCode == http.StatusRequestedRangeNotSatisfiable && have.Bytes > 0:
		return nil, errNotTheRest
	}
	return nil, state.Errorf(statusCode(resp.StatusCode), "", "cannot fetch %s: the source answered %s", src, resp.Status)
}

// errNotTheRest says that the source has something else than the rest of what is there.
var errNotTheRest = errors.New("the source does not go on with what it sent before")

// restOf takes the rest of a content (RFC 9110, section 15.3.7).
func restOf(src source, resp *http.Response, have part) (*body, error) {
	var first, last, size int64
	_, err := fmt.Sscanf(resp.Header.Get("Content-Range"), "bytes %d-%d/%d", &first, &last, &size)
	etag := resp.Header.Get("ETag")
	if err != nil || first != have.Bytes || have.Size >= 0 && size != have.Size || etag != "" && have.ETag != "" && etag != have.ETag {
		_ = resp.Body.Close()
		return nil, errNotTheRest
	}
	return &body{ReadCloser: resp.Body, offset: first, size: size, etag: have.ETag, lastModified: have.LastModified, ranges: true}, nil
}

// settled gives the Last-Modified, unless the content may have changed once more within that second: the source would not
// tell.
func settled(h http.Header) string {
	date := h.Get("Last-Modified")
	modified, err := http.ParseTime(date)
	answered, err2 := http.ParseTime(h.Get("Date"))
	if err == nil && err2 == nil && answered.Sub(modified) < racy {
		return ""
	}
	return date
}

// clockDoubt is how much older than the answer a Last-Modified must be before it tells two revisions apart.
const clockDoubt = time.Minute

// validators gives what identifies this very revision, byte for byte (RFC 9110, section 8.8): a strong ETag, or a date
// that no later change can share.
func validators(h http.Header) (etag, date string) {
	if etag = h.Get("ETag"); strings.HasPrefix(etag, "W/") {
		return "", ""
	}
	modified, err := http.ParseTime(h.Get("Last-Modified"))
	answered, err2 := http.ParseTime(h.Get("Date"))
	if err == nil && err2 == nil && answered.Sub(modified) >= clockDoubt {
		date = h.Get("Last-Modified")
	}
	return etag, date
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
