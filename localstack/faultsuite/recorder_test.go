package faultsuite

import (
	"bytes"
	"context"
	"fmt"
	"hash/maphash"
	"io"
	"maps"
	"sync"
	"time"

	"stathub/state"
)

// recorder is the bucket itself, before all faults. It sees each manifest and each report that is written, in order, and
// notes what no law allows.
type recorder struct {
	state.Store

	seed  maphash.Seed
	locks [64]sync.Mutex // by key: the order of notes is that of writes

	mu      sync.Mutex
	nodes   map[string]*seen
	guarded map[string]bool // apps that nobody edits
	wrong   []string
}

// seen is what was seen of a node.
type seen struct {
	term     int64             // the highest of its manifests
	followed int64             // the highest that its reports follow
	entries  map[string]string // what its manifest has of all apps
}

func newRecorder(s state.Store) *recorder {
	return &recorder{Store: s, seed: maphash.MakeSeed(), nodes: map[string]*seen{}, guarded: map[string]bool{}}
}

// guard tells that nobody edits these apps from now on: what manifests have of them is to stay.
func (r *recorder) guard(apps ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, app := range apps {
		r.guarded[app] = true
	}
}

// Put is state.Store's.
func (r *recorder) Put(ctx context.Context, key string, body io.ReadSeeker, cond state.Condition) (state.ETag, error) {
	node, manifest := state.KindManifest.Name(key)
	_, report := state.KindReport.Name(key)
	if !manifest && !report {
		return r.Store.Put(ctx, key, body, cond)
	}
	mu := &r.locks[maphash.String(r.seed, key)%uint64(len(r.locks))]
	mu.Lock()
	defer mu.Unlock()
	data, err := io.ReadAll(body)
	if err != nil {
		return "", err
	}
	etag, err := r.Store.Put(ctx, key, bytes.NewReader(data), cond)
	if err != nil {
		return etag, err
	}
	if manifest {
		r.manifest(node, key, data)
	} else {
		r.report(key, data)
	}
	return etag, nil
}

// Delete is state.Store's.
func (r *recorder) Delete(ctx context.Context, key string, ifMatch state.ETag) error {
	if _, manifest := state.KindManifest.Name(key); manifest {
		r.note("%s was deleted", key)
	}
	return r.Store.Delete(ctx, key, ifMatch)
}

// Close leaves the bucket open.
func (r *recorder) Close() error { return nil }

// Unwrap gives the bucket.
func (r *recorder) Unwrap() state.Store { return r.Store }

func (r *recorder) note(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.wrong) < 20 {
		r.wrong = append(r.wrong, fmt.Sprintf(format, args...))
	}
}

// node gives what was seen of a node. The caller holds mu.
func (r *recorder) node(id string) *seen {
	if r.nodes[id] == nil {
		r.nodes[id] = &seen{entries: map[string]string{}}
	}
	return r.nodes[id]
}

func (r *recorder) manifest(node, key string, data []byte) {
	m, err := state.Decode[state.Manifest](key, data)
	if err != nil {
		r.note("%s was written and cannot be read: %v", key, err)
		return
	}
	r.mu.Lock()
	n := r.node(node)
	term := n.term
	n.term = max(n.term, m.Term)
	before := n.entries
	n.entries = map[string]string{}
	for i := range m.Apps {
		e := &m.Apps[i]
		n.entries[e.App.Name] = fmt.Sprint(e.Instances(), " × ", state.SpecSum(m, e))
	}
	now, guarded := n.entries, maps.Clone(r.guarded)
	r.mu.Unlock()
	if m.Term != 0 && m.Term < term {
		r.note("%s of term %d by %s was written over one of term %d", key, m.Term, m.Writer, term)
	}
	for app, was := range before {
		if guarded[app] && now[app] != was {
			r.note("%s by %s: %s was %q and is %q, and nobody edited it", key, m.Writer, app, was, now[app])
		}
	}
}

func (r *recorder) report(key string, data []byte) {
	report, err := state.Decode[state.Report](key, data)
	if err != nil {
		r.note("%s was written and cannot be read: %v", key, err)
		return
	}
	r.mu.Lock()
	n, term := r.node(report.Node), report.Manifest.Term
	followed := n.followed
	n.followed = max(n.followed, term)
	r.mu.Unlock()
	if term != 0 && term < followed {
		r.note("node %s follows a manifest of term %d after one of term %d", report.Node, term, followed)
	}
}

// watch looks at a bucket that is not written through r, until ctx ends. It may miss revisions.
func (r *recorder) watch(ctx context.Context) {
	known := map[string]state.ETag{}
	for ctx.Err() == nil {
		for _, kind := range []state.Kind{state.KindManifest, state.KindReport} {
			for e, err := range r.Store.List(ctx, kind.Prefix()) {
				if err != nil || known[e.Key] == e.ETag {
					continue
				}
				data, entry, err := state.Read(ctx, r.Store, e.Key, "", state.MaxDocument)
				if err != nil {
					continue
				}
				known[e.Key] = entry.ETag
				if node, ok := state.KindManifest.Name(e.Key); ok {
					r.manifest(node, e.Key, data)
				} else {
					r.report(e.Key, data)
				}
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// findings gives what was noted.
func (r *recorder) findings() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.wrong
}
