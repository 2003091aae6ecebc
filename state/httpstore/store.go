package httpstore

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"

	"stathub/state"
)

func init() {
	open := func(_ context.Context, u *url.URL) (state.Store, error) { return Open(u) }
	state.Register("http", open)
	state.Register("https", open)
}

// Store is the bucket behind a master's gateway. It implements state.Store.
type Store struct {
	base   string // URL of the gateway, with Path
	client *http.Client
	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	works  sync.WaitGroup
}

const (
	answerTimeout = 15 * time.Second // to the answer's header
	watchSeconds  = 30
	retryFirst    = time.Second // after a watch that failed; doubles to retryMost
	retryMost     = 15 * time.Second
)

// Open gives the bucket of the master at u, such as http://master:51026. It does not connect yet.
func Open(u *url.URL) (*Store, error) {
	if u.Host == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
		return nil, state.Errorf(state.Invalid, "", "master %q: want http://host:port", u.Redacted())
	}
	transport := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 15 * time.Second}).DialContext,
		ForceAttemptHTTP2:     true,
		TLSHandshakeTimeout:   5 * time.Second,
		ResponseHeaderTimeout: answerTimeout,
		MaxIdleConnsPerHost:   4,
		IdleConnTimeout:       90 * time.Second,
	}
	s := &Store{base: u.Scheme + "://" + u.Host + Path, client: &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s, nil
}

// Get is state.Store's.
func (s *Store) Get(ctx context.Context, key string, ifNoneMatch state.ETag) (*state.Object, error) {
	header := http.Header{}
	if ifNoneMatch != "" {
		header.Set("If-None-Match", quote(ifNoneMatch))
	}
	resp, err := s.call(ctx, http.MethodGet, key, header, nil)
	if err != nil {
		return nil, err
	}
	etag, ok := unquote(resp.Header.Get("ETag"))
	if !ok {
		resp.Body.Close()
		return nil, state.Errorf(state.Unavailable, key, "the answer of %s has no ETag: is that a STAT hub master?", s.base)
	}
	modified, _ := http.ParseTime(resp.Header.Get("Last-Modified"))
	return &state.Object{
		Entry: state.Entry{Key: key, ETag: etag, Size: resp.ContentLength, ModTime: modified},
		Body:  &body{ReadCloser: resp.Body, key: key},
	}, nil
}

// body turns a broken connection into code Unavailable.
type body struct {
	io.ReadCloser
	key string
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = state.Errorf(state.Unavailable, b.key, "the document was cut off: %w", err)
	}
	return n, err
}

// Put is state.Store's.
func (s *Store) Put(ctx context.Context, key string, content io.ReadSeeker, cond state.Condition) (state.ETag, error) {
	header := http.Header{}
	if cond.IfMatch != "" {
		header.Set("If-Match", quote(cond.IfMatch))
	}
	if cond.IfAbsent {
		header.Set("If-None-Match", "*")
	}
	source := &source{ReadSeeker: content}
	resp, err := s.call(ctx, http.MethodPut, key, header, source)
	if failed := source.failure(); failed != nil {
		return "", state.Errorf(state.Internal, key, "cannot read what is to be written: %w", failed)
	}
	if err != nil {
		return "", err
	}
	resp.Body.Close()
	etag, ok := unquote(resp.Header.Get("ETag"))
	if !ok {
		return "", state.Errorf(state.Unavailable, key, "the answer of %s has no ETag: is that a STAT hub master?", s.base)
	}
	return etag, nil
}

// source remembers an error of the caller's reader, which is not the network's fault.
type source struct {
	io.ReadSeeker
	mu  sync.Mutex
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.ReadSeeker.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		s.mu.Lock()
		s.err = err
		s.mu.Unlock()
	}
	return n, err
}

