//go:build unix

package artifact

import (
	"archive/tar"
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// Each archive that is being unpacked takes memory: the others wait.
func TestArchivesWaitForTheirTurn(t *testing.T) {
	c, dir := openCache(t, nil, Options{}), t.TempDir()
	f := stock(t, c, "http://h/a.tar", tarOf(t, []tar.Header{file("x", "1")}...))
	for range unpackers {
		c.unpack <- struct{}{}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Place(ctx, []File{f}, dir); !errors.Is(err, context.Canceled) {
		t.Errorf("while others are unpacked: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "x")); err == nil {
		t.Error("it was unpacked out of turn")
	}
	<-c.unpack
	mustPlace(t, c, dir, f)
	if _, err := os.Stat(filepath.Join(dir, "x")); err != nil {
		t.Error(err)
	}
	if len(c.unpack) != unpackers-1 {
		t.Errorf("%d turns are taken", len(c.unpack))
	}
}

// An app can put a pipe where a file was a moment ago.
func TestNobodyWaitsForPipes(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	p := &placer{root: root}
	for _, flags := range []int{os.O_RDONLY, os.O_WRONLY, os.O_RDWR} {
		if f, err := p.openRegular("pipe", flags); err == nil {
			f.Close()
			t.Errorf("a pipe was opened with flags %x", flags)
		}
	}
}
