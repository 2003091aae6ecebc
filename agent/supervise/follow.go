package supervise

import (
	"context"
	"time"

	"stathub/agent/events"
	"stathub/state"
	"stathub/state/signature"
)

// mark is a place in the sequence of a node's manifests.
type mark struct {
	Term       int64 `json:"term,omitzero"`
	Generation int64 `json:"generation,omitzero"`
}

func markOf(m *state.Manifest) mark { return mark{m.Term, m.Generation} }

func (m mark) before(other mark) bool {
	return m.Term < other.Term || m.Term == other.Term && m.Generation < other.Generation
}

func later(a, b mark) mark {
	if a.before(b) {
		return b
	}
	return a
}

// take judges a revision that was not seen before, whose reading began at some time.
func (p *poller) take(ctx context.Context, data []byte, etag state.ETag, began time.Duration, err error) outcome {
	var sig []byte
	if p.s.opts.Trust != nil && err == nil {
		var o outcome
		if sig, o, err = p.verified(ctx, data, etag); o != renewed {
			return o
		}
	} else {
		p.bad = doubt{} // it was about another revision
	}
	p.seen, p.changed = etag, time.Now()
	var m *state.Manifest
	if err == nil {
		m, err = state.Decode[state.Manifest](p.key, data)
	}
	if err == nil {
		err = p.acceptable(m)
	}
	if err != nil {
		p.report(err)
		return renewed
	}
	p.follow(m, data, sig, etag, began)
	return renewed
}

// follow has the manifest be what holds from now on.
func (p *poller) follow(m *state.Manifest, data, sig []byte, etag state.ETag, began time.Duration) {
	again := p.manifest != nil && p.good.ETag == etag // it was missing in between
	p.good = statusOf(m, etag, sig)
	p.last = later(p.last, markOf(m))
	p.once.clear("manifest")
	d, status := compile(p.s.opts.Node, m), p.good
	p.s.log.Info("following a new manifest", "generation", m.Generation, "instances", len(d.IDs))
	unread := p.s.misspelt(data, m)
	if !again {
		p.s.tell(events.ManifestFollowed, nil, followed(m, len(d.IDs)))
	}
	p.s.post(func() {
		p.s.trouble("misspelt", unread...)
		p.s.follow(d, status)
		p.s.manifestRead(began)
	})
	p.manifest, p.pruneAt = m, time.Time{}
	if p.s.opts.Trust != nil {
		p.raw, p.sig = data, sig
	}
	p.save(data)
}

func statusOf(m *state.Manifest, etag state.ETag, sig []byte) state.ManifestStatus {
	return state.ManifestStatus{Generation: m.Generation, Term: m.Term, ETag: etag, SignedBy: signature.KeyID(sig)}
}

// acceptable refuses what can be read but is no instruction.
func (p *poller) acceptable(m *state.Manifest) error {
	if m.Term > 0 && m.Term < p.last.Term {
		return state.Errorf(state.Stale, p.key, "refused: it is of term %d, and one of term %d was followed before: an old master wrote it", m.Term, p.last.Term)
	}
	if p.s.opts.Trust != nil && markOf(m).before(p.last) {
		return state.Errorf(state.Stale, p.key, "refused: it is of term %d and generation %d, and one of term %d and generation %d was followed before: somebody plays an old manifest back; to sign one anew give it a higher generation",
			m.Term, m.Generation, p.last.Term, p.last.Generation)
	}
	if m.Apps == nil {
		return state.Errorf(state.Nonsense, p.key, `refused: it has no list "apps"; to stop everything write "apps": []`)
	}
	return nil
}

// report tells what is wrong with the manifest in the bucket; nil is nothing.
func (p *poller) report(err error) {
	status := p.good
	if err != nil {
		status.Error = err.Error()
		if p.once.warn("manifest", "the manifest cannot be followed; going on with the last good one", err) {
			p.s.tell(events.ManifestRejected, nil, "the manifest cannot be followed; going on with the last good one: "+err.Error())
		}
	} else {
		p.once.clear("manifest")
	}
	p.s.post(func() {
		if p.s.status.Error != status.Error {
			p.s.status = status
			p.s.changed()
		}
	})
}
