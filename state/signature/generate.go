package signature

import (
	"crypto/rand"
	"errors"
	"os"
	"strings"

	"aead.dev/minisign"

	"stathub/state"
)

// PublicFile gives where Generate puts the public key that belongs to a secret one: stathub.pub beside stathub.key.
func PublicFile(secret string) string { return strings.TrimSuffix(secret, ".key") + ".pub" }

// Generate makes a pair of keys as minisign -G -W does, without a password, in files that are not there yet. Only its owner can
// read the secret one. It gives the key's id; errors are code Exists and Invalid.
func Generate(secret string) (keyID string, err error) {
	public, private, err := minisign.GenerateKey(rand.Reader)
	if err != nil {
		return "", err
	}
	secretText, err := private.MarshalText()
	if err != nil {
		return "", err
	}
	publicText, err := public.MarshalText()
	if err != nil {
		return "", err
	}
	if err := create(secret, secretText, 0o600); err != nil {
		return "", err
	}
	if err := create(PublicFile(secret), publicText, 0o644); err != nil {
		return "", errors.Join(err, os.Remove(secret))
	}
	return id(public.ID()), nil
}

// create writes a new file: a key that is there is never overwritten.
func create(path string, text []byte, mode os.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if errors.Is(err, os.ErrExist) {
		return state.Errorf(state.Exists, "", "%s is there already: it is not overwritten", path)
	} else if err != nil {
		return state.Errorf(state.Invalid, "", "cannot write the key: %w", err)
	}
	_, err = f.Write(append(text, '\n'))
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return state.Errorf(state.Invalid, "", "cannot write the key: %w", errors.Join(err, os.Remove(path)))
	}
	return nil
}
