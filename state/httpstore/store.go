package httpstore

import (
	"bufio"
	"context"
	"errors"
	"io"
	"iter"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json"

	"stathub/state"
)

func init() {
	open := func(_ context.Context, u *url.URL) (state.Store, error) { return Open(u) }
	state.Register("http", open)
	state.Register("https", open)
}

// Store is the bucket behind a master's gateway. It implements state.Store, and heeds state.WithWait.
type Store struct {
	base   string // URL of the gateway, with Path
	node   string // for which it asks; empty: it does not say
	client *http.Client
	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	works  sync.WaitGroup
	packs  atomic.Bool // the gateway takes bodies as gzip
}

const (
	answerTimeout = 15 * time.Second // to the answer's header
	retryFirst    = time.Second      // after a watch that failed or ended at once; doubles to retryMost
	retryMost     = 15 * time.Second
)

// Open gives the bucket of the master at u, such as http://master:51026. It does not connect yet.
func Open(u *url.URL) (*Store, error) { return OpenFor(u, "") }

// OpenFor is Open for the agent of a node, which may do only what NodeAccess allows. An empty node is nobody in particular.
func OpenFor(u *url.URL, node string) (*Store, error) {
	if node != "" {
		if err := state.CheckName(node); err != nil {
			return nil, err
		}
	}
	if u.Host == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
		return nil, state.Errorf(state.Invalid, "", "master %q: want http://host:port", u.Redacted())
	}
	transport := &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 15 * time.Second}).DialContext,
		ForceAttemptHTTP2:   true,
		TLSHandshakeTimeout: 5 * time.Second,
		MaxIdleConnsPerHost: 4,
		IdleConnTimeout:     90 * time.Second,
		// A proxy that compresses would hide the size of a document.
		DisableCompression: true,
		// Else a connection whose other end vanished is used until the system gives it up, a quarter of an hour later.
		HTTP2: &http.HTTP2Config{SendPingTimeout: answerTimeout, PingTimeout: answerTimeout},
	}
	s := &Store{base: u.Scheme + "://" + u.Host + Path, node: node, client: &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s, nil
}

// CanWait tells state.CanWait that a Get may wait for a change.
func (s *Store) CanWait() bool { return true }

// Get is state.Store's. With state.WithWait and an ETag it waits for a change, for at most a minute.
func (s *Store) Get(ctx context.Context, key string, ifNoneMatch state.ETag) (*state.Object, error) {
	header := http.Header{"Accept-Encoding": {gzipName}}
	if ifNoneMatch != "" {
		header.Set("If-None-Match", ifNoneMatch.Header())
		if wait := state.WaitOf(ctx); wait > 0 {
			header.Set("Prefer", preferWait(wait))
		}
	}
	resp, err := s.call(ctx, http.MethodGet, key, header, nil)
	if err != nil {
		return nil, err
	}
	etag, err := s.etagOf(resp, key)
	if err != nil {
		resp.Body.Close()
		return nil, err
	}
	size, err := strconv.ParseInt(resp.Header.Get(sizeHeader), 10, 64)
	if coding := resp.Header.Get("Content-Encoding"); err != nil && coding == "" {
		size = resp.ContentLength
	} else if err != nil {
		size = -1
	}
	if size < 0 {
		resp.Body.Close()
		return nil, state.Errorf(state.Unavailable, key, "the answer of %s does not tell the size of the document: is a proxy in between?", s.base)
	}
	content, err := s.unpack(resp, key)
	if err != nil {
		return nil, err
	}
	modified, _ := http.ParseTime(resp.Header.Get("Last-Modified"))
	return &state.Object{
		Entry: state.Entry{Key: key, ETag: etag, Size: size, ModTime: modified},
		Body:  &body{ReadCloser: content, key: key, left: size},
	}, nil
}

// unpack gives the body of an answer as it was before somebody packed it.
func (s *Store) unpack(resp *http.Response, key string) (io.ReadCloser, error) {
	body, err := unpack(resp.Header.Get("Content-Encoding"), resp.Body)
	if err != nil {
		resp.Body.Close()
		return nil, state.Errorf(state.Unavailable, key, "cannot read the answer of %s: %w", s.base, err)
	}
	return body, nil
}

