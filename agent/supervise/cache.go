package supervise

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"time"

	"github.com/go-json-experiment/json"

	"stathub/agent/host"
	"stathub/state"
)

// cached is kept beside the last good manifest. Sum ties the two files together: after a crash between the two writes
// the ETag is not trusted.
type cached struct {
	Key        string     `json:"key"`
	ETag       state.ETag `json:"etag"`
	Generation int64      `json:"generation"`
	Sum        string     `json:"sum"`                // SHA-256 of manifest.json, hex
	Followed   mark       `json:"followed,omitzero"`  // the latest that was ever followed
	Signature  string     `json:"signature,omitzero"` // of manifest.json
	Next       string     `json:"next,omitzero"`      // of the one that takes its place, while that is written
}

// loadManifest takes the last good manifest from disk, so that the node runs what it ran with no bucket in reach.
func (s *Supervisor) loadManifest() {
	data, err := os.ReadFile(s.paths.manifest())
	var meta cached
	if text, err := os.ReadFile(s.paths.manifestMeta()); err != nil || json.Unmarshal(text, &meta) != nil {
		meta = cached{}
	}
	s.followed = meta.Followed // whoever edited it could have removed it as well
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	key := state.KindManifest.Key(s.opts.Node)
	var m *state.Manifest
	if err == nil && s.opts.Trust != nil {
		err = s.verifyCached(key, data, meta)
	}
	if err == nil {
		m, err = state.Decode[state.Manifest](key, data)
	}
	if err != nil {
		s.log.Error("the last good manifest on disk cannot be used; waiting for the bucket", "file", s.paths.manifest(), "error", err)
		return
	}
	s.cached = compile(s.opts.Node, m)
	s.cached.Unsure = true
	s.trouble("misspelt", s.misspelt(data, m)...)
	s.status, s.followed = statusOf(m, "", s.signed.sig), later(s.followed, markOf(m))
	if meta.Key == key && meta.Sum == sumOf(data) {
		s.status.ETag = meta.ETag
	}
}

// verifyCached checks the signature that is kept with the manifest on disk: somebody may have edited either.
func (s *Supervisor) verifyCached(key string, data []byte, meta cached) error {
	err := s.opts.Trust.Verify(key, data, []byte(meta.Signature))
	sig := meta.Signature
	if err != nil && meta.Next != "" && s.opts.Trust.Verify(key, data, []byte(meta.Next)) == nil {
		sig, err = meta.Next, nil
	}
	if err == nil {
		s.signed = signed{data, []byte(sig)}
	}
	return err
}

// firstAnswer is how long the bucket has to say what is asked for now, before the last good manifest is followed: what was
// taken out of the manifest while no agent ran must not be started once more.
const firstAnswer = 2 * time.Second

// followCached follows the last good manifest from disk while there is none from the bucket. sure says that the bucket has
// the very same.
func (s *Supervisor) followCached(sure bool) {
	d := s.cached
	if d == nil || s.desired.manifest != nil && !sure {
		return
	}
	if s.desired.manifest == nil {
		s.log.Info("following the last good manifest", "generation", d.manifest.Generation, "instances", len(d.IDs))
	}
	if sure {
		known := *d
		known.Unsure = false
		d, s.cached = &known, nil
	}
	s.follow(d, s.status)
}

// saveManifest keeps the last good manifest on disk, as it was read, with its signature, if it has one, and the latest mark
// that was ever followed. Whenever the machine fails, one of the signatures on disk is that of the manifest on disk.
func (s *Supervisor) saveManifest(data, sig []byte, status state.ManifestStatus, last mark) error {
	meta := cached{
		Key: state.KindManifest.Key(s.opts.Node), ETag: status.ETag, Generation: status.Generation, Sum: sumOf(data), Followed: last,
		Signature: string(sig),
	}
	if len(sig) > 0 {
		both := meta
		both.Signature, both.Next = s.keptSignature(), meta.Signature
		if err := host.ReplaceFile(s.paths.manifestMeta(), state.Encode(both), true); err != nil {
			return err
		}
	}
	if err := host.ReplaceFile(s.paths.manifest(), data, true); err != nil {
		return err
	}
	return host.ReplaceFile(s.paths.manifestMeta(), state.Encode(meta), true)
}

// keptSignature gives the signature of the manifest on disk, "" for none.
func (s *Supervisor) keptSignature() string {
	var meta cached
	text, err := os.ReadFile(s.paths.manifestMeta())
	if err != nil || json.Unmarshal(text, &meta) != nil {
		return ""
	}
	return meta.Signature
}

func sumOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
