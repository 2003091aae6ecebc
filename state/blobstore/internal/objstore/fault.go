package objstore

import (
	"context"
	"errors"
	"net"
	"net/http"

	"stathub/state"
)

// Fault is what a driver knows of a provider's error.
type Fault struct {
	Status      int  // HTTP status of the answer; 0 when there was none
	NoObject    bool // the store itself says that there is no such object; a bare 404 may be any web server's
	NoBucket    bool // the bucket itself is missing
	Credentials bool // no usable credentials: not found, malformed, expired
}

// fail turns a driver's error into a *state.Error. missed is the code of a missing object for Get and Delete, and
// of a failed condition for Put, where a missing object fails an if-match.
func (s *Store) fail(ctx context.Context, verb, key string, missed state.Code, err error) error {
	f := s.driver.Fault(err)
	if ctx.Err() != nil && f.Status == 0 {
		return state.Errorf(state.Unavailable, key, "cannot %s in %s: %w: %w", verb, s.name, context.Cause(ctx), err)
	}
	switch {
	case f.NoBucket:
		return state.Errorf(state.Unavailable, key, "cannot %s: the bucket %s does not exist; create it: %w", verb, s.name, err)
	case f.Credentials, f.Status == http.StatusUnauthorized, f.Status == http.StatusForbidden:
		return state.Errorf(state.Denied, key, "cannot %s in %s: the store refuses the credentials (%s): %w", verb, s.name, s.hint, err)
	}
	if f.NoObject && missed != state.Exists {
		return state.Errorf(missed, key, "cannot %s in %s: %w", verb, s.name, err)
	}
	return state.Errorf(statusCode(f.Status, verb, missed), key, "cannot %s in %s: %w", verb, s.name, err)
}

func statusCode(status int, verb string, missed state.Code) state.Code {
	switch status {
	case http.StatusNotModified:
		return state.NotModified
	case http.StatusPreconditionFailed, http.StatusConflict:
		// 409 is S3's answer when two conditional requests on one key meet, and Azure's for one that exists.
		switch {
		case verb == "delete":
			return state.Stale
		case missed == state.NotFound: // a read, which has no such condition
			return state.Unavailable
		}
		return missed
	case http.StatusRequestEntityTooLarge:
		return state.TooLarge
	case http.StatusNotImplemented:
		return state.Unsupported
	case http.StatusBadRequest, http.StatusMethodNotAllowed:
		return state.Internal
	}
	return state.Unavailable // no answer, 5xx, throttling, a redirect to another region
}

// NotApplied reports whether a failed request surely changed nothing, so that a conditional write may be sent again: the
// server turned it away, or was never reached.
func NotApplied(status int, err error) bool {
	if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
		return true
	}
	var op *net.OpError
	return status == 0 && errors.As(err, &op) && op.Op == "dial"
}
