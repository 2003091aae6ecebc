package artifact_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"stathub/agent/artifact"
	"stathub/localstack/miniosrv"
	"stathub/state"
	_ "stathub/state/blobstore/s3"
)

// An s3:// artifact of a real server: conditional, with the credentials of the environment, and from the cache when the
// server is gone.
func TestFetchS3(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: no MinIO")
	}
	server, err := miniosrv.Start(t.Context(), t.TempDir(), miniosrv.Options{Logf: t.Logf})
	if err != nil {
		t.Fatal(err)
	}
	stop := server.Stop
	defer func() { _ = stop() }()
	if err := server.CreateBucket(t.Context(), "releases"); err != nil {
		t.Fatal(err)
	}
	for _, kv := range append(server.Env(), "AWS_CONFIG_FILE="+os.DevNull, "AWS_SHARED_CREDENTIALS_FILE="+os.DevNull) {
		name, value, _ := strings.Cut(kv, "=")
		t.Setenv(name, value)
	}
	store, err := state.Open(t.Context(), server.StateURL("releases"))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	put := func(text string) {
		t.Helper()
		if _, err := state.Write(t.Context(), store, "web/app 1.bin", []byte(text), state.Condition{}); err != nil {
			t.Fatal(err)
		}
	}
	c, err := artifact.OpenWith(t.TempDir(), nil, artifact.Options{OpenBucket: state.Open})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	uri := strings.Replace(server.StateURL("releases"), "s3://releases?", "s3://releases/web/app%201.bin?", 1)
	if _, err := c.Fetch(t.Context(), uri); state.CodeOf(err) != state.NotFound {
		t.Fatalf("before it is there: %v", err)
	}
	var last string
	for _, text := range []string{"first", "first", "second"} {
		put(text)
		f, err := c.Fetch(t.Context(), uri)
		if err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(f.Path)
		if err != nil || string(data) != text || f.FromCache || c.Latest(uri) != f.ETag {
			t.Fatalf("%q, %v, %+v", data, err, f)
		}
		last = f.ETag
	}
	dir := t.TempDir()
	f, err := c.Fetch(t.Context(), uri)
	if err == nil {
		err = c.Place(t.Context(), []artifact.File{f}, dir)
	}
	if data, readErr := os.ReadFile(filepath.Join(dir, "app 1.bin")); err != nil || string(data) != "second" {
		t.Fatalf("%q, %v, %v", data, err, readErr)
	}
	if err := server.Stop(); err != nil {
		t.Fatal(err)
	}
	stop = func() error { return nil }
	if f, err = c.Fetch(t.Context(), uri); err != nil || !f.FromCache || f.ETag != last || f.Note == "" {
		t.Fatalf("without the server: %+v, %v", f, err)
	}
}
