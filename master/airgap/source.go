package airgap

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"strings"
	"time"

	"stathub/state"
)

// source is an artifact URI of a manifest (design section 4): of http, https, file, s3, gs, azblob, or bucket.
type source struct {
	uri  string // without fragment
	url  *url.URL
	key  string // of bucket:, and in the bucket of s3, gs and azblob
	name string // of the file
	sum  string // the SHA-256 that it must have, in lower-case hex; empty: any
}

var sumForm = regexp.MustCompile(`^sha256=[0-9A-Fa-f]{64}$`)

// parseSource reads a URI. Errors are code Invalid.
func parseSource(uri string) (source, error) {
	bad := func(why string) (source, error) {
		return source{}, state.Errorf(state.Invalid, "", "artifact URI %q: %s", redact(uri), why)
	}
	base, fragment, pinned := strings.Cut(uri, "#")
	src := source{uri: base}
	if pinned {
		if !sumForm.MatchString(fragment) {
			return bad("after # only sha256= and 64 hex digits may stand")
		}
		src.sum = strings.ToLower(strings.TrimPrefix(fragment, "sha256="))
	}
	u, err := url.Parse(base)
	if err != nil {
		return bad("it cannot be read")
	}
	src.url = u
	escaped := strings.TrimPrefix(u.EscapedPath(), "/")
	switch u.Scheme {
	case "bucket":
		escaped = u.Opaque
		fallthrough
	case "s3", "gs", "azblob":
		if src.key, err = url.PathUnescape(escaped); err != nil || state.CheckKey(src.key) != nil {
			return bad("it names no key of a bucket")
		}
		if u.Scheme == "bucket" && !strings.HasPrefix(src.key, state.KindArtifact.Prefix()) {
			return bad("only what lies under artifacts/ in the bucket is an artifact")
		}
	case "http", "https", "file":
	default:
		return bad("its scheme must be http, https, file, bucket, s3, gs or azblob")
	}
	src.name, err = url.PathUnescape(path.Base(escaped))
	if err != nil || escaped == "" || strings.HasSuffix(escaped, "/") || strings.Contains(src.name, "/") || state.CheckKey(src.name) != nil {
		return bad("it names no file")
	}
	return src, nil
}

// String is the URI without a password.
func (s source) String() string { return s.url.Redacted() }

func redact(uri string) string {
	if u, err := url.Parse(uri); err == nil {
		return u.Redacted()
	}
	scheme, _, _ := strings.Cut(uri, ":")
	return scheme + ":…"
}

// What a source of artifacts may take.
const (
	dialTimeout   = 10 * time.Second
	answerTimeout = 30 * time.Second // to the header of the answer
	fetchTimeout  = 6 * time.Hour    // for the whole of an artifact
)

// opener opens artifacts at their sources.
type opener struct {
	bucket state.Store
	files  []string // folders that file: may name
	client *http.Client
}

func newOpener(bucket state.Store, files []string) *opener {
	return &opener{bucket, files, &http.Client{Transport: &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: dialTimeout}).DialContext,
		TLSHandshakeTimeout:   dialTimeout,
		ResponseHeaderTimeout: answerTimeout,
		DisableCompression:    true, // the bytes as they are: their digest is what counts
	}}}
}

func (o *opener) close() { o.client.CloseIdleConnections() }

// open begins to read an artifact. The caller closes it.
func (o *opener) open(ctx context.Context, src source) (io.ReadCloser, error) {
	body, err := o.openBare(ctx, src)
	if err != nil {
		return nil, fmt.Errorf("cannot fetch %s: %w", src, err)
	}
	return body, nil
}

func (o *opener) openBare(ctx context.Context, src source) (io.ReadCloser, error) {
	switch src.url.Scheme {
	case "bucket":
		return body(o.bucket.Get(ctx, src.key, ""))
	case "s3", "gs", "azblob":
		store, err := state.Open(ctx, (&url.URL{Scheme: src.url.Scheme, User: src.url.User, Host: src.url.Host, RawQuery: src.url.RawQuery}).String())
		if err != nil {
			return nil, err
		}
		opened, err := body(store.Get(ctx, src.key, ""))
		if err != nil {
			_ = store.Close()
			return nil, err
		}
		return &withStore{opened, store}, nil
	case "file":
		return openFile(src.url, o.files)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, src.uri, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept-Encoding", "identity")
	resp, err := o.client.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		_ = resp.Body.Close()
		return nil, state.Errorf(state.Unavailable, "", "the source answered %s", resp.Status)
	}
	return resp.Body, nil
}

func body(o *state.Object, err error) (io.ReadCloser, error) {
	if err != nil {
		return nil, err
	}
	return o.Body, nil
}

// withStore closes the bucket that was opened for one artifact.
type withStore struct {
	io.ReadCloser
	store state.Store
}

func (w *withStore) Close() error {
	defer w.store.Close()
	return w.ReadCloser.Close()
}
