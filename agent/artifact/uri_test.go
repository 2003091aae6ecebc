package artifact

import (
	"path/filepath"
	"strings"
	"testing"

	"stathub/state"
)

func TestFileNames(t *testing.T) {
	for uri, want := range map[string]string{
		"http://h/a/b.zip?x=/y/z":         "b.zip",
		"HTTPS://user:pw@h:8/a%20b":       "a b",
		"http://h/%E6%96%87%E4%BB%B6.txt": "文件.txt",
		"file:///tmp/x.py":                "x.py",
		"file://localhost/x":              "x",
		"bucket:artifacts/deep/er/t.bin":  "t.bin",
		"bucket:artifacts/what%3F.txt":    "what?.txt",
	} {
		if src, err := parseURI(uri); err != nil || src.name != want {
			t.Errorf("%s: %q, %v", uri, src.name, err)
		}
	}
}

// FuzzURI: a URI that is taken names one plain file.
func FuzzURI(f *testing.F) {
	for _, seed := range []string{"http://me:hush@h/a#x", "bucket:artifacts/a%2fb", "file:///C:/x", "http://h/%2e%2e", "s3://b/k?region=r#sha256=", "gs://b/%2e%2e/k", "::"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, uri string) {
		src, err := parseURI(uri)
		if err != nil {
			if code := state.CodeOf(err); code != state.Invalid && code != state.Unsupported {
				t.Fatalf("%q: code %s", uri, code)
			}
			return
		}
		if !filepath.IsLocal(src.name) || strings.ContainsAny(src.name, "/\\\x00") || src.name == "." {
			t.Fatalf("%q gives the file name %q", uri, src.name)
		}
		inBucket := src.url == nil || src.store != ""
		if inBucket != (src.key != "") || inBucket && state.CheckKey(src.key) != nil || strings.ContainsRune(src.store, '#') {
			t.Fatalf("%q: %+v", uri, src)
		}
	})
}

func TestPasswordsStaySecret(t *testing.T) {
	for _, uri := range []string{"http://me:hush@h/a#x", "http://me:hush@h/", "http://me:hush@h/%zz", "ftp://me:hush@h/a"} {
		if _, err := parseURI(uri); err == nil || strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: %v", uri, err)
		}
	}
}
