// Package signature signs manifests and checks their signatures, in the format of minisign
// (https://jedisct1.github.io/minisign/), so that people can sign and check with that tool. The signature of a document
// lies beside it, under the same key with ".minisig" behind.
package signature

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"aead.dev/minisign"
	"github.com/go-json-experiment/json"

	"stathub/state"
)

// Suffix is what the key of a signature has behind that of its document.
const Suffix = ".minisig"

// MaxSize bounds a signature, in bytes: its comments may be of any length, but nobody needs so much.
const MaxSize = 16 << 10

// Key gives the key of the signature of the document at key.
func Key(key string) string { return key + Suffix }

// Document is Key's inverse: the document that a signature is of. It is false for the key of anything else.
func Document(key string) (string, bool) { return strings.CutSuffix(key, Suffix) }

// Trust is a set of public keys. The zero Trust trusts nobody.
type Trust struct {
	keys []minisign.PublicKey
}

// maxKeyFile bounds a file of public keys, in bytes.
const maxKeyFile = 64 << 10

// Parse reads public keys. Each argument is a key as minisign prints it (RW…), or the path of a file of keys, one a line,
// such as minisign.pub. Errors are code Invalid.
func Parse(keys ...string) (Trust, error) {
	var t Trust
	for _, arg := range keys {
		text := strings.TrimSpace(arg)
		var key minisign.PublicKey
		if key.UnmarshalText([]byte(text)) == nil {
			t.add(key)
			continue
		}
		if err := t.readFile(text); err != nil {
			return Trust{}, state.Errorf(state.Invalid, "", "%q is no public key of minisign (RW…), nor a file of such keys: %w", arg, err)
		}
	}
	return t, nil
}

func (t *Trust) readFile(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() || info.Size() > maxKeyFile {
		return fmt.Errorf("it is not a plain file of at most %d bytes", maxKeyFile)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	found := false
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "untrusted comment:") || strings.HasPrefix(line, "#") {
			continue
		}
		var key minisign.PublicKey
		if err := key.UnmarshalText([]byte(line)); err != nil {
			return err
		}
		t.add(key)
		found = true
	}
	if !found {
		return errors.New("there is no key in it")
	}
	return nil
}

func (t *Trust) add(key minisign.PublicKey) {
	if !slices.ContainsFunc(t.keys, func(k minisign.PublicKey) bool { return k.Equal(key) }) {
		t.keys = append(t.keys, key)
	}
}

// Empty reports whether nobody is trusted.
func (t Trust) Empty() bool { return len(t.keys) == 0 }

// With gives the keys of both.
func (t Trust) With(other Trust) Trust {
	all := Trust{keys: slices.Clone(t.keys)}
	for _, k := range other.keys {
		all.add(k)
	}
	return all
}

// IDs gives the ids of the keys, as minisign shows them.
func (t Trust) IDs() []string {
	var ids []string
	for _, k := range t.keys {
		ids = append(ids, id(k.ID()))
	}
	return ids
}

// Verify checks that sig is a signature of doc, the document at key, by one of the keys; an empty sig is none. A manifest
// must say itself which node it is for: one without a name could be carried to any node. What fails is code Denied, and
// tells the id of the key that signed. The sequence of documents is not checked: whoever follows a manifest refuses one
// with a lower term and generation.
func (t Trust) Verify(key string, doc, sig []byte) error {
	denied := func(format string, args ...any) error { return state.Errorf(state.Denied, key, format, args...) }
	if len(bytes.TrimSpace(sig)) == 0 {
		return denied("it is not signed: there is no %s; a key of %s must sign it", Key(key), t.names())
	}
	var s minisign.Signature
	if len(sig) > MaxSize {
		return denied("its signature %s is larger than %d bytes", Key(key), MaxSize)
	}
	if err := s.UnmarshalText(sig); err != nil {
		return denied("its signature %s cannot be read: %w", Key(key), err)
	}
	known := false
	for _, k := range t.keys { // two keys may have one id: ids are chosen freely
		if k.ID() != s.KeyID {
			continue
		}
		if minisign.Verify(k, doc, sig) {
			return named(key, doc, s.KeyID)
		}
		known = true
	}
	if !known {
		return denied("it is signed with the key %s, which is not trusted; trusted: %s", id(s.KeyID), t.names())
	}
	return denied("it does not fit its signature by the key %s: one of the two was changed after it was signed", id(s.KeyID))
}

func (t Trust) names() string {
	if t.Empty() {
		return "nobody"
	}
	return strings.Join(t.IDs(), ", ")
}

// named checks that a manifest is of the node that its key names.
func named(key string, doc []byte, signer uint64) error {
	node, ok := state.KindManifest.Name(key)
	if !ok {
		return nil
	}
	var m struct {
		Node string `json:"node"`
	}
	if err := json.Unmarshal(doc, &m); err != nil {
		return state.Errorf(state.Denied, key, "it is signed with the key %s, but is not a manifest: %w", id(signer), err)
	}
	if m.Node != node {
		return state.Errorf(state.Denied, key, "it is signed with the key %s for the node %q, and not for %q", id(signer), m.Node, node)
	}
	return nil
}

// id shows a key's id as minisign does.
func id(n uint64) string { return fmt.Sprintf("%016X", n) }
