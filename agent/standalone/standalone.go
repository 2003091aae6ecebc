// Package standalone edits the documents of a node that has no master: its manifest, and its tags. Its edits and those
// that people make in the files mix: every write is conditional on what was read (law 2), and what cannot be read is never
// written over.
package standalone

import (
	"context"
	"time"

	"stathub/state"
)

// Supervisor is what an Editor must know of the running agent.
type Supervisor interface {
	// Manifest is the last good one, nil when there never was any; it is not changed here.
	Manifest() (*state.Manifest, state.ManifestStatus)
	// Report is the node as it is now.
	Report() state.Report
}

// Editor edits the documents of one node. It is safe for concurrent use, also with other editors of the same store.
type Editor struct {
	store state.Store
	node  string
	key   string // of the manifest
	sv    Supervisor
}

// New makes an Editor of the node's documents in store.
func New(store state.Store, node string, sv Supervisor) *Editor {
	return &Editor{store: store, node: node, key: state.KindManifest.Key(node), sv: sv}
}

// callTimeout bounds one read or edit, waiting for other writers included.
const callTimeout = 10 * time.Second

// Manifest gives the manifest as it lies in the store, with its revision. One that is missing, or cannot be read or
// followed, is no instruction: then it is the last good one, with no revision, and unread says what is wrong. Without any
// it is nil.
func (e *Editor) Manifest(ctx context.Context) (m *state.Manifest, etag state.ETag, unread error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	data, entry, err := state.Read(ctx, e.store, e.key, "", state.MaxDocument)
	if err == nil {
		m, err = e.decode(data)
	}
	if err == nil {
		return m, entry.ETag, nil
	}
	if state.CodeOf(err) == state.NotFound {
		err = nil
	}
	return e.lastGood(), "", err
}

// Newest reports whether a revision is the manifest that lies in the store now.
func (e *Editor) Newest(ctx context.Context, revision state.ETag) bool {
	if revision == "" {
		return false
	}
	o, err := e.store.Get(ctx, e.key, revision)
	if err == nil {
		_ = o.Body.Close() // nothing was read
	}
	return state.CodeOf(err) == state.NotModified
}

// lastGood gives a copy of the manifest that is followed, or nil.
func (e *Editor) lastGood() *state.Manifest {
	m, _ := e.sv.Manifest()
	if m == nil {
		return nil
	}
	own, err := state.Decode[state.Manifest](e.key, state.Encode(m))
	if err != nil {
		return nil // it was decoded before
	}
	return own
}

// decode reads a manifest that can be worked on. What the agent would refuse to follow must not be made acceptable by an
// edit: its missing entries would stop what runs.
func (e *Editor) decode(data []byte) (*state.Manifest, error) {
	m, err := state.Decode[state.Manifest](e.key, data)
	if err != nil {
		return nil, err
	}
	if followed, _ := e.sv.Manifest(); followed != nil && m.Term > 0 && m.Term < followed.Term {
		return nil, state.Errorf(state.Nonsense, "", "it is of term %d, and one of term %d is followed: an old master wrote it", m.Term, followed.Term)
	}
	if m.Apps == nil {
		return nil, state.Errorf(state.Nonsense, "", `it has no list "apps"`)
	}
	return m, nil
}

// edit is read, change, write of the manifest. Where it is missing, the base of an edit is the last good one: its apps run
// on, and a new manifest without them would stop them. One that cannot be read is code Nonsense, with the place.
func (e *Editor) edit(ctx context.Context, change func(m *state.Manifest) error) (m *state.Manifest, etag state.ETag, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	_, etag, err = state.Update(ctx, e.store, e.key, func(old []byte) ([]byte, error) {
		if m, err = e.base(old); err != nil {
			return nil, err
		}
		if err := change(m); err != nil {
			return nil, err
		}
		if err := state.Check(e.key, m); err != nil {
			return nil, err
		}
		if dry(ctx) {
			return nil, state.ErrNoChange
		}
		return state.Encode(m), nil
	})
	if err != nil {
		return nil, "", err
	}
	return m, etag, nil
}

func (e *Editor) base(old []byte) (*state.Manifest, error) {
	if old == nil {
		if m := e.lastGood(); m != nil {
			return m, nil
		}
		return &state.Manifest{Node: e.node}, nil
	}
	m, err := e.decode(old)
	if err != nil {
		return nil, state.Unreadable(e.key, "mend the file, then try again", err)
	}
	return m, nil
}

// PutManifest replaces the whole manifest. make gets the stored one, nil where there is none. One that cannot be read is
// replaced only by somebody who names its revision; to others it is code Nonsense.
func (e *Editor) PutManifest(ctx context.Context, cond state.Condition,
	make func(old *state.Manifest) (*state.Manifest, error)) (m *state.Manifest, etag state.ETag, created bool, err error) {
	if cond == (state.Condition{}) {
		_, known, _ := e.Manifest(ctx)
		m, etag, err = e.edit(ctx, func(old *state.Manifest) error {
			next, err := e.made(make(old))
			if err == nil {
				*old = *next
			}
			return err
		})
		return m, etag, known == "", err
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	var old *state.Manifest
	if cond.IfMatch != "" {
		data, entry, err := state.Read(ctx, e.store, e.key, "", state.MaxDocument)
		switch code := state.CodeOf(err); {
		case code == state.NotFound || err == nil && entry.ETag != cond.IfMatch:
			return nil, "", false, state.Errorf(state.Stale, e.key, "the manifest changed since it was read: read it again")
		case err == nil:
			old, _ = e.decode(data) // its reader has seen what is wrong with it
		case code != state.TooLarge:
			return nil, "", false, err
		}
	}
	if m, err = e.made(make(old)); err != nil {
		return nil, "", false, err
	}
	if dry(ctx) {
		_, entry, err := state.Read(ctx, e.store, e.key, "", state.MaxDocument)
		if cond.IfAbsent && err == nil {
			return nil, "", false, state.Errorf(state.Exists, e.key, "there is a manifest already")
		}
		return m, entry.ETag, cond.IfAbsent, nil
	}
	etag, err = state.Write(ctx, e.store, e.key, state.Encode(m), cond)
	return m, etag, cond.IfAbsent, err
}

// made lets through what the agent is going to follow.
func (e *Editor) made(m *state.Manifest, err error) (*state.Manifest, error) {
	if err != nil {
		return nil, err
	}
	return e.decode(state.Encode(m))
}

// checkPart says whether a part of a document may be written under a condition that speaks of that part alone: current is
// its revision, "" when there is none. It fails with code Exists or Stale.
func checkPart(cond state.Condition, what string, current state.ETag) error {
	switch {
	case cond.IfAbsent && current != "":
		return state.Errorf(state.Exists, "", "there is %s already", what)
	case cond.IfMatch != "" && cond.IfMatch != current:
		return state.Errorf(state.Stale, "", "%s changed since it was read: read it again", what)
	}
	return nil
}
