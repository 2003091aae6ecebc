package httpstore

import (
	"context"
	"io"
	"net/http"

	"github.com/go-json-experiment/json"

	"stathub/state"
)

func (s *Store) call(ctx context.Context, method, key string, header http.Header, content *source) (*http.Response, error) {
	if err := state.CheckKey(key); err != nil {
		return nil, err
	}
	return s.send(ctx, method, keyPath(key), key, header, content)
}

// send gives the answer if it is a success, and else its error with the gateway's state code.
func (s *Store) send(ctx context.Context, method, path, key string, header http.Header, content *source) (*http.Response, error) {
	limit := answerTimeout
	if header.Get("If-None-Match") != "" { // a watch is answered at once, whatever it prefers
		limit += waitIn(header)
	}
	asked, patience := bePatient(ctx, limit)
	req, err := http.NewRequestWithContext(asked, method, s.base+path, nil)
	if err != nil {
		patience.end()
		return nil, state.Errorf(state.Invalid, key, "cannot make a request: %w", err)
	}
	if s.node != "" {
		req.Header.Set(NodeHeader, s.node)
	}
	if content != nil && content.size > 0 {
		req.Body, req.ContentLength = io.NopCloser(content), content.size
	}
	for name, values := range header {
		req.Header[name] = values
	}
	resp, err := s.client.Do(req)
	patience.answered()
	if err != nil {
		patience.end()
		return nil, state.Errorf(state.Unavailable, key, "cannot reach the master: %w", errorOr(asked, err))
	}
	resp.Body = &ending{resp.Body, patience.end}
	if resp.StatusCode/100 == 2 {
		s.packs.Store(takesGzip(resp.Header))
		return resp, nil
	}
	defer resp.Body.Close()
	code, ok := state.ParseCode(resp.Header.Get(codeHeader))
	switch {
	case ok:
	case resp.StatusCode == http.StatusNotModified && header.Get("If-None-Match") != "":
		// A proxy that asked the gateway on our behalf.
		return nil, state.Errorf(state.NotModified, key, "unchanged")
	default:
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
