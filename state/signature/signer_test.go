package signature

import (
	"encoding/base64"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/blake2b"
	"golang.org/x/crypto/scrypt"

	"stathub/state"
)

// encrypt gives a minisign secret key under a password, with less work for the password than minisign's own, which wants
// a gigabyte and seconds.
func encrypt(t *testing.T, plain []byte, password string) []byte {
	t.Helper()
	_, text, _ := strings.Cut(strings.TrimSpace(string(plain)), "\n")
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	const ops, mem = 1 << 15, 1 << 24
	copy(raw[2:], "Sc")
	copy(raw[6:], "the salt is always the same here")
	binary.LittleEndian.PutUint64(raw[38:], ops)
	binary.LittleEndian.PutUint64(raw[46:], mem)
	sum := blake2b.Sum256(append([]byte("Ed"), raw[54:126]...))
	copy(raw[126:], sum[:])
	stream, err := scrypt.Key([]byte(password), raw[6:38], 1024, 8, 1, 104)
	if err != nil {
		t.Fatal(err)
	}
	for i := range stream {
		raw[54+i] ^= stream[i]
	}
	return []byte("untrusted comment: minisign encrypted secret key\n" + base64.StdEncoding.EncodeToString(raw) + "\n")
}

func TestLoadSigner(t *testing.T) {
	plain := read(t, "plain.key")
	swapped := []byte(strings.Replace(string(plain), "OAIZ", "OAIa", 1))
	for _, tt := range []struct {
		name     string
		key      []byte
		password string
		want     string // in the error; empty: none
	}{
		{"without a password", plain, "", ""},
		{"a password for a key that has none", plain, "secret", ""},
		{"line ends of Windows", []byte(strings.ReplaceAll(string(plain), "\n", "\r\n")), "", ""},
		{"with its password", encrypt(t, plain, "secret"), "secret", ""},
		{"with another password", encrypt(t, plain, "secret"), "Secret", "STATHUB_SIGN_PASSWORD"},
		{"with no password", encrypt(t, plain, "secret"), "", "STATHUB_SIGN_PASSWORD"},
		{"a public key", read(t, "plain.pub"), "", "invalid private key"},
		{"damaged", swapped, "", "do not belong together"},
		{"cut off", plain[:100], "", "invalid private key"},
		{"empty", nil, "", "invalid private key"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "key")
			if err := os.WriteFile(path, tt.key, 0o600); err != nil {
				t.Fatal(err)
			}
			s, err := LoadSigner(path, tt.password)
			if tt.want != "" {
				if err == nil || !strings.Contains(err.Error(), tt.want) || state.CodeOf(err) != state.Invalid {
					t.Fatalf("got %v, want %q", err, tt.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			doc := read(t, "manifest.json")
			if err := parse(t, plainKey).Verify(manifestKey, doc, s.Sign(doc)); err != nil || s.ID() != "8C93EC02FB2670FA" {
				t.Fatal(s.ID(), err)
			}
		})
	}
	if _, err := LoadSigner(t.TempDir(), ""); state.CodeOf(err) != state.Invalid {
		t.Errorf("folder: %v", err)
	}
}
