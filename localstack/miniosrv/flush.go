package miniosrv

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/go-json-experiment/json"
)

// The pinned version of MinIO wraps each answer in a writer that hides http.Flusher, so that events of
// ListenBucketNotification wait in a buffer for good. The version that mends it will not build with this: then both go.
const (
	flushFile   = "flush_stathub.go"
	flushSource = `package cmd

import "net/http"

func (w *trackingResponseWriter) Flush() { _ = http.NewResponseController(w.ResponseWriter).Flush() }
`
)

// withFlush copies the server's source into dir, with flushFile in it, and gives the path of a go.mod like that of pin
// which builds from there. (`go build -overlay` would do, but adds nothing to the module cache.)
func withFlush(ctx context.Context, pin, dir string) (string, error) {
	source, err := sourceDir(ctx, pin)
	if err != nil {
		return "", err
	}
	changed := filepath.Join(dir, "source")
	if err := os.CopyFS(changed, os.DirFS(source)); err != nil {
		return "", err
	}
	mod, err := os.ReadFile(filepath.Join(pin, "go.mod"))
	if err != nil {
		return "", err
	}
	sum, err := os.ReadFile(filepath.Join(pin, "go.sum"))
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "go.mod")
	return path, errors.Join(
		os.WriteFile(filepath.Join(changed, "cmd", flushFile), []byte(flushSource), 0o644),
		os.WriteFile(path, fmt.Appendf(mod, "\nreplace %s => %q\n", pkg, changed), 0o644),
		os.WriteFile(filepath.Join(dir, "go.sum"), sum, 0o644),
	)
}

// sourceDir gives the folder of the server's source in the module cache, fetched when it is not there yet.
func sourceDir(ctx context.Context, pin string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", "mod", "download", "-C", pin, "-json", pkg)
	cmd.Env = goEnv()
	text, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go mod download %s: %w\n%s", pkg, err, text)
	}
	var module struct{ Dir string }
	if err := json.Unmarshal(text, &module); err != nil {
		return "", fmt.Errorf("go mod download %s: %w", pkg, err)
	}
	return module.Dir, nil
}

// goEnv is the environment of the go command. Flags of the build around us (-race, -mod=…, a workspace) are not meant for it.
func goEnv() []string { return append(os.Environ(), "GOFLAGS=", "GOWORK=off", "CGO_ENABLED=0") }
