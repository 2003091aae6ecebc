package artifact

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"

	"github.com/go-json-experiment/json"

	"stathub/state"
)

// answer is what a source gave last for one URI, and the validators to ask it again with.
type answer struct {
	URI          string `json:"uri"` // without a password
	SHA256       string `json:"sha256"`
	Size         int64  `json:"size"`
	ETag         string `json:"etag,omitzero"`
	LastModified string `json:"lastModified,omitzero"`
}

func hashName(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:16]) + ".json"
}

// recall gives the last answer for the URI while its content is there. An answer that cannot be read is none: the source
// is asked again.
func (c *Cache) recall(src source) (answer, bool) {
	var a answer
	data, err := os.ReadFile(c.path("answers", hashName(src.uri)))
	if err != nil || json.Unmarshal(data, &a) != nil || !sumForm.MatchString("sha256="+a.SHA256) {
		return answer{}, false
	}
	_, ok := c.held(src, a)
	return a, ok
}

// remember keeps the answer durably: after a reboot without a network it is what starts the node.
func (c *Cache) remember(src source, a answer) error {
	a.URI = src.String()
	return c.writeFile(c.path("answers", hashName(src.uri)), state.Encode(a))
}

// writeFile replaces a small file of the cache, all or nothing, durably.
func (c *Cache) writeFile(path string, data []byte) error {
	f, err := c.temp("doc-")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return publish(f, err, path, 0o644)
}

// publish finishes a temporary file and gives it its name, or removes it after an error.
func publish(f *os.File, err error, path string, mode os.FileMode) error {
	if err == nil {
		err = f.Chmod(mode)
	}
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // the first error is the one that counts
		return err
	}
	if d, err := os.Open(filepath.Dir(path)); err == nil {
		_ = d.Sync() // not every system can; the content is verified before it is used anyway
		_ = d.Close()
	}
	return nil
}
