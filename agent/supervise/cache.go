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
	Sum        string     `json:"sum"` // SHA-256 of manifest.json, hex
}

// loadManifest takes the last good manifest from disk, so that the node runs what it ran with no bucket in reach.
func (s *Supervisor) loadManifest() {
	data, err := os.ReadFile(s.paths.manifest())
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	key := state.KindManifest.Key(s.opts.Node)
	var m *state.Manifest
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
	s.status = state.ManifestStatus{Generation: m.Generation}
	var meta cached
	if text, err := os.ReadFile(s.paths.manifestMeta()); err == nil && json.Unmarshal(text, &meta) == nil &&
		meta.Key == key && meta.Sum == sumOf(data) {
		s.status.ETag = meta.ETag
	}
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

// saveManifest keeps the last good manifest on disk, as it was read.
func (s *Supervisor) saveManifest(data []byte, status state.ManifestStatus) error {
	if err := host.ReplaceFile(s.paths.manifest(), data, true); err != nil {
		return err
	}
	meta := cached{Key: state.KindManifest.Key(s.opts.Node), ETag: status.ETag, Generation: status.Generation, Sum: sumOf(data)}
	return host.ReplaceFile(s.paths.manifestMeta(), state.Encode(meta), true)
}

func sumOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
