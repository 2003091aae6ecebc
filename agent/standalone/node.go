package standalone

import (
	"context"
	"maps"
	"slices"

	"stathub/state"
)

// SetEnvs replaces the environment of the node, which lies in its manifest. Its revision is state.ContentETag of it.
func (e *Editor) SetEnvs(ctx context.Context, envs state.Envs, cond state.Condition) (manifest state.ETag, err error) {
	_, manifest, err = e.edit(ctx, func(m *state.Manifest) error {
		if err := checkPart(cond, "the node's environment", state.ContentETag(state.Envs(m.Envs))); err != nil {
			return err
		}
		m.Envs = maps.Clone(envs)
		return nil
	})
	return manifest, err
}

// Tags gives the tags of the node: those of its record, where a later master finds them too. Before the first edit there
// is none, and they are those that the agent was started with. A record that cannot be read is code Nonsense.
func (e *Editor) Tags(ctx context.Context) (state.Tags, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	key := state.KindNode.Key(e.node)
	data, _, err := state.Read(ctx, e.store, key, "", state.MaxDocument)
	if state.CodeOf(err) == state.NotFound {
		return e.sv.Report().Tags, nil
	} else if err != nil {
		return nil, err
	}
	n, err := e.record(data)
	if err != nil {
		return nil, err
	}
	return n.Tags, nil
}

func (e *Editor) record(data []byte) (*state.Node, error) {
	key := state.KindNode.Key(e.node)
	n, err := state.Decode[state.Node](key, data)
	if err != nil {
		return nil, state.Unreadable(key, "mend the file, then try again", err)
	}
	return n, nil
}

// SetTags replaces the tags of the node. Their revision is state.ContentETag of them. The record that is made for them
// has no state: that is how a later master knows that it is not one of a master's.
func (e *Editor) SetTags(ctx context.Context, tags state.Tags, cond state.Condition) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	report := e.sv.Report()
	_, _, err := state.Update(ctx, e.store, state.KindNode.Key(e.node), func(old []byte) ([]byte, error) {
		n := &state.Node{ID: e.node, Tags: report.Tags, Schedulable: true}
		if old != nil {
			var err error
			if n, err = e.record(old); err != nil {
				return nil, err
			}
		}
		if err := checkPart(cond, "the list of tags", state.ContentETag(state.Tags(n.Tags))); err != nil {
			return nil, err
		}
		unknown := n.Facts.Extra
		n.Facts, n.AgentVersion, n.Isolation = report.Facts, report.AgentVersion, report.Isolation
		n.Facts.Extra = unknown
		n.Tags = slices.Clone(tags)
		return state.Encode(n), nil
	})
	return err
}
