package scheduler

import "stathub/state"

// generation is that of the next manifest of a node: more than the present one has, and more than the one that the node
// followed, which the bucket may have lost.
func (h *host) generation() int64 {
	n := int64(0)
	if h.manifest != nil {
		n = h.manifest.Generation
	}
	if h.report != nil {
		n = max(n, h.report.Manifest.Generation)
	}
	return min(n+1, state.MaxSequence) // no agent refuses an equal one
}

// outrun reports whether the node followed a manifest of a higher term than the present one, or of a higher generation in
// that term: the bucket was replaced by an old copy. The node may refuse what the bucket has now, so it is written again,
// by a master whose term the node accepts. A person's manifest, which has no term, is never refused.
func (p *planner) outrun(h *host) bool {
	if h.manifest == nil || h.report == nil || h.manifest.Term == 0 {
		return false
	}
	followed, now := &h.report.Manifest, h.manifest
	return followed.Term <= p.in.Term &&
		(followed.Term > now.Term || followed.Term == now.Term && followed.Generation > now.Generation)
}

// number gives a manifest what tells it from those before.
func (p *planner) number(h *host, m *state.Manifest) {
	m.Generation, m.Term, m.Writer = h.generation(), p.in.Term, p.in.Writer
}
