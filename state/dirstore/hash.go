package dirstore

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
	"io/fs"
	"os"
	"sync"
	"time"

	"stathub/state"
)

func newSum() hash.Hash { return sha256.New() }

// etagOf: 128 bits of SHA-256.
func etagOf(h hash.Hash) state.ETag { return state.ETag(hex.EncodeToString(h.Sum(nil)[:16])) }

// stamp is what a file system tells of a file without reading it. ctime catches edits that put size and mtime back.
type stamp struct {
	size, mtime, ctime int64
	dev, ino           uint64
}

func stampOf(fi fs.FileInfo) stamp {
	st := stamp{size: fi.Size(), mtime: fi.ModTime().UnixNano()}
	st.fill(fi.Sys())
	return st
}

// A stamp alone proves nothing while it is young: a second edit within one tick of the file system's clock (2 s on FAT)
// leaves it as it is. So a hash is trusted only if the file was read again, unchanged stamp, settleTime after the stamp was
// first seen. Only this process's clock is used: a file server's may be wrong.
const settleTime = 3 * time.Second

// maxRemembered bounds the memory for hashes: two generations of this many files, about 200 bytes each.
const maxRemembered = 50_000

// hashes remembers the ETags of files by their stamps, so that listing unchanged files reads none of them.
type hashes struct {
	now        func() time.Time
	mu         sync.Mutex
	young, old map[string]hashed // files looked at since the last turn of generations, and before
}

type hashed struct {
	stamp   stamp
	etag    state.ETag
	since   time.Time // when the stamp was first seen
	settled bool
}

func newHashes(now func() time.Time) *hashes { return &hashes{now: now, young: map[string]hashed{}} }

// lookup gives the ETag of a file that has not changed for sure.
func (h *hashes) lookup(key string, st stamp) (state.ETag, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	e, ok := h.find(key)
	if !ok || e.stamp != st || !e.settled {
		return "", false
	}
	return e.etag, true
}

func (h *hashes) find(key string) (hashed, bool) {
	e, ok := h.young[key]
	if !ok {
		if e, ok = h.old[key]; ok {
			h.add(key, e)
		}
	}
	return e, ok
}

func (h *hashes) add(key string, e hashed) {
	if _, ok := h.young[key]; !ok && len(h.young) >= maxRemembered {
		h.old, h.young = h.young, map[string]hashed{}
	}
	h.young[key] = e
}

// remember notes the ETag of content whose reading began at began and met the same stamp before and after.
func (h *hashes) remember(key string, st stamp, etag state.ETag, began time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	e, ok := h.find(key)
	if !ok || e.stamp != st {
		h.add(key, hashed{stamp: st, etag: etag, since: h.now()})
		return
	}
	e.etag, e.settled = etag, e.settled || began.Sub(e.since) >= settleTime
	h.add(key, e)
}

func (h *hashes) forget(key string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.young, key)
	delete(h.old, key)
}

// etag gives the ETag of an open file, reading it only if need be. The file's position moves.
func (s *Store) etag(ctx context.Context, key string, f *os.File, fi fs.FileInfo) (state.ETag, error) {
	st := stampOf(fi)
	if etag, ok := s.hashes.lookup(key, st); ok {
		return etag, nil
	}
	if err := s.faulty("read"); err != nil {
		return "", err
	}
	began, h := s.hashes.now(), newSum()
	if _, err := io.Copy(h, withContext{ctx, f}); err != nil {
		return "", err
	}
	etag := etagOf(h)
	if after, err := f.Stat(); err == nil && stampOf(after) == st {
		s.hashes.remember(key, st, etag, began)
	}
	return etag, nil
}

// withContext ends a long read with its context.
type withContext struct {
	ctx context.Context
	r   io.Reader
}

func (w withContext) Read(p []byte) (int, error) {
	if w.ctx.Err() != nil {
		return 0, context.Cause(w.ctx)
	}
	return w.r.Read(p)
}