func (s *source) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Delete is state.Store's.
func (s *Store) Delete(ctx context.Context, key string, ifMatch state.ETag) error {
	header := http.Header{}
	if ifMatch != "" {
		header.Set("If-Match", quote(ifMatch))
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
		resp, err := s.send(ctx, http.MethodGet, "?prefix="+url.QueryEscape(prefix), prefix, nil, nil)
		if err != nil {
			yield(state.Entry{}, err)
			return
		}
		defer resp.Body.Close()
		lines := bufio.NewScanner(resp.Body)
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
				yield(state.Entry{}, &state.Error{Code: e.Code, Message: e.Error})
				return
			case !yield(state.Entry{Key: e.Key, ETag: e.ETag, Size: e.Size, ModTime: e.ModTime}, nil):
				return
			}
		}
		yield(state.Entry{}, state.Errorf(state.Unavailable, prefix, "the listing was cut off: %w", errorOr(ctx, lines.Err())))
	}
}

// Watch is state.Store's: an answer of the gateway that goes on, with a line at each hint.
func (s *Store) Watch(ctx context.Context, prefix string) <-chan struct{} {
	w := &watcher{store: s, prefix: prefix, hints: make(chan struct{}, 1), began: make(chan struct{})}
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(s.ctx, cancel)
	s.works.Go(func() {
		defer close(w.hints)
		defer stop()
		defer cancel()
		w.run(ctx)
	})
	// "From now on" holds once the gateway watches; a gateway that is away holds nobody up for long.
	select {
	case <-w.began:
	case <-ctx.Done():
	case <-time.After(time.Second):
	}
	return w.hints
}

type watcher struct {
	store  *Store
	prefix string
	hints  chan struct{}
	began  chan struct{} // closed when the gateway watches for the first time
}

func (w *watcher) run(ctx context.Context) {
	first := true
	began := func() {
		if first {
			close(w.began)
		} else {
			w.hint() // who knows what changed between the last answer and this one
		}
		first = false
	}
	for wait := retryFirst; ctx.Err() == nil; {
		if err := w.once(ctx, began); err == nil {
			wait = retryFirst
			continue
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
		wait = min(2*wait, retryMost)
	}
}

func (w *watcher) once(ctx context.Context, began func()) error {
	header := http.Header{"Prefer": {fmt.Sprintf("wait=%d", watchSeconds)}}
	resp, err := w.store.send(ctx, http.MethodGet, "?watch="+url.QueryEscape(w.prefix), w.prefix, header, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	if lines.Scan() {
		began()
	}
	for lines.Scan() {
		w.hint()
	}
	return lines.Err()
}

func (w *watcher) hint() {
	select {
	case w.hints <- struct{}{}:
	default:
	}
}

// Close is state.Store's.
func (s *Store) Close() error {
	s.cancel()
	s.works.Wait()
	s.client.CloseIdleConnections()
	return nil
}

func (s *Store) call(ctx context.Context, method, key string, header http.Header, content io.Reader) (*http.Response, error) {
	if err := state.CheckKey(key); err != nil {
		return nil, err
	}
	return s.send(ctx, method, keyPath(key), key, header, content)
}

// send gives the answer if it is a success, and else its error with the gateway's state code.
func (s *Store) send(ctx context.Context, method, path, key string, header http.Header, content io.Reader) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, s.base+path, content)
	if err != nil {
		return nil, state.Errorf(state.Invalid, key, "cannot make a request: %w", err)
	}
	for name, values := range header {
		req.Header[name] = values
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, state.Errorf(state.Unavailable, key, "cannot reach the master: %w", errorOr(ctx, err))
	}
	if resp.StatusCode/100 == 2 {
		return resp, nil
	}
	defer resp.Body.Close()
	code := state.Code(resp.Header.Get(codeHeader))
	if _, ok := statuses[code]; !ok {
		// Not the gateway's own answer: a proxy's, or another server's.
		return nil, state.Errorf(state.Unavailable, key, "%s answers %s: is that a STAT hub master?", s.base, resp.Status)
	}
	var p problem
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	json.Unmarshal(text, &p)
	return nil, &state.Error{Code: code, Message: p.Detail}
}

// errorOr prefers the reason that the caller gave for ending ctx.
func errorOr(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	if err == nil {
		return io.ErrUnexpectedEOF
	}
	return err
}
