// Package miniosrv builds and runs a real MinIO server, for tests, benches and `make run --minio`. It works from a source
// tree: the server's version is pinned by the nested module localstack/minio, which go builds the first time.
package miniosrv

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

const pkg = "github.com/minio/minio"

// Binary gives the path of the pinned MinIO server, built with the go command when it is not in the user's cache
// directory (os.UserCacheDir) yet: that takes minutes, and logf says so. Processes that ask at the same time build once.
func Binary(ctx context.Context, logf func(format string, args ...any)) (string, error) {
	path, err := binary(ctx, logf)
	if err != nil {
		return "", fmt.Errorf("cannot get a MinIO server: %w", err)
	}
	return path, nil
}

func binary(ctx context.Context, logf func(string, ...any)) (string, error) {
	pin, err := pinDir()
	if err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	path, err := cachePath(cache, pin)
	if err != nil || exists(path) {
		return path, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", err
	}
	logf("looking for a MinIO server that is being built, or building it (%s): a few minutes, once", pkg)
	unlock, err := lock(ctx, path+".lock")
	if err != nil {
		return "", err
	}
	defer unlock()
	if exists(path) { // built while we waited
		return path, nil
	}
	logf("building it; it is kept as %s", path)
	start := time.Now()
	if err := build(ctx, pin, path); err != nil {
		return "", err
	}
	logf("built the MinIO server in %s", time.Since(start).Round(time.Second))
	return path, nil
}

// build leaves the whole program at path or nothing.
func build(ctx context.Context, pin, path string) error {
	dir, err := os.MkdirTemp(filepath.Dir(path), "building-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	out := filepath.Join(dir, filepath.Base(path))
	mod, err := withFlush(ctx, pin, dir)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-C", pin, "-modfile", mod, "-trimpath", "-ldflags=-s -w", "-o", out, pkg)
	cmd.Env = goEnv()
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build %s: %w\n%s", pkg, err, text)
	}
	return os.Rename(out, path)
}

// cachePath names the program after exactly what it is built from.
func cachePath(cache, pin string) (string, error) {
	h := sha256.New()
	for _, name := range []string{"go.mod", "go.sum"} {
		text, err := os.ReadFile(filepath.Join(pin, name))
		if err != nil {
			return "", err
		}
		fmt.Fprintf(h, "%s %d\n%s", name, len(text), text)
	}
	h.Write([]byte(flushSource))
	return filepath.Join(cache, "stathub", "minio-"+hex.EncodeToString(h.Sum(nil)[:8])+exeSuffix), nil
}

// pinDir finds localstack/minio, going up from the working directory to the root of module stathub.
func pinDir() (string, error) {
	wd, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for dir := wd; ; dir = filepath.Dir(dir) {
		text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && strings.HasPrefix(string(text), "module stathub\n") {
			return filepath.Join(dir, "localstack", "minio"), nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("no source tree of module stathub at or above %s: run from within it", wd)
		}
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// lock waits for the only builder's right. The operating system takes it back from a process that dies.
func lock(ctx context.Context, path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	for {
		err := tryLock(f)
		if err == nil {
			return func() { f.Close() }, nil
		}
		if !errors.Is(err, errLocked) {
			f.Close()
			return nil, fmt.Errorf("cannot lock %s: %w", path, err)
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, fmt.Errorf("waiting for another process to build: %w", context.Cause(ctx))
		case <-time.After(200 * time.Millisecond):
		}
	}
}
