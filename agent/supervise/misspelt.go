package supervise

import (
	"fmt"

	"stathub/state"
)

// misspelt logs what looks like a typing error in a manifest that is followed nevertheless, since an unknown member may be
// a later version's, and gives it for Report.Errors. data is the manifest as it was read.
func (s *Supervisor) misspelt(data []byte, m *state.Manifest) []string {
	err := state.Misspelt(state.KindManifest.Key(s.opts.Node), data, m)
	if err == nil {
		return nil
	}
	s.log.Warn("the manifest has members that nothing acts on", "error", err)
	return []string{"nothing acts on this: " + err.Error()}
}

// followed is the message of an event. A manifest that only people write has no generation.
func followed(m *state.Manifest, instances int) string {
	what := "the manifest"
	if m.Generation != 0 {
		what = fmt.Sprintf("generation %d of the manifest", m.Generation)
	}
	if instances == 1 {
		return "following " + what + ": 1 instance"
	}
	return fmt.Sprintf("following %s: %d instances", what, instances)
}
