package agent

import (
	"errors"
	"log/slog"
	"net/http"
	"path/filepath"
	"time"

	"stathub/agent/console"
	"stathub/agent/httpapi"
	"stathub/agent/standalone"
	"stathub/agent/supervise"
	"stathub/state"
	"stathub/web/rest"
)

// handler serves the page and the API. loopback says that the server is reached from this machine only; streams end when
// stop is closed.
func handler(o Options, p parts, loopback bool, stop <-chan struct{}, log *slog.Logger) http.Handler {
	sv, store, stores := p.sv, p.store, p.stores
	told := gauges{started: time.Now(), sv: sv, stores: stores}
	opts := httpapi.Options{
		Metrics: told.write,
		Secure:  rest.SecureOptions{Log: log, Loopback: loopback},
		Master:  o.master(),
		Ready:   func() error { return ready(sv) },
		Stop:    stop,
		Stats:   p.stats,
	}
	if o.Standalone() {
		opts.Editor = standalone.New(store, o.NodeID, sv)
	}
	page := console.Handler(console.Options{
		Supervisor: sv, Editor: opts.Editor, Node: o.NodeID, Master: opts.Master, Manifest: o.manifestPlace(), Stores: stores.States,
		Measured: p.stats != nil, Live: p.live, Stop: stop,
	})
	return httpapi.Handler(sv, page, opts)
}

// manifestPlace tells people where the node's manifest is: a file, or a key of the bucket.
func (o *Options) manifestPlace() string {
	key := state.KindManifest.Key(o.NodeID)
	if o.Standalone() {
		return filepath.Join(o.StoreDirectory, "state", filepath.FromSlash(key))
	}
	return key
}

// ready says why the agent cannot work: it has never had a manifest, and the one in the bucket is no good. To have none
// yet is not a fault of the agent's.
func ready(sv *supervise.Supervisor) error {
	m, status := sv.Manifest()
	if m == nil && status.Error != "" {
		return state.Errorf(state.Unavailable, "", "%w", errors.New(status.Error))
	}
	return nil
}
