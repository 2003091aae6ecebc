package control

import (
	"bytes"
	"context"
	"io"

	"stathub/state"
)

// putDoc writes the bytes of a document, those of a manifest with their signature behind them, and takes it over into
// the picture. The signature of a manifest that could not be written follows with the next round. The caller holds the
// lock of the document.
func putDoc[T any](ctx context.Context, c *Controller, f *folder[T], name string, doc *T, cond state.Condition) (Doc[T], error) {
	data := state.Encode(doc)
	undo := f.seals.announce(name, data)
	etag, err := state.Write(ctx, c.store, f.kind.Key(name), data, cond)
	if err != nil {
		if state.CodeOf(err) != state.Unavailable { // then it may be there
			undo()
		}
		return Doc[T]{}, err
	}
	f.seals.wrote(name, data)
	now := Doc[T]{Value: doc, ETag: etag}
	now.seal = c.seal(ctx, f.seals, name)
	f.apply(name, now)
	return now, nil
}

// seal writes the signature of a manifest that was just written.
func (c *Controller) seal(ctx context.Context, s *seals, name string) state.ETag {
	etag, err := s.put(ctx, c.store, name)
	if err != nil {
		c.unsealed(name, err)
	}
	return etag
}

func (c *Controller) unsealed(name string, err error) {
	key := state.KindManifest.Key(name)
	c.look(state.KindManifest)
	switch state.CodeOf(err) {
	case state.Stale, state.Exists: // another master signed
	default:
		c.said.warn("sign "+key, "cannot write the signature of a manifest; trying again", "key", key, "error", err)
	}
}

// mendSeals writes the signatures that got lost. They are of manifests that this master wrote, or found to be signed.
func (c *Controller) mendSeals(ctx context.Context) {
	s := c.manifests.seals
	each(s.broken(), func(name string) {
		key := state.KindManifest.Key(name)
		defer c.locks.lock(key)()
		ctx, cancel := context.WithTimeout(ctx, callTimeout)
		defer cancel()
		etag, err := s.put(ctx, c.store, name)
		if err != nil {
			c.unsealed(name, err)
			return
		}
		c.manifests.sealed(name, etag)
		if c.said.clear("sign " + key) {
			c.log.Info("the signature of the manifest could be written", "key", key)
		}
	})
}

// sealed notes the revision of the signature beside a document.
func (f *folder[T]) sealed(name string, seal state.ETag) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if doc, there := f.docs[name]; there {
		doc.seal = seal
		f.docs[name] = doc
	}
}

// putSigned writes the bytes of a manifest as they are, and their signature.
func (c *Controller) putSigned(ctx context.Context, name string, body io.Reader, cond state.Condition) (state.ETag, error) {
	key := state.KindManifest.Key(name)
	data, err := io.ReadAll(io.LimitReader(body, state.MaxDocument+1))
	if err != nil {
		return "", err
	}
	if len(data) > state.MaxDocument {
		return "", state.Errorf(state.TooLarge, key, "the document is larger than %d bytes", state.MaxDocument)
	}
	undo := c.manifests.seals.announce(name, data)
	etag, err := c.store.Put(ctx, key, bytes.NewReader(data), cond)
	if err != nil {
		if state.CodeOf(err) != state.Unavailable {
			undo()
		}
		return "", err
	}
	c.manifests.seals.wrote(name, data)
	c.seal(ctx, c.manifests.seals, name)
	return etag, nil
}
