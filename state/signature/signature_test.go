package signature

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"stathub/state"
)

const manifestKey = "manifests/ship-1.json"

func read(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func load(t *testing.T, name string) *Signer {
	t.Helper()
	s, err := LoadSigner(filepath.Join("testdata", name), "")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func parse(t *testing.T, keys ...string) Trust {
	t.Helper()
	trust, err := Parse(keys...)
	if err != nil {
		t.Fatal(err)
	}
	return trust
}

const plainKey = "RWT6cCb7AuyTjHL6JEzxoc1vBykGJYfRy+ysBP0xbPGr76f6oCvQ1NMh"

// The signatures of testdata are the real tool's.
func TestVerifyWhatMinisignSigned(t *testing.T) {
	doc := read(t, "manifest.json")
	changed := bytes.Replace(doc, []byte("sleep 1000"), []byte("sleep 1001"), 1)
	comment := bytes.Replace(read(t, "hashed.minisig"), []byte("a hand-written"), []byte("a head-written"), 1)
	for _, tt := range []struct {
		name     string
		keys     []string
		key      string
		doc, sig []byte
		want     string // in the error; empty: none
	}{
		{"hashed", []string{plainKey}, manifestKey, doc, read(t, "hashed.minisig"), ""},
		{"legacy", []string{plainKey}, manifestKey, doc, read(t, "legacy.minisig"), ""},
		{"key from a file", []string{"testdata/plain.pub"}, manifestKey, doc, read(t, "hashed.minisig"), ""},
		{"one of two keys", []string{"testdata/encrypted.pub", plainKey}, manifestKey, doc, read(t, "hashed.minisig"), ""},
		{"any other document", []string{plainKey}, "SHA256SUMS", doc, read(t, "hashed.minisig"), ""},
		{"line ends of Windows", []string{plainKey}, manifestKey, doc, bytes.ReplaceAll(read(t, "hashed.minisig"), []byte("\n"), []byte("\r\n")), ""},
		{"unsigned", []string{plainKey}, manifestKey, doc, nil, "manifests/ship-1.json: it is not signed: there is no manifests/ship-1.json.minisig; a key of 8C93EC02FB2670FA must sign it"},
		{"empty signature", []string{plainKey}, manifestKey, doc, []byte("\n"), "it is not signed"},
		{"not a signature", []string{plainKey}, manifestKey, doc, []byte("hello"), "cannot be read"},
		{"half a signature", []string{plainKey}, manifestKey, doc, read(t, "hashed.minisig")[:170], "cannot be read"},
		{"huge signature", []string{plainKey}, manifestKey, doc, bytes.Repeat([]byte("x"), MaxSize+1), "larger than 16384 bytes"},
		{"changed document", []string{plainKey}, manifestKey, changed, read(t, "hashed.minisig"), "does not fit its signature by the key 8C93EC02FB2670FA"},
		{"changed comment", []string{plainKey}, manifestKey, doc, comment, "does not fit its signature"},
		{"stranger's", []string{plainKey}, manifestKey, doc, read(t, "other.minisig"), "which is not trusted; trusted: 8C93EC02FB2670FA"},
		{"nobody trusted", nil, manifestKey, doc, read(t, "hashed.minisig"), "trusted: nobody"},
		{"another node's", []string{plainKey}, "manifests/ship-2.json", doc, read(t, "hashed.minisig"), `for the node "ship-1", and not for "ship-2"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := parse(t, tt.keys...).Verify(tt.key, tt.doc, tt.sig)
			switch {
			case tt.want == "" && err != nil:
				t.Fatal(err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Fatalf("got %v, want %q", err, tt.want)
			case tt.want != "" && state.CodeOf(err) != state.Denied:
				t.Fatalf("code %s", state.CodeOf(err))
			}
		})
	}
}

// A manifest may leave its node out; signed, it would then be good for every node.
func TestVerifyNeedsANode(t *testing.T) {
	s := load(t, "plain.key")
	for _, doc := range []string{`{"apps":[]}`, `{"node":"ship-2","apps":[]}`, `{"Node":"ship-1"}`, `{"node":"ship-1","node":"ship-2"}`, `[]`, ``} {
		if err := s.Trust().Verify(manifestKey, []byte(doc), s.Sign([]byte(doc))); state.CodeOf(err) != state.Denied {
			t.Errorf("%q: %v", doc, err)
		}
	}
}

func TestSignAndVerify(t *testing.T) {
	s := load(t, "plain.key")
	rapid.Check(t, func(t *rapid.T) {
		doc := rapid.SliceOf(rapid.Byte()).Draw(t, "doc")
		sig := s.Sign(doc)
		if err := s.Trust().Verify("a", doc, sig); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(sig, s.Sign(doc)) {
			t.Fatal("two signatures of one document differ")
		}
		if at := rapid.IntRange(0, len(doc)).Draw(t, "at"); s.Trust().Verify("a", append(bytes.Clone(doc[:at]), 'x'), sig) == nil && !bytes.Equal(doc[at:], []byte("x")) {
			t.Fatal("another document has the same signature")
		}
	})
}

func TestParse(t *testing.T) {
	both := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(both, append(read(t, "plain.pub"), read(t, "encrypted.pub")...), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		keys []string
		want string
	}{
		{"none", nil, ""},
		{"text", []string{plainKey}, "8C93EC02FB2670FA"},
		{"text and file of one key", []string{plainKey, "testdata/plain.pub"}, "8C93EC02FB2670FA"},
		{"text of a file", []string{string(read(t, "plain.pub"))}, "8C93EC02FB2670FA"},
		{"file of two", []string{both}, "8C93EC02FB2670FA,B2BD70AABFEB9F18"},
		{"secret key", []string{"testdata/plain.key"}, "error"},
		{"other text", []string{"RWabc"}, "error"},
		{"folder", []string{t.TempDir()}, "error"},
		{"empty", []string{""}, "error"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			trust, err := Parse(tt.keys...)
			if tt.want == "error" {
				if state.CodeOf(err) != state.Invalid {
					t.Fatalf("got %v", err)
				}
				return
			}
			if got := strings.Join(trust.IDs(), ","); err != nil || got != tt.want || trust.Empty() != (tt.want == "") {
				t.Fatalf("got %q, %v", got, err)
			}
		})
	}
}

func TestWith(t *testing.T) {
	a, b := parse(t, plainKey), parse(t, "testdata/encrypted.pub")
	if got := a.With(b).With(a).IDs(); len(got) != 2 || len(a.IDs()) != 1 {
		t.Fatalf("got %v and %v", got, a.IDs())
	}
}

func TestKey(t *testing.T) {
	if got := Key(manifestKey); got != "manifests/ship-1.json.minisig" {
		t.Error(got)
	}
	if doc, ok := Document(Key(manifestKey)); doc != manifestKey || !ok {
		t.Error(doc, ok)
	}
	if _, ok := Document(manifestKey); ok {
		t.Error("a manifest is no signature")
	}
}

func FuzzVerify(f *testing.F) {
	for _, name := range []string{"hashed.minisig", "legacy.minisig", "other.minisig"} {
		sig, err := os.ReadFile("testdata/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add([]byte(`{"node": "ship-1"}`), sig)
	}
	trust, err := Parse(plainKey)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, doc, sig []byte) {
		if trust.Verify(manifestKey, doc, sig) == nil {
			t.Skip("nobody can make one, but for those of testdata")
		}
	})
}
