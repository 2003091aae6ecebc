// Package browser drives a headless Chromium for tests of pages: it finds what is on a page as a person does, waits for
// conditions, and takes down whatever a clean page must not do.
package browser

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// Browser is one Chromium for all tests of a binary. The zero Browser is ready for use: it starts with the first Page.
type Browser struct {
	once sync.Once
	err  error
	ctx  context.Context
	end  []context.CancelFunc
	dir  string // its profile
}

var errNoBrowser = errors.New("no Chromium on PATH: the browser tests are left out; to run them, install it (Debian: apt-get install chromium)")

// Path is where a Chromium or Chrome is; the error says how to install one.
func Path() (string, error) {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errNoBrowser
}

// Need skips a test when there is no browser. Where CI=true that fails it instead: nothing may be left out unseen there.
func Need(t testing.TB) {
	t.Helper()
	if _, err := Path(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
}

// start runs the browser, which lives until Close.
func (b *Browser) start() {
	path, err := Path()
	if err != nil {
		b.err = err
		return
	}
	if b.dir, b.err = os.MkdirTemp("", "stathub-test-browser-"); b.err != nil {
		return
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.UserDataDir(b.dir), chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		// It refuses to start with its sandbox as root, and where a container has neither user namespaces nor its setuid helper.
		// It sees nothing but our own pages.
		chromedp.NoSandbox,
		chromedp.Flag("disable-dev-shm-usage", true), // containers have 64 MiB of it, and tabs that need more die
	)
	ctx, end := chromedp.NewExecAllocator(context.Background(), options...)
	b.end = append(b.end, end)
	// What chromedp itself cannot make sense of, such as events of a newer protocol, is no fault of a page.
	quiet := func(string, ...any) {}
	b.ctx, end = chromedp.NewContext(ctx, chromedp.WithErrorf(quiet), chromedp.WithLogf(quiet))
	b.end = append(b.end, end)
	if err := chromedp.Do(b.ctx); err != nil {
		b.err = fmt.Errorf("cannot start %s: %w", path, err)
	}
}

// Close ends the browser and removes its profile. Without a Page there is nothing to close.
func (b *Browser) Close() error {
	if b.ctx != nil && b.err == nil {
		ctx, end := context.WithTimeout(b.ctx, 20*time.Second)
		chromedp.Cancel(ctx) //nolint:errcheck // it is ended below in any case
		end()
	}
	for i := range b.end {
		b.end[len(b.end)-1-i]()
	}
	if b.dir == "" {
		return nil
	}
	// Its children may write to the profile a moment longer.
	err := os.RemoveAll(b.dir)
	for deadline := time.Now().Add(10 * time.Second); err != nil && time.Now().Before(deadline); err = os.RemoveAll(b.dir) {
		time.Sleep(50 * time.Millisecond)
	}
	return err
}