// etagOf gives the revision that an answer tells of. Without one it is not the gateway's.
func (s *Store) etagOf(resp *http.Response, key string) (state.ETag, error) {
	etag, err := state.ParseETag(resp.Header.Get("ETag"))
	if err != nil {
		return "", state.Errorf(state.Unavailable, key, "the answer of %s has no ETag: is that a STAT hub master?", s.base)
	}
	return etag, nil
}

// body turns a document that comes with less or more than its size, or not at all, into code Unavailable.
type body struct {
	io.ReadCloser
	key  string
	left int64 // bytes to come
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.left -= int64(n)
	switch {
	case b.left < 0:
		return 0, state.Errorf(state.Unavailable, b.key, "the document is longer than was said: a proxy changed it on the way")
	case errors.Is(err, io.EOF) && b.left > 0:
		err = io.ErrUnexpectedEOF
	}
	if err != nil && !errors.Is(err, io.EOF) {
		err = state.Errorf(state.Unavailable, b.key, "the document was cut off: %w", err)
	}
	return n, err
}

// Put is state.Store's.
func (s *Store) Put(ctx context.Context, key string, content io.ReadSeeker, cond state.Condition) (state.ETag, error) {
	header := http.Header{}
	if cond.IfMatch != "" {
		header.Set("If-Match", cond.IfMatch.Header())
	}
	if cond.IfAbsent {
		header.Set("If-None-Match", "*")
	}
	from, err := newSource(content)
	if err != nil {
		return "", state.Errorf(state.Internal, key, "cannot measure what is to be written: %w", err)
	}
	sent := from
	if s.packs.Load() && packable(key, from.size) {
		if sent, err = packedSource(from); err != nil {
			return "", state.Errorf(state.Internal, key, "cannot read what is to be written: %w", err)
		}
		header.Set("Content-Encoding", gzipName)
	}
	resp, err := s.call(ctx, http.MethodPut, key, header, sent)
	if failed := sent.stop(); failed != nil {
		return "", state.Errorf(state.Internal, key, "cannot read what is to be written: %w", failed)
	}
	if err != nil {
		return "", err
	}
	resp.Body.Close()
	return s.etagOf(resp, key)
}

// Delete is state.Store's.
func (s *Store) Delete(ctx context.Context, key string, ifMatch state.ETag) error {
	header := http.Header{}
	if ifMatch != "" {
		header.Set("If-Match", ifMatch.Header())
	}
	resp, err := s.call(ctx, http.MethodDelete, key, header, nil)
	if err == nil {
		resp.Body.Close()
	}
	return err
}

// List is state.Store's.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[state.Entry, error] {
	return func(yield func(state.Entry, error) bool) {
		header := http.Header{"Accept-Encoding": {gzipName}}
		resp, err := s.send(ctx, http.MethodGet, "?prefix="+url.QueryEscape(prefix), prefix, header, nil)
		if err != nil {
			yield(state.Entry{}, err)
			return
		}
		listing, err := s.unpack(resp, prefix)
		if err != nil {
			yield(state.Entry{}, err)
			return
		}
		defer listing.Close()
		lines := bufio.NewScanner(listing)
		for lines.Scan() {
			var e entry
			if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
				yield(state.Entry{}, state.Errorf(state.Unavailable, prefix, "cannot read the listing of %s: %w", s.base, err))
				return
			}
			switch {
			case e.End:
				return
			case e.Error != "":
				code, ok := state.ParseCode(string(e.Code))
				if !ok {
					code = state.Unavailable // of a newer master: a failure all the same
				}
				yield(state.Entry{}, &state.Error{Code: code, Message: e.Error})
				return
			case !yield(state.Entry{Key: e.Key, ETag: e.ETag, Size: e.Size, ModTime: e.ModTime}, nil):
				return
			}
		}
		yield(state.Entry{}, state.Errorf(state.Unavailable, prefix, "the listing was cut off: %w", errorOr(ctx, lines.Err())))
	}
}

// Close is state.Store's.
func (s *Store) Close() error {
	s.cancel()
	s.works.Wait()
	s.client.CloseIdleConnections()
	return nil
}
