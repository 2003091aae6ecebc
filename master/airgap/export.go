package airgap

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"stathub/state"
	"stathub/state/signature"
)

// ExportOptions say what is exported.
type ExportOptions struct {
	From   state.Store       // the bucket, or a master's gateway to it; stays the caller's
	To     string            // the folder, which must be there
	Nodes  []string          // Choose
	Files  []string          // folders of this machine from which file: artifacts may be taken; none: such are code Denied
	Signer *signature.Signer // nil: manifests that are not as they are in the bucket have no signature
	Tell   Told
}

// Exported is what an export did.
type Exported struct {
	Manifests, Artifacts int // that the folder holds of it
	Written              int // files that were not there, or were different
}

// Export writes manifests into a folder, and all the artifacts that they name, and SHA256SUMS, which sha256sum -c
// checks. The same export twice changes nothing. It writes artifacts first, then manifests, then sums, so that one that
// is interrupted leaves the manifests of the former one whole; what nothing needs any more goes last.
func Export(ctx context.Context, o ExportOptions) (Exported, error) {
	dir, err := openFolder(o.To)
	if err != nil {
		return Exported{}, err
	}
	defer dir.close()
	to, err := dir.store(ctx)
	if err != nil {
		return Exported{}, err
	}
	defer to.Close()
	e := &exporter{ExportOptions: o, folder: dir, to: to, sums: map[string]string{}, found: &artifacts{
		from: newOpener(o.From, o.Files), to: to, folder: dir, tell: o.Tell, placed: map[string]string{}, sums: map[string]string{},
	}}
	defer e.found.from.close()
	manifests, err := e.manifests(ctx)
	if err != nil {
		return Exported{}, err
	}
	for _, m := range manifests {
		if err := e.write(ctx, m); err != nil {
			return Exported{}, err
		}
	}
	if err := e.finish(ctx); err != nil {
		return Exported{}, err
	}
	return Exported{len(manifests), len(e.found.sums), e.wrote + e.found.wrote}, nil
}

type exporter struct {
	ExportOptions
	folder *folder
	to     state.Store
	found  *artifacts
	sums   map[string]string // of manifests and signatures, by key
	wrote  int
}

// exported is a manifest as the folder is to have it.
type exported struct {
	key       string
	data, sig []byte // sig is nil where nobody signs
}

// manifests brings all artifacts and gives the manifests that name them.
func (e *exporter) manifests(ctx context.Context) ([]exported, error) {
	var all []exported
	for _, id := range e.Nodes {
		key := state.KindManifest.Key(id)
		data, _, err := read(ctx, e.From, key)
		if err != nil {
			return nil, err
		}
		m, err := state.Decode[state.Manifest](key, data)
		if err != nil {
			return nil, fmt.Errorf("cannot export node %s: %w", id, err)
		}
		changed, err := e.rewrite(ctx, m)
		if err != nil {
			return nil, fmt.Errorf("cannot export node %s: %w", id, err)
		}
		out := exported{key: key, data: data}
		if changed {
			out.data = state.Encode(m)
		}
		if out.sig, err = e.signature(ctx, key, out.data, changed); err != nil {
			return nil, err
		}
		all = append(all, out)
	}
	return all, nil
}

// rewrite has a manifest name artifacts of the folder. Entries that are the master's stay so: whoever reads the folder
// must not take them for edited by hand.
func (e *exporter) rewrite(ctx context.Context, m *state.Manifest) (changed bool, err error) {
	for i := range m.Apps {
		entry := &m.Apps[i]
		pinned := entry.Pinned()
		apps := []*state.App{&entry.App}
		for k := range entry.Previous {
			apps = append(apps, &entry.Previous[k].App)
		}
		for _, app := range apps {
			for k, uri := range app.URIs {
				here, err := e.found.bring(ctx, uri)
				if err != nil {
					return false, fmt.Errorf("app %s: %w", app.Name, err)
				}
				changed = changed || here != uri
				app.URIs[k] = here
			}
		}
		if !pinned {
			entry.Sum = entry.Digest()
		}
	}
	return changed, nil
}

