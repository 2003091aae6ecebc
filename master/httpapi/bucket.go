package httpapi

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"net/http"
	"os"
	"path"
	"strings"
	"time"

	"stathub/state"
	"stathub/web/rest"
)

// Limits of the bucket's routes.
const (
	defaultKeys  = 1_000 // of a listing
	maxKeys      = 10_000
	maxArtifact  = 1 << 30 // bytes
	transferTime = time.Hour
)

// bucketEntry is one key as the API lists it.
type bucketEntry struct {
	Key     string     `json:"key"`
	ETag    state.ETag `json:"etag"`
	Size    int64      `json:"size"` // bytes
	ModTime time.Time  `json:"modTime"`
	Error   string     `json:"error,omitzero"` // what is wrong with the document
}

// bucketListing are keys in their order.
type bucketListing struct {
	Entries []bucketEntry `json:"entries"` // in the order of their keys
	More    bool          `json:"more"`    // ask again with after=<the last key>
}

// bucketWritten is what came of a write.
type bucketWritten struct {
	Key    string     `json:"key"`             // that was written
	ETag   state.ETag `json:"etag"`            // its revision now
	SHA256 string     `json:"sha256,omitzero"` // of an artifact, as URIs take it after "#sha256="
}

func (a *api) listBucket(w http.ResponseWriter, r *http.Request) error {
	limit, err := rest.Number(r, "limit", defaultKeys, maxKeys)
	if err != nil {
		return err
	}
	q := r.URL.Query()
	found, more, err := a.control.ListBucket(r.Context(), q.Get("prefix"), q.Get("after"), limit)
	if err != nil {
		return err
	}
	entries := make([]bucketEntry, 0, len(found))
	for _, e := range found {
		entry := bucketEntry{Key: valid(e.Key), ETag: e.ETag, Size: e.Size, ModTime: e.ModTime.UTC()}
		if e.Err != nil {
			entry.Error = valid(e.Err.Error())
		}
		entries = append(entries, entry)
	}
	rest.WriteJSON(w, r, http.StatusOK, bucketListing{entries, more}, "")
	return nil
}

// valid makes text of a store fit for JSON.
func valid(text string) string { return strings.ToValidUTF8(text, "\uFFFD") }

func keyOf(r *http.Request) (string, error) {
	key := strings.TrimPrefix(r.URL.Path, "/v1/bucket/")
	return key, state.CheckKey(key)
}

func (a *api) getKey(w http.ResponseWriter, r *http.Request) error {
	key, err := keyOf(r)
	if err != nil {
		return err
	}
	o, err := a.control.GetRaw(r.Context(), key, rest.IfNoneMatch(r))
	if err != nil {
		return err
	}
	defer o.Body.Close()
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(transferTime))
	w.Header().Set("ETag", o.ETag.Header())
	w.Header().Set("Cache-Control", "no-cache")
	// Nothing of the bucket is served as a page: it would run with the rights of this site.
	w.Header().Set("Content-Type", "application/octet-stream")
	if path.Ext(key) == ".json" {
		w.Header().Set("Content-Type", "application/json")
	}
	if r.Method == http.MethodHead {
		return nil
	}
	if _, err := io.Copy(w, o.Body); err != nil {
		panic(http.ErrAbortHandler) // so that half of it is not taken for whole
	}
	return nil
}

func (a *api) putKey(w http.ResponseWriter, r *http.Request) error {
	key, err := keyOf(r)
	if err != nil {
		return err
	}
	cond, err := rest.IfMatch(r)
	if err != nil {
		return err
	}
	_, dry, err := dryRun(r)
	if err != nil {
		return err
	}
	var body io.ReadSeeker
	var sum string
	if strings.HasPrefix(key, state.KindArtifact.Prefix()) {
		if dry {
			return state.Errorf(state.Invalid, key, "an artifact cannot be tried out: leave dryRun away")
		}
		h := sha256.New()
		file, err := spool(w, r, h)
		if err != nil {
			return err
		}
		defer os.Remove(file.Name())
		defer file.Close()
		body, sum = file, hex.EncodeToString(h.Sum(nil))
	} else {
		data, err := rest.ReadBody(w, r, rest.MaxEdit)
		if err != nil {
			return err
		}
		if err := a.validate(r.Context(), key, data); err != nil {
			return err
		}
		if dry {
			return a.checkedKey(w, r, key, data, cond)
		}
		body = bytes.NewReader(data)
	}
	etag, err := a.control.PutRaw(r.Context(), key, body, cond)
	if err != nil {
		return err
	}
	rest.WriteJSON(w, r, http.StatusOK, bucketWritten{key, etag, sum}, etag)
	return nil
}

// spool keeps an artifact in a temporary file, since stores may have to read it more than once, and adds it to a hash. The
// caller removes it.
func spool(w http.ResponseWriter, r *http.Request, sum hash.Hash) (_ *os.File, err error) {
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(transferTime))
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(2 * transferTime))
	file, err := os.CreateTemp("", "stathub-upload-*")
	if err != nil {
		return nil, state.Errorf(state.Internal, "", "cannot keep the upload: %w", err)
	}
	defer func() {
		if err != nil {
			file.Close()
			os.Remove(file.Name())
		}
	}()
	var large *http.MaxBytesError
	if _, err := io.Copy(io.MultiWriter(file, sum), http.MaxBytesReader(w, r.Body, maxArtifact)); errors.As(err, &large) {
		return nil, state.Errorf(state.TooLarge, "", "an artifact may have up to %d bytes here; larger ones go straight into the bucket", maxArtifact)
	} else if err != nil {
		return nil, state.Errorf(state.Invalid, "", "cannot receive the upload: %w", err)
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return nil, state.Errorf(state.Internal, "", "cannot read the upload back: %w", err)
	}
	return file, nil
}

func (a *api) deleteKey(w http.ResponseWriter, r *http.Request) error {
	key, err := keyOf(r)
	if err != nil {
		return err
	}
	cond, err := rest.IfMatch(r)
	if err != nil {
		return err
	}
	if cond.IfAbsent {
		return state.Errorf(state.Invalid, key, "a delete takes If-Match, not If-None-Match")
	}
	if err := a.control.DeleteRaw(r.Context(), key, cond.IfMatch); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// validate refuses a document of a known kind that this master could not read, or that has fields that it does not know.
func (a *api) validate(ctx context.Context, key string, data []byte) error {
	first, _, _ := strings.Cut(key, "/")
	kind := state.Kind(first)
	switch kind {
	case state.KindApp, state.KindChoreo, state.KindNode, state.KindManifest, state.KindReport, state.KindHeartbeat:
		if _, ok := kind.Name(key); !ok {
			return state.Errorf(state.Invalid, key, "no document can be here: its key is like %s", kind.Key("name"))
		}
	}
	var err error
	switch kind {
	case state.KindApp:
		_, err = state.DecodeInput[state.App](key, data)
	case state.KindChoreo:
		var ch *state.Choreo
		if ch, err = state.DecodeInput[state.Choreo](key, data); err == nil {
			_, err = a.control.CheckQuery(ctx, ch.Query)
		}
	case state.KindNode:
		_, err = state.DecodeInput[state.Node](key, data)
	case state.KindManifest:
		_, err = state.DecodeInput[state.Manifest](key, data)
	case state.KindReport:
		_, err = state.DecodeInput[state.Report](key, data)
	}
	return err
}
