// Package airgap carries the bucket over a gap that no network crosses, in a folder on a stick or a share: manifests with
// all that they name one way (Export), and what agents wrote the other way (Import). The folder is a bucket itself
// (file:///media/stick) that an agent runs from with nothing else. The signatures of a whole bucket are made by Sign.
package airgap

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"stathub/master/index"
	"stathub/state"
)

// callTimeout bounds a store call for a document.
const callTimeout = 30 * time.Second

// Told is what an operator is told, one line at a time.
type Told func(format string, args ...any)

// read reads a document of at most state.MaxDocument bytes, with a deadline.
func read(ctx context.Context, s state.Store, key string) ([]byte, state.ETag, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	data, entry, err := state.Read(ctx, s, key, "", state.MaxDocument)
	return data, entry.ETag, err
}

// put makes a document be these bytes and reports whether it had to write. It never overwrites what it did not read.
func put(ctx context.Context, s state.Store, key string, data []byte) (written bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	_, _, err = state.Update(ctx, s, key, func(old []byte) ([]byte, error) {
		if written = old == nil || !bytes.Equal(old, data); !written {
			return nil, state.ErrNoChange
		}
		return data, nil
	})
	return written && err == nil, err
}

// drop deletes a document that may be gone already.
func drop(ctx context.Context, s state.Store, key string) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if err := s.Delete(ctx, key, ""); state.CodeOf(err) != state.NotFound {
		return err
	}
	return nil
}

// Choose gives the ids of the nodes with a manifest that are wanted: all for an empty text, those of a list "a,b", else
// those whose record matches a query such as tags:ship. A node of a list that has no manifest is code NotFound, as is a
// query that finds none; a malformed query is code Invalid.
func Choose(ctx context.Context, s state.Store, wanted string) ([]string, error) {
	var with []string
	for e, err := range s.List(ctx, state.KindManifest.Prefix()) {
		if err != nil {
			return nil, fmt.Errorf("cannot list the manifests: %w", err)
		}
		if id, ok := state.KindManifest.Name(e.Key); ok {
			with = append(with, id)
		}
	}
	if wanted = strings.TrimSpace(wanted); wanted == "" {
		return with, nil
	}
	if ids, ok := list(wanted); ok {
		for _, id := range ids {
			if !slices.Contains(with, id) {
				return nil, state.Errorf(state.NotFound, "", "node %q has no manifest; nodes that have one: %s", id, some(with))
			}
		}
		return ids, nil
	}
	found, err := match(ctx, s, wanted)
	if err != nil {
		return nil, err
	}
	chosen := slices.DeleteFunc(found, func(id string) bool { return !slices.Contains(with, id) })
	if len(chosen) == 0 {
		return nil, state.Errorf(state.NotFound, "", "no node that matches %q has a manifest", wanted)
	}
	return chosen, nil
}

// list reads "a,b" as ids. A single word may be one, too.
func list(text string) (ids []string, ok bool) {
	for id := range strings.SplitSeq(text, ",") {
		id = strings.TrimSpace(id)
		if state.CheckName(id) != nil {
			return nil, false
		}
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return slices.Compact(ids), true
}

// some names the first of many.
func some(ids []string) string {
	const most = 10
	switch {
	case len(ids) == 0:
		return "none"
	case len(ids) > most:
		return strings.Join(ids[:most], ", ") + fmt.Sprintf(" and %d more", len(ids)-most)
	}
	return strings.Join(ids, ", ")
}

// match gives the nodes whose record matches a query, as the master finds them.
func match(ctx context.Context, s state.Store, query string) ([]string, error) {
	x, err := index.New()
	if err != nil {
		return nil, err
	}
	defer x.Close()
	var docs []index.Doc
	for e, err := range s.List(ctx, state.KindNode.Prefix()) {
		if err != nil {
			return nil, fmt.Errorf("cannot list the node records: %w", err)
		}
		id, ok := state.KindNode.Name(e.Key)
		if !ok {
			continue
		}
		data, _, err := read(ctx, s, e.Key)
		if err != nil {
			return nil, err
		}
		record, err := state.Decode[state.Node](e.Key, data)
		if err != nil {
			return nil, fmt.Errorf("cannot search the nodes: %w", err)
		}
		docs = append(docs, index.Doc{ID: id, Order: id, Value: record})
	}
	if err := x.Update(docs, nil); err != nil {
		return nil, err
	}
	found, err := x.Search(ctx, query, index.Options{Size: len(docs), IncludeDown: true})
	if err != nil {
		return nil, state.Errorf(state.Invalid, "", "cannot search for %q: %w", query, err)
	}
	return found.IDs, nil
}
