package control

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"stathub/state"
	"stathub/state/signature"
)

// Doc is one document of the bucket as the master last saw it. Value is shared and never changes: copy before you edit.
type Doc[T any] struct {
	Value *T         // the last revision that could be read; nil when there was none
	ETag  state.ETag // the newest revision that was seen, readable or not; empty when there is no document
	Err   error      // what is wrong with the newest revision; nil when Value is it
	seal  state.ETag // the revision of its signature, where one is asked for
}

// parallel bounds the store calls that are under way at one time for one purpose.
const parallel = 16

// folder is the master's picture of all documents of one kind. Only a listing that came to its end may conclude that a
// document is gone; whatever fails leaves the old picture as it was.
type folder[T any] struct {
	kind   state.Kind
	decode func(key string, data []byte) (*T, error)
	check  func(key string, doc *T) error
	seals  *seals // nil: nothing is signed

	changed func(name string, old, now *T) // is told of each change, under mu; nil for no document, or none that could be read

	mu     *sync.RWMutex // the controller's: it guards what follows
	docs   map[string]Doc[T]
	gone   map[string]time.Time // documents that were there at the look before, and when they were first missing
	junk   []string             // keys that belong to nobody
	loaded bool                 // the picture was whole once
	edits  int                  // counts local edits
	edited map[string]int       // edits at the last local edit of a document, while a refresh may still know less
}

func newFolder[T any, P interface {
	*T
	state.Document
}](kind state.Kind, mu *sync.RWMutex) *folder[T] {
	return &folder[T]{
		kind:    kind,
		decode:  state.Decode[T, P],
		check:   func(key string, doc *T) error { return state.Check(key, P(doc)) },
		mu:      mu,
		changed: func(string, *T, *T) {},
		docs:    map[string]Doc[T]{},
		gone:    map[string]time.Time{},
		edited:  map[string]int{},
	}
}

// get gives the picture of one document; the zero Doc when there is none.
func (f *folder[T]) get(name string) Doc[T] {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.docs[name]
}

// apply takes a local edit over at once; an empty etag means that the document is gone.
func (f *folder[T]) apply(name string, doc Doc[T]) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.edits++
	f.edited[name] = f.edits
	delete(f.gone, name)
	f.changed(name, f.docs[name].Value, doc.Value)
	if doc.ETag == "" {
		delete(f.docs, name)
		return
	}
	f.docs[name] = doc
}

// read makes a Doc of the bytes of a revision; keep is the last readable value.
func (f *folder[T]) read(name string, data []byte, etag state.ETag, keep *T) Doc[T] {
	value, err := f.decode(f.kind.Key(name), data)
	if err != nil {
		return Doc[T]{Value: keep, ETag: etag, Err: err}
	}
	return Doc[T]{Value: value, ETag: etag}
}

// refresh brings the picture up to date, and says whether it changed. An error is of the listing, or of a document that
// could not be fetched now; what could be read is taken over all the same.
func (f *folder[T]) refresh(ctx context.Context, s state.Store) (changed bool, err error) {
	f.mu.RLock()
	before := f.edits
	f.mu.RUnlock()
	listed, err := list(ctx, s, f.kind)
	if err != nil {
		return false, err
	}
	f.seals.listed(listed.signed)
	fetched, err := f.fetch(ctx, s, f.outdated(listed), listed)
	for name, why := range listed.blocked {
		fetched[name] = Doc[T]{Value: f.get(name).Value, ETag: blockedETag, Err: why}
	}
	return f.merge(before, listed, fetched, err == nil), err
}

