package control

import (
	"context"
	"sync"
	"time"

	"stathub/state"
	"stathub/state/signature"
)

// seals keeps manifests signed: what this master writes, and what it has seen to be signed, has its signature beside it;
// what somebody else writes is believed only with a signature of a trusted key. The nil *seals signs and asks nothing.
type seals struct {
	signer *signature.Signer
	trust  signature.Trust

	mu     sync.Mutex
	beside map[string]state.ETag // by node: the revision of the signature that lies in the bucket
	known  map[string][]byte     // by node: the signature of the manifest that was last believed or is about to be written
	mend   map[string]bool       // nodes whose signature in the bucket is not that one
	doubts map[string]doubt
	places map[string]place // by node: that of the manifest that was last believed or written
}

// doubt is since when a manifest has been seen without a signature that fits.
type doubt struct {
	etag state.ETag
	at   time.Time
}

// signPatience is how long a manifest waits for its signature, which whoever writes both writes second.
const signPatience = 5 * time.Second

func newSeals(signer *signature.Signer, trust signature.Trust) *seals {
	if signer == nil {
		return nil
	}
	return &seals{signer: signer, trust: trust.With(signer.Trust()),
		beside: map[string]state.ETag{}, known: map[string][]byte{}, mend: map[string]bool{}, doubts: map[string]doubt{}, places: map[string]place{}}
}

// listed takes in what signatures a listing has.
func (s *seals) listed(found map[string]state.ETag) {
	if s != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.beside = found
	}
}

// of gives the revision of the signature beside a manifest; empty: there is none, or nobody asks.
func (s *seals) of(name string) state.ETag {
	if s == nil {
		return ""
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.beside[name]
}

// check reads the signature of a manifest and gives its revision and why it is not believed. err: it could not be read now.
func (s *seals) check(ctx context.Context, store state.Store, name string, data []byte) (seal state.ETag, denied, err error) {
	if s == nil {
		return "", nil, nil
	}
	key := state.KindManifest.Key(name)
	sig, entry, err := state.Read(ctx, store, signature.Key(key), "", signature.MaxSize)
	switch state.CodeOf(err) {
	case "", state.NotFound:
		denied = s.trust.Verify(key, data, sig)
	case state.Unavailable:
		return "", nil, err
	default:
		denied = err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.beside[name] = entry.ETag
	if denied == nil {
		at := placeOf(data)
		if denied = at.after(key, s.places[name]); denied != nil {
			return entry.ETag, denied, nil
		}
		s.known[name], s.places[name] = sig, at
		delete(s.mend, name)
		return entry.ETag, nil, nil
	}
	// Its signature was lost, or is not there yet, but this very content was signed or believed before.
	if known := s.known[name]; known != nil && s.trust.Verify(key, data, known) == nil {
		s.mend[name] = true
		return entry.ETag, nil, nil
	}
	return entry.ETag, denied, nil
}

// waits reports whether a revision that is not believed may soon be: until then the one before it stands.
func (s *seals) waits(name string, etag state.ETag, believed bool, now time.Time) bool {
	if s == nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if believed {
		delete(s.doubts, name)
		return false
	}
	if s.doubts[name].etag != etag {
		s.doubts[name] = doubt{etag, now}
	}
	return now.Sub(s.doubts[name].at) < signPatience
}

// announce signs a manifest that is about to be written: whoever sees it before its signature is there must believe it.
// undo takes that back.
func (s *seals) announce(name string, data []byte) (undo func()) {
	if s == nil {
		return func() {}
	}
	sig := s.signer.Sign(data)
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.known[name]
	s.known[name] = sig
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if string(s.known[name]) == string(sig) {
			s.known[name] = before
		}
	}
}

// put writes the signature of a manifest over the one that is known to lie there, and gives its revision.
func (s *seals) put(ctx context.Context, store state.Store, name string) (state.ETag, error) {
	if s == nil {
		return "", nil
	}
	s.mu.Lock()
	sig, old := s.known[name], s.beside[name]
	s.mu.Unlock()
	etag, err := state.Write(ctx, store, signature.Key(state.KindManifest.Key(name)), sig, over(old))
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.mend[name] = true
		return "", err
	}
	s.beside[name] = etag
	if string(s.known[name]) == string(sig) {
		delete(s.mend, name)
	}
	return etag, nil
}

// broken gives the nodes whose signature is to be written again.
func (s *seals) broken() []string {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	names := make([]string, 0, len(s.mend))
	for name := range s.mend {
		names = append(names, name)
	}
	return names
}

// remove deletes the signature of a manifest that was deleted. One that stays vouches for nothing that is there.
func (s *seals) remove(ctx context.Context, store state.Store, name string) {
	if s == nil {
		return
	}
	s.mu.Lock()
	old := s.beside[name]
	delete(s.known, name)
	delete(s.mend, name)
	delete(s.doubts, name)
	delete(s.places, name)
	s.mu.Unlock()
	if old != "" {
		_ = store.Delete(ctx, signature.Key(state.KindManifest.Key(name)), old)
	}
}