// signature gives that of a manifest: a new one, or the bucket's where it still fits.
func (e *exporter) signature(ctx context.Context, key string, data []byte, changed bool) ([]byte, error) {
	if e.Signer != nil {
		return e.Signer.Sign(data), nil
	}
	sig, _, err := read(ctx, e.From, signature.Key(key))
	switch code := state.CodeOf(err); {
	case code == state.NotFound:
		return nil, nil
	case err != nil:
		return nil, err
	case changed:
		e.Tell("%s: its signature does not fit any more, since it names the artifacts of the folder; export with --sign.key", key)
		return nil, nil
	}
	return sig, nil
}

// write writes a manifest, and then its signature. An agent that comes in between waits for that.
func (e *exporter) write(ctx context.Context, m exported) error {
	written, err := put(ctx, e.to, m.key, m.data)
	if err != nil {
		return err
	}
	if written {
		e.wrote++
		e.Tell("manifest %s", m.key)
	}
	e.sums[m.key] = sumOf(m.data)
	return e.sign(ctx, m.key, m.sig)
}

func (e *exporter) sign(ctx context.Context, key string, sig []byte) error {
	if key = signature.Key(key); sig == nil {
		return drop(ctx, e.to, key) // of a former export: it would vouch for what is gone
	}
	written, err := put(ctx, e.to, key, sig)
	if written {
		e.wrote++
	}
	e.sums[key] = sumOf(sig)
	return err
}

// finish writes the sums and removes artifacts of former exports that no manifest of the folder names any more.
func (e *exporter) finish(ctx context.Context) error {
	before, err := readSums(ctx, e.to)
	if err != nil {
		return err
	}
	needed, err := e.needed()
	if err != nil {
		return err
	}
	now := maps.Clone(before)
	maps.Copy(now, e.sums)
	maps.Copy(now, e.found.sums)
	unused, err := e.unused(needed, before)
	if err != nil {
		return err
	}
	maps.DeleteFunc(now, func(key, _ string) bool { return slices.Contains(unused, key) || !e.folder.has(key) })
	text := writeSums(now)
	if written, err := put(ctx, e.to, sumsKey, text); err != nil {
		return err
	} else if written {
		e.wrote++
	}
	var sig []byte
	if e.Signer != nil {
		sig = e.Signer.Sign(text)
	}
	if err := e.sign(ctx, sumsKey, sig); err != nil {
		return err
	}
	for _, key := range unused {
		if err := drop(ctx, e.to, key); err != nil {
			return err
		}
		e.Tell("removed %s: no manifest names it any more", key)
	}
	return nil
}

// needed gives the artifacts that any manifest of the folder names, those of nodes of former exports included.
func (e *exporter) needed() (map[string]bool, error) {
	needed := map[string]bool{}
	keys, err := e.folder.list(state.KindManifest.Prefix())
	if err != nil {
		return nil, err
	}
	for _, key := range keys {
		if _, ok := state.KindManifest.Name(key); !ok {
			continue
		}
		data, err := e.folder.read(key, state.MaxDocument)
		if err != nil {
			return nil, err
		}
		m, err := state.Decode[state.Manifest](key, data)
		if err != nil {
			return nil, fmt.Errorf("cannot tell which artifacts of the folder are needed; mend or remove this manifest there: %w", err)
		}
		for i := range m.Apps {
			uris := slices.Clone(m.Apps[i].App.URIs)
			for k := range m.Apps[i].Previous {
				uris = append(uris, m.Apps[i].Previous[k].App.URIs...)
			}
			for _, uri := range uris {
				if src, err := parseSource(uri); err == nil {
					needed[src.key] = true
				}
			}
		}
	}
	return needed, nil
}

// unused gives the artifacts of former exports that are not needed any more. What somebody else put there stays.
func (e *exporter) unused(needed map[string]bool, before map[string]string) ([]string, error) {
	keys, err := e.folder.list(state.KindArtifact.Prefix())
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(keys, func(key string) bool {
		return needed[key] || before[key] == "" && !ownForm.MatchString(key)
	}), nil
}