// outdated gives the names whose revision is not the one in the picture.
func (f *folder[T]) outdated(l listing) []string {
	f.mu.RLock()
	defer f.mu.RUnlock()
	var names []string
	for name, e := range l.entries {
		if doc, ok := f.docs[name]; !ok || doc.ETag != e.ETag || doc.seal != f.seals.of(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// fetch reads documents. One that is gone by now is left to the next listing.
func (f *folder[T]) fetch(ctx context.Context, s state.Store, names []string, l listing) (map[string]Doc[T], error) {
	var mu sync.Mutex
	docs := map[string]Doc[T]{}
	var g errgroup.Group
	g.SetLimit(parallel)
	for _, name := range names {
		g.Go(func() error {
			doc, err := f.fetchListed(ctx, s, name, l.entries[name].ETag)
			if err == nil && doc.ETag != "" {
				mu.Lock()
				defer mu.Unlock()
				docs[name] = doc
			}
			return err
		})
	}
	err := g.Wait()
	return docs, err
}

// fetchOne reads one document; the zero Doc when there is none. Its error means that the store could not be asked;
// a document that cannot be read is no error, but a Doc that says so.
func (f *folder[T]) fetchOne(ctx context.Context, s state.Store, name string) (Doc[T], error) {
	return f.fetchListed(ctx, s, name, "")
}

// fetchListed is fetchOne where a listing told of a revision: its bytes may be at hand.
func (f *folder[T]) fetchListed(ctx context.Context, s state.Store, name string, listed state.ETag) (Doc[T], error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	data, entry, err := readListed(ctx, s, f.kind.Key(name), listed)
	switch state.CodeOf(err) {
	case "":
		doc := f.read(name, data, entry.ETag, f.get(name).Value)
		seal, denied, err := f.seals.check(ctx, s, name, data)
		if doc.seal = seal; denied != nil && doc.Err == nil {
			doc.Value, doc.Err = f.get(name).Value, denied
		}
		return doc, err
	case state.NotFound:
		return Doc[T]{}, nil
	case state.Unavailable:
		return Doc[T]{}, err
	}
	if entry.ETag == "" {
		entry.ETag = blockedETag
	}
	return Doc[T]{Value: f.get(name).Value, ETag: entry.ETag, Err: err}, nil
}

// merge makes the picture that of a listing, except where a local edit came after the listing began.
func (f *folder[T]) merge(before int, l listing, fetched map[string]Doc[T], whole bool) (changed bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	fresh := func(name string) bool { return f.edited[name] > before }
	for name, doc := range fetched {
		if old, known := f.docs[name]; known && f.seals.waits(name, doc.ETag, doc.Err == nil, time.Now()) {
			continue
		} else if !fresh(name) && (old.ETag != doc.ETag || old.seal != doc.seal) {
			f.docs[name] = doc
			f.changed(name, old.Value, doc.Value)
			changed = true
		}
	}
	now := time.Now()
	for name := range f.docs {
		_, there := l.entries[name]
		if there || l.blocked[name] != nil || fresh(name) {
			delete(f.gone, name)
		} else if f.vanished(name, now) {
			f.changed(name, f.docs[name].Value, nil)
			delete(f.docs, name)
			delete(f.gone, name)
			changed = true
		}
	}
	maps.DeleteFunc(f.edited, func(_ string, at int) bool { return at <= before })
	f.junk = l.junk
	if whole && !f.loaded {
		f.loaded, changed = true, true
	}
	return changed
}

// vanishAfter is how long a document must be missing from listings before the picture loses it: many editors move the old
// one away, and only then write the new one.
const vanishAfter = 5 * time.Second

// vanished reports whether a document that a listing lacks has been missing for long enough. The caller holds mu.
func (f *folder[T]) vanished(name string, now time.Time) bool {
	since, known := f.gone[name]
	if !known {
		f.gone[name] = now
	}
	return known && now.Sub(since) >= vanishAfter
}

// blockedETag stands for the revision of a document that cannot have one.
const blockedETag = state.ETag("unreadable")

// listing is a listing that came to its end.
type listing struct {
	entries map[string]state.Entry // by app or node
	blocked map[string]error       // names whose document cannot be there: a folder is in its place
	junk    []string               // other keys
	signed  map[string]state.ETag  // the signatures of manifests, by node
}

func list(ctx context.Context, s state.Store, kind state.Kind) (listing, error) {
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	l := listing{entries: map[string]state.Entry{}, blocked: map[string]error{}, signed: map[string]state.ETag{}}
	for e, err := range s.List(ctx, kind.Prefix()) {
		if err != nil {
			return listing{}, err
		}
		if name, ok := kind.Name(e.Key); ok {
			l.entries[name] = e
			continue
		}
		if name, ok := signatureOf(kind, e.Key); ok {
			l.signed[name] = e.ETag
			continue
		}
		first, _, nested := strings.Cut(strings.TrimPrefix(e.Key, kind.Prefix()), "/")
		if name, ok := kind.Name(kind.Prefix() + first); ok && nested {
			l.blocked[name] = state.Errorf(state.Invalid, kind.Key(name), "there is a folder where the document should be")
			continue
		}
		l.junk = append(l.junk, e.Key)
	}
	for name := range l.entries {
		delete(l.blocked, name) // an object store can have both
	}
	return l, nil
}

// signatureOf gives the node whose manifest a key is the signature of.
func signatureOf(kind state.Kind, key string) (node string, ok bool) {
	doc, ok := signature.Document(key)
	if !ok || kind != state.KindManifest {
		return "", false
	}
	return kind.Name(doc)
}
