package cli

import (
	"bytes"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func folderURL(dir string) string {
	path := filepath.ToSlash(dir)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	return (&url.URL{Scheme: "file", Path: path}).String()
}

func TestMainAnswers(t *testing.T) {
	none := func(string) string { return "" }
	dir := t.TempDir()
	for _, tt := range []struct {
		name             string
		args             []string
		code             int
		stdout, complain string
	}{
		{"nothing", nil, 2, "", "Commands:"},
		{"help", []string{"--help"}, 0, "export", ""},
		{"version", []string{"--version"}, 0, Version, ""},
		{"help of a command", []string{"export", "--help"}, 0, "sha256sum -c", ""},
		{"version of a command", []string{"import", "--version"}, 0, Version, ""},
		{"slip", []string{"exprot"}, 2, "", "did you mean export?"},
		{"unknown command", []string{"frobnicate"}, 2, "", "--help lists the commands"},
		{"slip in an option", []string{"export", "--tow=x"}, 2, "", "did you mean --to?"},
		{"no folder named", []string{"export", "--state.url=mem://"}, 2, "", "--to: must be given"},
		{"no bucket named", []string{"import", "--from=" + dir}, 2, "", "--state.url: must be given"},
		{"no key named", []string{"sign", "--state.url=" + folderURL(dir)}, 2, "", "--sign.key: must be given"},
		{"bad key", []string{"sign", "--sign.key=" + dir}, 2, "", "cannot use the secret key"},
		{"unknown scheme", []string{"export", "--to=" + dir, "--state.url=nope://x"}, 2, "", "unknown scheme"},
		{"into itself", []string{"export", "--to=" + dir, "--state.url=" + folderURL(dir)}, 2, "", "is the bucket itself"},
		{"no master there", []string{"import", "--from=" + filepath.Join(dir, "gone"), "--state.url=http://127.0.0.1:1"}, 2, "", "is it mounted?"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			code := Main(tt.args, none, &stdout, &stderr)
			if code != tt.code || !strings.Contains(stdout.String(), tt.stdout) || !strings.Contains(stderr.String(), tt.complain) {
				t.Errorf("code %d\n%s\n%s", code, &stdout, &stderr)
			}
		})
	}
}

// There, and back again.
func TestCarry(t *testing.T) {
	bucket, stick := t.TempDir(), t.TempDir()
	write := func(dir, key, text string) {
		path := filepath.Join(dir, filepath.FromSlash(key))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	run := func(want string, args ...string) {
		t.Helper()
		var stdout, stderr bytes.Buffer
		getenv := func(name string) string { return map[string]string{"STATHUB_STATE_URL": folderURL(bucket)}[name] }
		if code := Main(args, getenv, &stdout, &stderr); code != 0 || !strings.Contains(stdout.String(), want) {
			t.Fatalf("%v: code %d\n%s\n%s", args, code, &stdout, &stderr)
		}
	}
	key := filepath.Join(t.TempDir(), "hub.key")
	run("hub.pub to the agents", "keygen", "--sign.key="+key)
	write(bucket, "manifests/ship-1.json", `{"node": "ship-1", "apps": [{"app": {"name": "a", "toProcess": "run", "uris": ["bucket:artifacts/x"]}}]}`)
	write(bucket, "artifacts/x", "x")
	run("signed 1 of 1 manifests", "sign", "--sign.key="+key)
	run("exported 1 manifests and 1 artifacts", "export", "--to="+stick, "--nodes=ship-1", "--sign.key="+key)
	run(": 0 files were written", "export", "--to="+stick, "--nodes=ship-1", "--sign.key="+key)
	write(stick, "reports/ship-1.json", `{"node": "ship-1", "updatedAt": "2026-01-02T03:04:05Z"}`)
	run("imported 1 reports, 0 batches of events and 0 crashes; 0 known already, 0 refused", "import", "--from="+stick)
	if _, err := os.Stat(filepath.Join(bucket, "reports", "ship-1.json")); err != nil {
		t.Error(err)
	}
}
