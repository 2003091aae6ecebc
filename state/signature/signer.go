package signature

import (
	"bytes"
	"errors"
	"io"
	"os"
	"runtime/debug"

	"aead.dev/minisign"

	"stathub/state"
)

// PasswordEnv is the environment variable that holds the password of a secret key.
const PasswordEnv = "STATHUB_SIGN_PASSWORD"

// Signer signs documents with one secret key. It is safe for concurrent use.
type Signer struct {
	key minisign.PrivateKey
}

// LoadSigner reads a secret key as minisign -G writes it. A key with a password takes 1 GB of memory and some seconds to
// open (that is what guards it against guessing); one made with minisign -G -W has none and needs neither. Errors are code Invalid.
func LoadSigner(path, password string) (*Signer, error) {
	bad := func(err error) error {
		return state.Errorf(state.Invalid, "", "cannot use the secret key %s: %w", path, err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, bad(err)
	}
	if !info.Mode().IsRegular() || info.Size() > maxKeyFile {
		return nil, bad(errors.New("it is not a file that minisign -G wrote"))
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, bad(err)
	}
	text = bytes.TrimSpace(bytes.ReplaceAll(text, []byte("\r"), nil))
	var s Signer
	if minisign.IsEncrypted(text) {
		s.key, err = minisign.DecryptKey(password, text)
		debug.FreeOSMemory() // the gigabyte
		if err != nil {
			return nil, bad(errors.New("it has a password, and " + PasswordEnv + " does not open it"))
		}
	} else if err = s.key.UnmarshalText(text); err != nil {
		return nil, bad(err)
	}
	probe := []byte("a key whose halves do not belong together signs what nobody can verify")
	if !minisign.Verify(s.public(), probe, s.Sign(probe)) {
		return nil, bad(errors.New("it is damaged: its secret and its public half do not belong together"))
	}
	return &s, nil
}

// Sign gives the signature of a document. The same document has the same signature each time: it holds no time, so that
// two who sign with one key do not undo each other's work.
func (s *Signer) Sign(doc []byte) []byte {
	r := minisign.NewReader(bytes.NewReader(doc)) // hashes first, as minisign does
	if _, err := io.Copy(io.Discard, r); err != nil {
		panic(err) // memory cannot fail
	}
	return r.SignWithComments(s.key, "signed by stathub", "signature from the stathub key "+s.ID())
}

// ID gives the id of the key, as minisign shows it.
func (s *Signer) ID() string { return id(s.key.ID()) }

// Trust gives the key's public half.
func (s *Signer) Trust() Trust { return Trust{keys: []minisign.PublicKey{s.public()}} }

func (s *Signer) public() minisign.PublicKey { return s.key.Public().(minisign.PublicKey) }
