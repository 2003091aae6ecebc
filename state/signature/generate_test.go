package signature

import (
	"os"
	"path/filepath"
	"testing"

	"stathub/state"
)

func TestGenerate(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "hub.key")
	keyID, err := Generate(secret)
	if err != nil {
		t.Fatal(err)
	}
	s, err := LoadSigner(secret, "")
	if err != nil || s.ID() != keyID {
		t.Fatalf("key %s, %v", keyID, err)
	}
	trust := parse(t, filepath.Join(filepath.Dir(secret), "hub.pub"))
	if err := trust.Verify("a", []byte("doc"), s.Sign([]byte("doc"))); err != nil {
		t.Error(err)
	}
	if _, err := Generate(secret); state.CodeOf(err) != state.Exists {
		t.Errorf("over a key: %v", err)
	}
	if err := os.Remove(secret); err != nil {
		t.Fatal(err)
	}
	if _, err := Generate(secret); state.CodeOf(err) != state.Exists {
		t.Errorf("over a public key: %v", err)
	}
	if _, err := os.Stat(secret); !os.IsNotExist(err) {
		t.Errorf("half a pair is left: %v", err)
	}
	if _, err := Generate(filepath.Join(secret, "x")); state.CodeOf(err) != state.Invalid {
		t.Errorf("no folder: %v", err)
	}
}
