package airgap

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/url"
	"os"
	"regexp"
	"strings"

	"stathub/state"
)

// artifacts brings artifacts into a folder, each once.
type artifacts struct {
	from   *opener
	to     state.Store
	folder *folder // the same, to look into
	tell   Told
	placed map[string]string // by URI: what the folder's manifests call it
	sums   map[string]string // by key: SHA-256 in hex
	wrote  int
}

// bring makes an artifact lie in the folder and gives its URI there, with its digest: the agent verifies it, and a
// signature of the manifest covers it. What is there under the same key with another content stays, since manifests of
// a former export may still need it; the new content then gets a key of its own.
func (a *artifacts) bring(ctx context.Context, uri string) (string, error) {
	if known, ok := a.placed[uri]; ok {
		return known, nil
	}
	src, err := parseSource(uri)
	if err != nil {
		return "", err
	}
	key, sum, err := a.find(src)
	if err != nil {
		return "", err
	}
	if key == "" {
		if key, sum, err = a.copy(ctx, src); err != nil {
			return "", err
		}
	}
	var escaped []string
	for seg := range strings.SplitSeq(key, "/") {
		escaped = append(escaped, url.PathEscape(seg))
	}
	a.sums[key] = sum
	a.placed[uri] = "bucket:" + strings.Join(escaped, "/") + "#sha256=" + sum
	return a.placed[uri], nil
}

// find looks for an artifact whose digest is known already, so that its source need not be asked.
func (a *artifacts) find(src source) (key, sum string, err error) {
	if src.sum == "" {
		return "", "", nil
	}
	key, ok, err := a.lies(src, src.sum)
	if err != nil || !ok {
		return "", "", err
	}
	return key, src.sum, nil
}

// own is the key of a content that has none in the bucket, or whose key there is taken.
func own(name, sum string) string { return state.KindArtifact.Prefix() + sum[:ownDigits] + "/" + name }

const ownDigits = 16

var ownForm = regexp.MustCompile(`^artifacts/[0-9a-f]{16}/[^/]+$`)

// lies gives the key that a content has in the folder or, when it is not there yet, is to have.
func (a *artifacts) lies(src source, sum string) (key string, there bool, err error) {
	key = own(src.name, sum)
	if there, err = a.holds(key, sum); there || err != nil || src.url.Scheme != "bucket" {
		return key, there, err
	}
	switch there, err = a.holds(src.key, sum); {
	case errors.Is(err, errOther):
		return key, false, nil
	default:
		return src.key, there, err
	}
}

// errOther says that another content lies at a key.
var errOther = errors.New("another content is there")

// holds reports whether the folder has this content at a key; another one under a key of the bucket is errOther.
func (a *artifacts) holds(key, sum string) (bool, error) {
	if known := a.sums[key]; known != "" {
		return known == sum, other(known == sum)
	}
	f, err := a.folder.open(key)
	if state.CodeOf(err) == state.NotFound {
		return false, nil
	} else if err != nil {
		return false, err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return false, state.Errorf(state.Unavailable, key, "cannot read what is in the folder: %w", err)
	}
	if digest(h) == sum {
		return true, nil
	}
	if ownForm.MatchString(key) && strings.Contains(key, sum[:ownDigits]) {
		return false, nil // damaged: it is written again
	}
	return false, errOther
}

func other(same bool) error {
	if same {
		return nil
	}
	return errOther
}

func digest(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)) }

// copy fetches an artifact to a temporary file of this machine, verifies it, and writes it into the folder.
func (a *artifacts) copy(ctx context.Context, src source) (key, sum string, err error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	body, err := a.from.open(ctx, src)
	if err != nil {
		return "", "", err
	}
	defer body.Close()
	temp, err := os.CreateTemp("", "stathub-artifact-*")
	if err != nil {
		return "", "", err
	}
	defer func() { err = errors.Join(err, temp.Close(), os.Remove(temp.Name())) }()
	h := sha256.New()
	size, err := io.Copy(io.MultiWriter(temp, h), body)
	if err != nil {
		return "", "", fmt.Errorf("cannot fetch %s: %w", src, err)
	}
	if sum = digest(h); sum != cmp.Or(src.sum, sum) {
		return "", "", state.Errorf(state.Unavailable, "", "cannot use %s: its SHA-256 is %s, and the manifest demands %s", src, sum, src.sum)
	}
	key, there, err := a.lies(src, sum)
	if err != nil || there {
		return key, sum, err
	}
	if _, err := temp.Seek(0, io.SeekStart); err != nil {
		return "", "", err
	}
	if _, err := a.to.Put(ctx, key, temp, state.Condition{}); err != nil {
		return "", "", err
	}
	a.wrote++
	a.tell("artifact %s, %d bytes, of %s", key, size, src)
	return key, sum, nil
}
