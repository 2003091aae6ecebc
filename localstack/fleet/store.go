package fleet

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"time"

	"stathub/agent/artifact"
	"stathub/state"
)

// observed is an agent's way to the bucket; it notes each manifest that arrives, whole, at the agent.
type observed struct {
	state.Store
	key  string
	took func(m *state.Manifest, at time.Time)
}

// Unwrap lets state.CanWait look through.
func (o observed) Unwrap() state.Store { return o.Store }

func (o observed) Get(ctx context.Context, key string, ifNoneMatch state.ETag) (*state.Object, error) {
	got, err := o.Store.Get(ctx, key, ifNoneMatch)
	if err != nil || key != o.key {
		return got, err
	}
	data, err := io.ReadAll(io.LimitReader(got.Body, state.MaxDocument+1))
	got.Body.Close()
	if err != nil {
		data = nil // the agent is to see the failure itself
	} else if m, err := state.Decode[state.Manifest](key, data); err == nil {
		o.took(m, time.Now())
	}
	got.Body = io.NopCloser(io.MultiReader(bytes.NewReader(data), failing{err}))
	return got, nil
}

// failing fails with err, or ends.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	return 0, io.EOF
}

// noArtifacts has none to give: apps of a fleet name no uris.
type noArtifacts struct{}

func (noArtifacts) Fetch(_ context.Context, uri string) (artifact.File, error) {
	return artifact.File{}, state.Errorf(state.Unavailable, "", "%s: simulated agents fetch nothing", uri)
}

func (noArtifacts) Place(context.Context, []artifact.File, string) error { return nil }

func (noArtifacts) Retain([]string) (artifact.Usage, bool) { return artifact.Usage{}, true }

func (noArtifacts) Progress(string) (artifact.Progress, bool) { return artifact.Progress{}, false }

func (noArtifacts) Latest(string) string { return "" }

// port is free, and nobody listens there.
type port int

func (p port) Accept() (net.Conn, error) { return nil, net.ErrClosed }
func (p port) Close() error              { return nil }
func (p port) Addr() net.Addr            { return &net.TCPAddr{Port: int(p)} }

var errNoPorts = errors.New("no free port is left")
