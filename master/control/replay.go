package control

import (
	"cmp"
	"context"

	"github.com/go-json-experiment/json"

	"stathub/state"
)

// place is where a manifest stands among those of its node. A signature says nothing about that: an old manifest still
// fits its own, and with it would come back whatever a person had in it then.
type place struct {
	Term       int64 `json:"term"`
	Generation int64 `json:"generation"`
}

// placeOf gives the place of a manifest; the zero place of bytes that are none.
func placeOf(data []byte) place {
	var p place
	if json.Unmarshal(data, &p) != nil {
		return place{}
	}
	return p
}

// after refuses, with code Stale, a manifest from before the last one. One without a term is a person's, who need not
// know where masters are; an agent that is to trust signatures takes it from the master, numbered.
func (p place) after(key string, last place) error {
	if p.Term == 0 || cmp.Or(cmp.Compare(p.Term, last.Term), cmp.Compare(p.Generation, last.Generation)) >= 0 {
		return nil
	}
	return state.Errorf(state.Stale, key, "it is of term %d and generation %d, and the one before it was of term %d and generation %d: "+
		"somebody plays an old manifest back; to sign one anew give it a higher generation", p.Term, p.Generation, last.Term, last.Generation)
}

// wrote notes the place of a manifest that this master has written.
func (s *seals) wrote(name string, data []byte) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.places[name] = placeOf(data)
}

// number gives an edit of a manifest that is about to be signed a place of its own, so that the one before it cannot be
// played back.
func (s *seals) number(m *state.Manifest) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if last := s.places[m.Node].Generation; m.Generation <= last {
		m.Generation = min(last+1, state.MaxSequence)
	}
}

// editManifest is edit, of a manifest.
func (c *Controller) editManifest(ctx context.Context, id string, cond state.Condition, do change[state.Manifest]) (Doc[state.Manifest], error) {
	return edit(ctx, c, c.manifests, id, cond, func(old Doc[state.Manifest]) (*state.Manifest, error) {
		m, err := do(old)
		if err == nil {
			c.manifests.seals.number(m)
		}
		return m, err
	})
}
