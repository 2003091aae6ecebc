package artifact

import (
	"context"
	"crypto/sha256"
	"io"
	"os"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"stathub/state"
)

// part is what lies in the file of a download, as its .json says it. SHA256 is over those bytes: after a power cut the
// file may be as long and yet hold something else.
type part struct {
	URI          string `json:"uri"` // without a password
	ETag         string `json:"etag,omitzero"`
	LastModified string `json:"lastModified,omitzero"`
	Size         int64  `json:"size"` // of the whole content; -1: unknown
	Bytes        int64  `json:"bytes"`
	SHA256       string `json:"sha256"`
	Ranges       bool   `json:"-"` // the source can go on from Bytes
}

const (
	saveEvery = 32 << 20       // bytes: what a killed agent has to fetch once more, at the most
	leastPart = 64 << 10       // bytes: less is not worth being kept
	keepParts = 24 * time.Hour // since something was added to it
)

func (t *transfer) partFile() string { return t.path("partial", partName(t.src)+".part") }
func (t *transfer) partMeta() string { return t.path("partial", partName(t.src)+".json") }

func partName(src source) string { return strings.TrimSuffix(hashName(src.uri), ".json") }

func createPart(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
}

// takeUp goes on with what an earlier download left, where that is whole.
func (t *transfer) takeUp(ctx context.Context) {
	var was part
	data, err := os.ReadFile(t.partMeta())
	if err != nil || json.Unmarshal(data, &was) != nil || was.Bytes < leastPart || was.ETag == "" && was.LastModified == "" {
		return
	}
	f, err := os.OpenFile(t.partFile(), os.O_RDWR, 0)
	if err != nil {
		return
	}
	t.file, t.hash, t.part = f, sha256.New(), was
	n, err := io.Copy(t.hash, &contextReader{ctx, io.LimitReader(f, was.Bytes)})
	if err == nil && n == was.Bytes && t.sum() == was.SHA256 && f.Truncate(n) == nil {
		t.kept, t.saved, t.part.Ranges = true, n, true
		t.meter.done.Store(n)
		t.meter.total.Store(was.Size)
		return
	}
	_ = f.Close()
	t.file, t.part = nil, part{}
}

// restart begins the file anew.
func (t *transfer) restart() error {
	if t.file != nil {
		t.discard()
	}
	err := t.makeDirs() // they may have been wiped while they are used
	if err == nil {
		t.file, err = t.create(t.partFile())
	}
	if err != nil {
		t.file = nil
		return t.keepError(t.src, err)
	}
	t.hash, t.part, t.kept, t.saved = sha256.New(), part{Size: -1}, false, 0
	t.meter.done.Store(0)
	return nil
}

// save notes what lies in the file. It need not survive a crash of the machine, which the sum finds out.
func (t *transfer) save() {
	p := t.part
	p.URI, p.SHA256 = t.src.String(), t.sum()
	temp := t.partMeta() + ".tmp"
	if err := os.WriteFile(temp, state.Encode(p), 0o600); err != nil || os.Rename(temp, t.partMeta()) != nil {
		_ = os.Remove(temp) // then more has to come anew
		return
	}
	t.saved = t.part.Bytes
}

// leave ends a download that failed: what came is kept where a later one can go on with it.
func (t *transfer) leave(err error) {
	if t.file == nil {
		return
	}
	code := state.CodeOf(err)
	passes := code == state.Unavailable || code == state.NotFound || code == state.Denied
	if t.part.Ranges && t.part.Bytes >= leastPart && passes && !isFull(err) {
		if t.saved != t.part.Bytes {
			t.save()
		}
		if t.saved > 0 {
			_ = t.file.Close()
			return
		}
	}
	t.discard()
}

// discard removes the file.
func (t *transfer) discard() {
	_, _, _ = t.file.Close(), os.Remove(t.file.Name()), os.Remove(t.partMeta())
	t.file = nil
}

// sweepPartials removes what no download will go on with.
func (c *Cache) sweepPartials(now time.Time) {
	entries, _ := os.ReadDir(c.path("partial")) // what cannot be listed is not removed
	for _, e := range entries {
		base, isPart := strings.CutSuffix(e.Name(), ".part")
		st, err := e.Info()
		if isPart && err == nil && now.Sub(st.ModTime()) < keepParts {
			if _, err := os.Stat(c.path("partial", base+".json")); err == nil {
				continue
			}
		}
		if base, isMeta := strings.CutSuffix(e.Name(), ".json"); isMeta {
			if st, err := os.Stat(c.path("partial", base+".part")); err == nil && now.Sub(st.ModTime()) < keepParts {
				continue
			}
		}
		_ = os.Remove(c.path("partial", e.Name()))
	}
}
